"""Reminders, digests, and what workflows are told about deadlines."""
