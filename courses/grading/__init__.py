"""Grades: how a course's score comes about, and what would have to happen for another one."""
