"""The page of a course: an overview and its parts, each a tab with an address of its own."""
