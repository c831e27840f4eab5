"""Addresses of the courses pages."""

from django.urls import include, path

from courses import dashboard_views, repository_views, views
from courses.grading.urls import grade_urls
from courses.planning import urls as planning
from courses.reminders import urls as reminder_urls
from courses.sameness.urls import urlpatterns as sameness

app_name = "courses"

urlpatterns = [
    path("", include("courses.workplan.urls")),
    path("", include("courses.maps.urls")),
    *planning.urlpatterns,
    path("calendar/", include("courses.calendar.urls")),
    path("courses/", views.course_list, name="list"),
    path("courses/new/", views.course_create, name="create"),
    path("courses/announcements/", views.announcement_list, name="announcements"),
    path("courses/announcements/<int:pk>/", views.announcement_detail, name="announcement"),
    path("courses/changes/", views.change_list, name="changes"),
    path("", include("courses.course_page.urls")),
    path("", include("courses.handmade.urls")),
    path("", include("courses.syllabus.urls")),
    path("", include("courses.archive.urls")),
    path("courses/<int:pk>/edit/", views.course_edit, name="edit"),
    path("courses/<int:pk>/delete/", views.course_delete, name="delete"),
    path("courses/<int:pk>/restore/", views.course_restore, name="restore"),
    path("courses/<int:pk>/hide/", views.course_hide, name="hide"),
    *grade_urls,
    path("dashboard/seen/", dashboard_views.seen, name="dashboard-seen"),
    path("courses/attach/", views.resource_attach, name="attach"),
    path("courses/<int:pk>/resources/<int:resource_pk>/detach/", views.resource_detach, name="detach"),
    path("courses/<int:course_pk>/assignments/", views.assignment_list, name="course-assignments"),
    path("courses/<int:course_pk>/assignments/new/", views.assignment_create, name="create-assignment"),
    path("assignments/", views.assignment_list, name="assignments"),
    path("assignments/new/", views.task_create, name="create-task"),
    path("assignments/repositories/link/", repository_views.link, name="link-repository"),
    path(
        "assignments/<int:pk>/repositories/<int:repository_pk>/unlink/",
        repository_views.unlink,
        name="unlink-repository",
    ),
    path("assignments/<int:pk>/", views.assignment_detail, name="assignment"),
    path("assignments/<int:pk>/edit/", views.assignment_edit, name="edit-assignment"),
    path("assignments/<int:pk>/done/", views.assignment_done, name="done"),
    path("assignments/<int:pk>/mark/", views.assignment_mark, name="mark"),
    path("assignments/<int:pk>/delete/", views.assignment_delete, name="delete-assignment"),
    path("assignments/<int:pk>/restore/", views.assignment_restore, name="restore-assignment"),
    *sameness,
    *reminder_urls.urlpatterns,
]
