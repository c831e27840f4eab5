"""What comes before what: the modules of a course, and courses that need other courses."""
