"""Archives of courses: one ZIP, readable without this site, made by a worker."""
