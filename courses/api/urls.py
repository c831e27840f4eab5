"""API addresses of courses."""

from django.urls import path

from coreengine.kernel.api.routers import ApiRouter
from courses.api.grades import CourseGradesView, GradeScenarioViewSet, GradesView, WhatIfView
from courses.api.views import (
    AnnouncementViewSet,
    AssignmentViewSet,
    CourseViewSet,
    ModuleViewSet,
    PlannerItemViewSet,
    TermViewSet,
)
from courses.archive.api import CourseArchiveViewSet
from courses.handmade.api import AssignmentGroupViewSet, CourseOrderView, DuplicateView, ResultView, UndoView
from courses.people.api import CoursePersonViewSet
from courses.syllabus.api import ImportViewSet

router = ApiRouter()
router.register("courses", CourseViewSet, basename="course")
router.register("assignments", AssignmentViewSet, basename="assignment")
router.register("modules", ModuleViewSet, basename="module")
router.register("planner-items", PlannerItemViewSet, basename="planner-item")
router.register("announcements", AnnouncementViewSet, basename="announcement")
router.register("terms", TermViewSet, basename="term")
router.register("grade-scenarios", GradeScenarioViewSet, basename="grade-scenario")

router.register("assignment-groups", AssignmentGroupViewSet, basename="assignment-group")
router.register("course-people", CoursePersonViewSet, basename="course-person")
router.register("course-imports", ImportViewSet, basename="course-import")
router.register("course-archives", CourseArchiveViewSet, basename="course-archive")

urlpatterns = [
    path("courses/order/", CourseOrderView.as_view(), name="course-order"),
    path("courses/<int:pk>/duplicate/", DuplicateView.as_view(), name="course-duplicate"),
    path("courses/<int:pk>/undo/", UndoView.as_view(), name="course-undo"),
    path("assignments/<int:pk>/result/", ResultView.as_view(), name="assignment-result"),
    path("grades/", GradesView.as_view(), name="grades"),
    path("courses/<int:pk>/grades/", CourseGradesView.as_view(), name="course-grades"),
    path("courses/<int:pk>/grades/what-if/", WhatIfView.as_view(), name="course-what-if"),
]
