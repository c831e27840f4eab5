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
from courses.grading.api.urls import grade_urls
from courses.grading.api.views import GradeScenarioViewSet

router = ApiRouter()
router.register("courses", CourseViewSet, basename="course")
router.register("assignments", AssignmentViewSet, basename="assignment")
router.register("modules", ModuleViewSet, basename="module")
router.register("planner-items", PlannerItemViewSet, basename="planner-item")
router.register("announcements", AnnouncementViewSet, basename="announcement")
router.register("terms", TermViewSet, basename="term")
router.register("grade-scenarios", GradeScenarioViewSet, basename="grade-scenario")

urlpatterns = [*grade_urls]
