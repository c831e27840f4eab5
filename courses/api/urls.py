"""API addresses of courses."""

from coreengine.kernel.api.routers import ApiRouter
from courses.api.views import (
    AnnouncementViewSet,
    AssignmentViewSet,
    CourseViewSet,
    ModuleViewSet,
    PlannerItemViewSet,
    TermViewSet,
)

router = ApiRouter()
router.register("courses", CourseViewSet, basename="course")
router.register("assignments", AssignmentViewSet, basename="assignment")
router.register("modules", ModuleViewSet, basename="module")
router.register("planner-items", PlannerItemViewSet, basename="planner-item")
router.register("announcements", AnnouncementViewSet, basename="announcement")
router.register("terms", TermViewSet, basename="term")
