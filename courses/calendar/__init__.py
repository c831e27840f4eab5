"""A student's time: what lies when, from every part of this app, on one calendar."""
