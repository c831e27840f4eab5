"""Bringing a source's records in: compare with what is there, write what differs, say what happened."""
