"""The system actions of this app; they are registered on import."""

from resources import file_actions  # noqa: F401
from resources.repositories import actions as repository_actions  # noqa: F401
