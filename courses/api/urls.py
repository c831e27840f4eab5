"""API addresses of courses."""

from django.urls import path

from coreengine.kernel.api.routers import ApiRouter
from courses.api.dashboard import AgendaView, NewsSeenView, NewsView
from courses.api.views import (
    AnnouncementViewSet,
    AssignmentViewSet,
    CourseViewSet,
    ModuleViewSet,
    PlannerItemViewSet,
    TermViewSet,
)
from courses.archive.api import CourseArchiveViewSet
from courses.calendar.api.views import (
    CalendarEventViewSet,
    CalendarFeedViewSet,
    CalendarSourceViewSet,
    EntriesView,
)
from courses.grading.api.urls import grade_urls
from courses.grading.api.views import GradeScenarioViewSet
from courses.handmade.api import AssignmentGroupViewSet, CourseOrderView, DuplicateView, ResultView, UndoView
from courses.maps.api import CourseMapView, CoursePrerequisiteViewSet, ModuleMapView
from courses.people.api import CoursePersonViewSet
from courses.planning.api import OwnTaskViewSet, PlannerItemView, PlannerView
from courses.reminders.api.views import MyDigestView, MyRemindersView, ReminderRuleViewSet, ReminderViewSet
from courses.syllabus.api import ImportViewSet
from courses.workplan.api import PlanPreferencesView, PlanProposalViewSet, WorkBlockViewSet, WorkloadView

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
router.register("assignment-groups", AssignmentGroupViewSet, basename="assignment-group")
router.register("course-people", CoursePersonViewSet, basename="course-person")
router.register("course-imports", ImportViewSet, basename="course-import")
router.register("course-archives", CourseArchiveViewSet, basename="course-archive")
router.register("reminders", ReminderViewSet, basename="reminder")
router.register("reminder-rules", ReminderRuleViewSet, basename="reminder-rule")

urlpatterns = [
    path("course-map/", CourseMapView.as_view(), name="course-map"),
    path("courses/<int:pk>/map/", ModuleMapView.as_view(), name="module-map"),
    path("workload/", WorkloadView.as_view(), name="workload"),
    path("plan-preferences/", PlanPreferencesView.as_view(), name="plan-preferences"),
    path("planner/", PlannerView.as_view(), name="planner"),
    path("planner/<str:key>/", PlannerItemView.as_view(), name="planner-item"),
    path("calendar/entries/", EntriesView.as_view(), name="calendar-entries"),
    path("courses/order/", CourseOrderView.as_view(), name="course-order"),
    path("courses/<int:pk>/duplicate/", DuplicateView.as_view(), name="course-duplicate"),
    path("courses/<int:pk>/undo/", UndoView.as_view(), name="course-undo"),
    path("assignments/<int:pk>/result/", ResultView.as_view(), name="assignment-result"),
    path("me/reminders/", MyRemindersView.as_view(), name="my-reminders"),
    path("me/digest/", MyDigestView.as_view(), name="my-digest"),
    *grade_urls,
    path("agenda/", AgendaView.as_view(), name="agenda"),
    path("news/", NewsView.as_view(), name="news"),
    path("news/seen/", NewsSeenView.as_view(), name="news-seen"),
]
