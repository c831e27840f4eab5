"""Fields of forms in which one of the student's courses or assignments is chosen.

A form is shown far more often than sent: its options come from kept statements, and what was chosen is looked up in the
student's own rows when the form is sent. So more can be chosen than is offered, as through the API.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Case, Q, QuerySet, Value, When
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.ai_policy import policy_in_brackets
from courses.models import Assignment, Course

MOST_ASSIGNMENTS = 200
_MOST_DIGITS = 18


class CourseField(forms.ModelChoiceField):
    """One of the courses that go on, by name. `offer_courses` fills it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=Course.objects.none(), **kwargs)


class AssignmentField(forms.ModelChoiceField):
    """One assignment, by its name and its course: many courses have a "Problem set 1". `offer_assignments` fills it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=Assignment.objects.none(), **kwargs)


def offer_courses(form: forms.Form, owner: User, name: str = "course", *, with_policy: bool = False) -> bool:
    """Offer the courses that go on, and the one that is chosen in the form already, whatever became of it.

    `with_policy` adds to each what it allows of AI, where that is noted. False where there is no course to offer.
    """
    rows = _COURSES.rows(owner=owner.pk, now=timezone.now(), chosen=_chosen(form, name))
    options = [
        (pk, f"{nickname or title}{policy_in_brackets(policy) if with_policy else ''}")
        for pk, title, nickname, policy in rows
    ]
    _offer(form.fields[name], Course.objects.editable_by(owner), options)
    return bool(rows)


def offer_assignments(form: forms.Form, owner: User, name: str = "assignment") -> None:
    """Offer what is outstanding in courses that go on, the soonest first, after the one that is chosen already.

    The list ends after `MOST_ASSIGNMENTS`.
    """
    rows = _ASSIGNMENTS.rows(owner=owner.pk, now=timezone.now(), chosen=_chosen(form, name))
    options = [(pk, f"{title} · {nickname or course}") for pk, title, course, nickname in rows]
    _offer(form.fields[name], Assignment.objects.editable_by(owner), options)


def _offer(field: Any, rows: QuerySet[Any], options: Sequence[tuple[int, str]]) -> None:
    field.queryset = rows
    field.choices = options if field.empty_label is None else [("", field.empty_label), *options]


def _chosen(form: forms.Form, name: str) -> int | None:
    """The id that the form has in a field, typed or given."""
    value = form[name].value()
    text = str(getattr(value, "pk", value))
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _offered_courses(owner: int, now: datetime, chosen: int | None) -> QuerySet[Any]:
    own = Course.objects.editable_by(owner_with(owner))
    rows = own.active(now)
    if chosen is not None:
        rows = own.filter(Q(pk=chosen) | Q(pk__in=rows.order_by().values("pk")))
    return rows.by_name().values_list("pk", "name", "nickname", "ai_policy")


_COURSES = KeptQuery(_offered_courses, owner=int, now=datetime, chosen=int)


def _offered_assignments(owner: int, now: datetime, chosen: int | None) -> QuerySet[Any]:
    own = Assignment.objects.editable_by(owner_with(owner))
    outstanding = own.present().in_active_courses(now).outstanding(now)
    rows = outstanding.by_due_date()
    if chosen is not None:
        rows = own.filter(Q(pk=chosen) | Q(pk__in=outstanding.order_by().values("pk"))).by_due_date()
        rows = rows.order_by(Case(When(pk=chosen, then=Value(0)), default=Value(1)), *rows.query.order_by)
    return rows.values_list("pk", "name", "course__name", "course__nickname")[:MOST_ASSIGNMENTS]


_ASSIGNMENTS = KeptQuery(_offered_assignments, owner=int, now=datetime, chosen=int)
