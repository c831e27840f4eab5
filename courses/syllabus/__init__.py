"""Bringing work in from a table or a syllabus: read, shown for correction, then written at once or not at all."""
