"""API addresses of courses."""

from django.urls import path

from coreengine.kernel.api.routers import ApiRouter
from courses.api.dashboard import AgendaView, NewsSeenView, NewsView
from courses.api.grades import CourseGradesView, GradeScenarioViewSet, GradesView, WhatIfView
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
router.register("grade-scenarios", GradeScenarioViewSet, basename="grade-scenario")

urlpatterns = [
    path("agenda/", AgendaView.as_view(), name="agenda"),
    path("news/", NewsView.as_view(), name="news"),
    path("news/seen/", NewsSeenView.as_view(), name="news-seen"),
    path("grades/", GradesView.as_view(), name="grades"),
    path("courses/<int:pk>/grades/", CourseGradesView.as_view(), name="course-grades"),
    path("courses/<int:pk>/grades/what-if/", WhatIfView.as_view(), name="course-what-if"),
]
