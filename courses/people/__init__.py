"""The people of a course: what its source tells, and the student's own contacts and notes."""
