"""The tabs that this app itself adds to a course's page."""

from __future__ import annotations

from courses.course_page import parts
from courses.course_page.tabs import OVERVIEW, CourseTab, register_tab
from courses.models import Announcement, Assignment, AssignmentRepository, CoursePerson, CourseResource, Module
from resources.models import Resource

FILES = (Resource.Kind.FILE, Resource.Kind.LINK)


def register() -> None:
    """Add all of them; called once, when the app is ready."""
    register_tab(CourseTab(OVERVIEW, "Overview", "layout-dashboard", 0, "courses/parts/overview.html", parts.overview))
    register_tab(
        CourseTab(
            "assignments",
            "Assignments",
            "list-todo",
            10,
            "courses/parts/assignments.html",
            parts.assignments,
            rows=lambda user: Assignment.objects.visible_to(user).in_sight(),
        )
    )
    register_tab(
        CourseTab(
            "modules",
            "Modules",
            "layers",
            20,
            "courses/parts/modules.html",
            parts.modules,
            rows=lambda user: Module.objects.visible_to(user).present().shown_once(),
        )
    )
    register_tab(
        CourseTab(
            "announcements",
            "Announcements",
            "megaphone",
            30,
            "courses/parts/announcements.html",
            parts.announcements,
            rows=lambda user: Announcement.objects.visible_to(user).shown_once(),
        )
    )
    register_tab(
        CourseTab(
            "resources",
            "Resources",
            "folder",
            40,
            "courses/parts/resources.html",
            parts.resources,
            rows=lambda user: CourseResource.objects.visible_to(user).filter(resource__kind__in=FILES),
        )
    )
    register_tab(CourseTab("grades", "Grades", "chart-line", 50, url_name="courses:grades"))
    register_tab(
        CourseTab(
            "people",
            "People",
            "users",
            60,
            "courses/parts/people.html",
            parts.people,
            rows=lambda user: CoursePerson.objects.visible_to(user).present(),
        )
    )
    register_tab(
        CourseTab(
            "repositories",
            "Repositories",
            "git-branch",
            70,
            "courses/parts/repositories.html",
            parts.repositories,
            rows=lambda user: AssignmentRepository.objects.visible_to(user),
            course_field="assignment__course_id",
        )
    )
    register_tab(
        CourseTab(
            "notes",
            "Notes",
            "notebook-pen",
            80,
            "courses/parts/notes.html",
            parts.notes,
            rows=lambda user: CourseResource.objects.visible_to(user).filter(resource__kind=Resource.Kind.NOTE),
        )
    )
    register_tab(CourseTab("activity", "Activity", "history", 90, "courses/parts/activity.html", parts.activity))
