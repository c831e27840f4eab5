"""What this app adds to shared screens: the agenda, the sidebar's courses, two cards, three searches."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import escape

from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.pages import render_page
from coreengine.kernel.screens import (
    Card,
    NavItem,
    QuickAdd,
    SearchHit,
    SearchSource,
    register_card,
    register_nav,
    register_quick_add,
    register_search,
    register_slot,
)
from coreengine.kernel.typing import Request
from courses.agenda import Agenda, build_agenda, greeting
from courses.models import Announcement, Assignment, Course, CourseResource
from courses.moments import ago, long_date, moment
from courses.news import build_stream
from courses.pages import clock_of
from courses.querysets import COURSE_TAG_FIELDS
from courses.repository_pages import repository_labels, repository_work
from courses.sidebar import SHOWN, sidebar_courses
from courses.texts import excerpt
from resources.groupings import Choice, Grouping, register_grouping
from resources.models import Resource
from resources.repositories.labels import register_labels


def agenda_of(request: HttpRequest) -> Agenda:
    """Build the agenda once per request: the greeting counts what the agenda lists."""
    if not hasattr(request, "courses_agenda"):
        request.courses_agenda = build_agenda(request.user, clock_of(request.user))  # type: ignore
    return request.courses_agenda  # type: ignore


def answer_agenda(request: Request) -> HttpResponse:
    """Answer what was done on the dashboard: the agenda as it is then, and the sentence above it."""
    return render_page(request, "courses/_agenda_answer.html", {"agenda": agenda_of(request)})


def sidebar(request: Request, thing: Any = None) -> dict[str, Any] | None:
    if not request.user.is_authenticated:
        return None
    courses = sidebar_courses(request)
    if not courses:
        return None
    return {"courses": courses[:SHOWN], "has_more": len(courses) > SHOWN}


def dashboard_head(request: Request, thing: Any = None) -> dict[str, Any]:
    clock = clock_of(request.user)
    is_new = not sidebar_courses(request)
    return {
        "greeting": f"{greeting(clock)}, {request.user.first_name}",
        "today": long_date(clock.today),
        "sentence": "" if is_new else agenda_of(request).sentence,
    }


def dashboard_actions(request: Request, thing: Any = None) -> dict[str, Any] | None:
    return {} if sidebar_courses(request) else None


def agenda_card(request: Request) -> dict[str, Any]:
    agenda = agenda_of(request)
    has_courses = bool(agenda.sections or sidebar_courses(request))
    has_courses = has_courses or Course.objects.visible_to(request.user).exists()
    request.dashboard_starts = not has_courses  # type: ignore[attr-defined]
    return {"agenda": agenda, "has_courses": has_courses}


def news_card(request: Request) -> dict[str, Any] | None:
    stream = build_stream(request.user, clock_of(request.user))
    return {"stream": stream, "card_title": stream.title} if stream.new or stream.earlier else None


def resource_courses(request: Request, resource: Resource) -> dict[str, Any] | None:
    """The courses that a thing of the vault is attached to, and those it could be attached to."""
    links = CourseResource.objects.visible_to(request.user).filter(resource=resource)
    attached = [link.course for link in links.select_related("course").defer("course__search_vector")]
    known = {course.pk for course in attached}
    others = [course for course in sidebar_courses(request) if course.pk not in known]
    return {"attached": attached, "others": others, "resource": resource} if attached or others else None


def _choice(course: Course) -> Choice:
    shown = course.same_as_id or course.pk
    return Choice(str(shown), course.title, course.hue, f"/courses/{shown}/")


def grouping_choices(user: Any) -> list[Choice]:
    """The courses that have something attached."""
    return [_choice(course) for course in _HOLDERS.objects(owner=user.pk)]


def _holders(owner: int) -> QuerySet[Course]:
    user = owner_with(owner)
    links = CourseResource.objects.visible_to(user).order_by().values("course_id")
    holders = Course.objects.visible_to(user).filter(pk__in=links).values(shown=Coalesce("same_as_id", "pk"))
    courses = Course.objects.visible_to(user).filter(pk__in=holders).by_name()
    return courses.only("name", "nickname", "hue", "same_as_id")


_HOLDERS = KeptQuery(_holders, owner=int)


def grouped_resources(user: Any, value: str) -> QuerySet:
    links = CourseResource.objects.visible_to(user)
    links = links.in_course(int(value)) if value.isdecimal() and len(value) < 19 else links.none()
    return links.order_by().values("resource_id")


def grouping_labels(user: Any, resource_ids: list[int]) -> list[tuple[int, Choice]]:
    links = _LABELS.objects(owner=user.pk, ids=resource_ids)
    # By the course that is shown: a file that two sources' courses have wears one label.
    return list(dict.fromkeys((link.resource_id, _choice(link.course)) for link in links))


def _links_of(owner: int, ids: int) -> QuerySet[CourseResource]:
    links = CourseResource.objects.visible_to(owner_with(owner)).filter(resource__pk__any_of=ids)
    return links.select_related("course").only(
        "resource_id", "course__name", "course__nickname", "course__hue", "course__same_as_id"
    )


_LABELS = KeptQuery(_links_of, owner=int, ids=int)


def _hits(kept: KeptQuery, user: Any, query: str, limit: int, kind: str, meta: Any, text: Any) -> list[SearchHit]:
    return [
        SearchHit(
            title=str(row),
            url=row.get_absolute_url(),
            snippet_html=excerpt(text(row), query),
            kind=kind,
            meta=meta(row),
            rank=row.rank,
        )
        for row in kept.objects(owner=user.pk, words=query, limit=limit)
    ]


def _found_courses(owner: int, words: str, limit: int) -> QuerySet[Course]:
    rows = Course.objects.visible_to(owner_with(owner)).shown_once().matching(words)
    return rows.select_related("term").defer("search_vector")[:limit]


def _found_assignments(owner: int, words: str, limit: int) -> QuerySet[Assignment]:
    columns = ("name", "due_at", "notes", "description_html", *COURSE_TAG_FIELDS)
    rows = Assignment.objects.visible_to(owner_with(owner)).in_sight().matching(words)
    return rows.select_related("course").only(*columns)[:limit]


def _found_announcements(owner: int, words: str, limit: int) -> QuerySet[Announcement]:
    return Announcement.objects.visible_to(owner_with(owner)).shown_once().matching(words).for_list()[:limit]


_FOUND_COURSES = KeptQuery(_found_courses, owner=int, words=str)
_FOUND_ASSIGNMENTS = KeptQuery(_found_assignments, owner=int, words=str)
_FOUND_ANNOUNCEMENTS = KeptQuery(_found_announcements, owner=int, words=str)


def search_courses(user: Any, query: str, limit: int) -> list[SearchHit]:
    return _hits(
        _FOUND_COURSES,
        user,
        query,
        limit,
        "course",
        meta=lambda row: " · ".join(filter(None, [row.code, str(row.term or "")])),
        text=lambda row: f"{escape(row.notes)} {row.syllabus_html}",
    )


def search_assignments(user: Any, query: str, limit: int) -> list[SearchHit]:
    clock = clock_of(user)

    def meta(row: Assignment) -> str:
        return f"{row.course.title} · due {moment(row.due_at, clock).within}" if row.due_at else row.course.title

    return _hits(
        _FOUND_ASSIGNMENTS,
        user,
        query,
        limit,
        "assignment",
        meta=meta,
        text=lambda row: f"{escape(row.notes)} {row.description_html}",
    )


def search_announcements(user: Any, query: str, limit: int) -> list[SearchHit]:
    now = timezone.now()
    return _hits(
        _FOUND_ANNOUNCEMENTS,
        user,
        query,
        limit,
        "announcement",
        meta=lambda row: f"{row.course.title} · {ago(row.posted_at, now)}",
        text=lambda row: row.message_html,
    )


def register() -> None:
    """Add all of it; called once, when the app is ready."""
    register_nav(NavItem("courses", "Courses", "graduation-cap", "courses:list", 20, also=("courses:assignments",)))
    register_nav(NavItem("grades", "Grades", "award", "courses:all-grades", 30))
    register_slot("sidebar", "courses/_sidebar.html", context=sidebar, order=10)
    register_slot("dashboard_head", "courses/_greeting.html", context=dashboard_head, order=10)
    register_slot("dashboard_actions", "courses/_dashboard_actions.html", context=dashboard_actions, order=90)
    register_quick_add(QuickAdd("assignment", "Assignment", "file-plus", "courses:create-task", 15))
    register_quick_add(QuickAdd("course", "Course", "graduation-cap", "courses:create", 20))
    register_card(Card("agenda", "Agenda", "courses/_agenda_card.html", agenda_card, 10, region="main", loads="inline"))
    register_card(Card("news", "What’s new", "courses/_news_card.html", news_card, 20, lines=7))
    register_slot("resource_attachments", "courses/_resource_courses.html", context=resource_courses, order=10)
    register_slot("repository_sidebar", "courses/_repository_work.html", context=repository_work, order=10)
    register_labels(repository_labels)
    register_grouping(Grouping("course", "Course", grouping_choices, grouped_resources, grouping_labels))
    register_search(SearchSource("courses", "Courses", "graduation-cap", search_courses, 10))
    register_search(SearchSource("assignments", "Assignments", "list-todo", search_assignments, 20))
    register_search(SearchSource("announcements", "Announcements", "megaphone", search_announcements, 30))
