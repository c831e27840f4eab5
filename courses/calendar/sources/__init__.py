"""Calendars of others, brought in from an address or a file and kept in step."""
