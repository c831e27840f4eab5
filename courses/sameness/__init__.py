"""One thing from several sources: found, shown once, joined and parted by the student's word."""
