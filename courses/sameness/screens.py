"""What this part adds to the pages of courses and of their work."""

from coreengine.kernel.screens import register_slot
from courses.sameness.pages import same_course_card, same_work_card


def register() -> None:
    """Add it; called once, when the app is ready."""
    register_slot("assignment_sidebar", "courses/sameness/_card.html", context=same_work_card, order=80)
    register_slot("course_sidebar", "courses/sameness/_card.html", context=same_course_card, order=80)
