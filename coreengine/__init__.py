"""Core Engine: a study and project system for computer-science students."""

__version__ = "0.1.0"
