"""What the maps add to the rest of the product."""

from __future__ import annotations

from courses.course_page.tabs import CourseTab, register_tab


def register() -> None:
    """Add all of it; called once, when the app is ready."""
    register_tab(CourseTab("map", "Map", "waypoints", 25, url_name="courses:module-map"))
