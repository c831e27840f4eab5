"""What the maps add to the rest of the product."""

from __future__ import annotations

from typing import Any

from coreengine.kernel.screens import register_slot
from coreengine.kernel.typing import Request
from courses.models import Course


def map_link(request: Request, course: Course) -> dict[str, Any]:
    """The card beside a course that leads to its map."""
    return {"course": course}


def register() -> None:
    """Add all of it; called once, when the app is ready."""
    register_slot("course_sidebar", "courses/maps/_card.html", context=map_link, order=60)
