"""A Google Drive on this machine, for tests and demonstrations: it speaks the documented protocol of version 3."""
