"""The Canvas REST API under /api/v1, with the field names of the real one."""

from .routes import routes

__all__ = ["routes"]
