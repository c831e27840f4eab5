"""API addresses of courses."""

from django.urls import path

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
from courses.maps.api import CourseMapView, CoursePrerequisiteViewSet, ModuleMapView
from courses.workplan.api import PlanPreferencesView, PlanProposalViewSet, WorkBlockViewSet, WorkloadView
from courses.planning.api import OwnTaskViewSet, PlannerItemView, PlannerView
from courses.calendar.api.views import (
    CalendarEventViewSet,
    CalendarFeedViewSet,
    CalendarSourceViewSet,
    EntriesView,
)

router = ApiRouter()
router.register("calendar-events", CalendarEventViewSet, basename="calendar-event")
router.register("calendar-sources", CalendarSourceViewSet, basename="calendar-source")
router.register("calendar-feeds", CalendarFeedViewSet, basename="calendar-feed")
router.register("courses", CourseViewSet, basename="course")
router.register("assignments", AssignmentViewSet, basename="assignment")
router.register("modules", ModuleViewSet, basename="module")
router.register("planner-items", PlannerItemViewSet, basename="planner-item")
router.register("announcements", AnnouncementViewSet, basename="announcement")
router.register("terms", TermViewSet, basename="term")
router.register("own-tasks", OwnTaskViewSet, basename="own-task")
router.register("grade-scenarios", GradeScenarioViewSet, basename="grade-scenario")
router.register("work-blocks", WorkBlockViewSet, basename="work-block")
router.register("plan-proposals", PlanProposalViewSet, basename="plan-proposal")
router.register("course-prerequisites", CoursePrerequisiteViewSet, basename="course-prerequisite")

urlpatterns = [
    path("course-map/", CourseMapView.as_view(), name="course-map"),
    path("courses/<int:pk>/map/", ModuleMapView.as_view(), name="module-map"),
    path("workload/", WorkloadView.as_view(), name="workload"),
    path("plan-preferences/", PlanPreferencesView.as_view(), name="plan-preferences"),
    path("planner/", PlannerView.as_view(), name="planner"),
    path("planner/<str:key>/", PlannerItemView.as_view(), name="planner-item"),
    path("calendar/entries/", EntriesView.as_view(), name="calendar-entries"),
    path("grades/", GradesView.as_view(), name="grades"),
    path("courses/<int:pk>/grades/", CourseGradesView.as_view(), name="course-grades"),
    path("courses/<int:pk>/grades/what-if/", WhatIfView.as_view(), name="course-what-if"),
]
urlpatterns = [*grade_urls]
