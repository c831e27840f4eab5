"""Repositories of code: what a source says of them, their commits, issues, pull requests and CI runs."""
