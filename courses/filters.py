"""The filters of lists, the same for a page and for the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone

from courses.models import Announcement, Assignment, Course, Module, PlannerItem, Term
from courses.work_state import WorkState


def own_courses(request) -> QuerySet[Course]:
    return Course.objects.visible_to(request.user).shown_once() if request else Course.objects.none()


def own_terms(request) -> QuerySet[Term]:
    return Term.objects.visible_to(request.user) if request else Term.objects.none()


class InCourse(django_filters.ModelChoiceFilter):
    """What belongs to a course, from whatever source."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("queryset", own_courses)
        super().__init__(*args, **kwargs)

    def filter(self, qs: Any, value: Course | None) -> Any:
        return qs if value is None else qs.in_course(value)


class CourseFilter(django_filters.FilterSet):
    SHOW = [("active", "Going on"), ("concluded", "Concluded"), ("hidden", "Hidden"), ("all", "All")]

    term = django_filters.ModelChoiceFilter(queryset=own_terms)
    source = django_filters.CharFilter(field_name="source", help_text="connection:12; empty for courses made by hand")
    show = django_filters.ChoiceFilter(choices=SHOW, method="filter_show", help_text="active, concluded, hidden or all")
    q = django_filters.CharFilter(method="filter_words", help_text="words to look for")

    class Meta:
        model = Course
        fields = ["term", "source", "show", "q"]

    def filter_show(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        now = timezone.now()
        shown = {
            "active": lambda: queryset.active(now),
            "concluded": lambda: queryset.concluded(now).filter(is_hidden=False),
            "hidden": lambda: queryset.hidden(),
            "all": lambda: queryset,
        }
        return shown[value]()

    def filter_words(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(pk__in=queryset.matching(value).order_by().values("pk"))


class AssignmentFilter(django_filters.FilterSet):
    STATES = [
        *WorkState.choices,
        ("outstanding", "To do"),
        ("missing", "Missing"),
        ("late", "Overdue, and not called missing"),
        ("waiting", "Waiting for a grade"),
    ]

    course = InCourse()
    state = django_filters.ChoiceFilter(choices=STATES, method="filter_state", help_text="where the work stands")
    due_before = django_filters.IsoDateTimeFilter(field_name="due_at", lookup_expr="lt")
    due_after = django_filters.IsoDateTimeFilter(field_name="due_at", lookup_expr="gte")
    q = django_filters.CharFilter(method="filter_words", help_text="words to look for")

    class Meta:
        model = Assignment
        fields = ["course", "state", "due_before", "due_after", "q"]

    def filter_state(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        now = timezone.now()
        if value == "outstanding":
            return queryset.outstanding(now)
        if value == "late":
            return queryset.overdue(now).not_called_missing()
        if value in ("missing", "waiting"):
            return queryset.called_missing() if value == "missing" else queryset.waiting_for_grade()
        return queryset.overdue(now) if value == WorkState.OVERDUE else queryset.in_state(value, now)

    def filter_words(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(pk__in=queryset.matching(value).order_by().values("pk"))


class ModuleFilter(django_filters.FilterSet):
    course = InCourse()
    state = django_filters.ChoiceFilter(choices=Module.State.choices)

    class Meta:
        model = Module
        fields = ["course", "state"]


class PlannerItemFilter(django_filters.FilterSet):
    course = InCourse()
    kind = django_filters.CharFilter(help_text="assignment, quiz, calendar_event, wiki_page, …")
    starts_after = django_filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="gte")
    starts_before = django_filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="lt")
    is_marked_complete = django_filters.BooleanFilter()

    class Meta:
        model = PlannerItem
        fields = ["course", "kind", "starts_after", "starts_before", "is_marked_complete"]


class AnnouncementFilter(django_filters.FilterSet):
    course = InCourse()
    posted_after = django_filters.IsoDateTimeFilter(field_name="posted_at", lookup_expr="gte")
    posted_before = django_filters.IsoDateTimeFilter(field_name="posted_at", lookup_expr="lt")
    q = django_filters.CharFilter(method="filter_words", help_text="words to look for")

    class Meta:
        model = Announcement
        fields = ["course", "posted_after", "posted_before", "q"]

    def filter_words(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(pk__in=queryset.matching(value).order_by().values("pk"))
