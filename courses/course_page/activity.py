"""What happened in a course, said from the event log, day by day."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.models import Event
from courses.changes import TYPES, change_of
from courses.models import Assignment, Course
from courses.moments import Clock, day_name
from courses.services import DELETED_KEPT_FOR

PAGE = 60
WORDS: dict[str, tuple[str, str]] = {
    "announcement.posted": ("megaphone", "was announced"),
    "announcement.updated": ("megaphone", "was rewritten"),
    "assignment.deleted": ("trash-2", "was deleted"),
    "assignment.done": ("check", "was marked as done"),
    "assignment.reopened": ("undo-2", "was taken up again"),
    "assignment.restored": ("undo-2", "was brought back"),
    "course.duplicated": ("copy", "was made after another course"),
    "course.group_created": ("layers", "has a new group:"),
    "course.group_deleted": ("layers", "lost a group:"),
    "course.group_updated": ("layers", "has a changed group:"),
    "course.imported": ("file-up", "took in a list of work:"),
    "course.import_undone": ("undo-2", "gave an imported list back:"),
    "course.people_updated": ("users", "has a changed list of people"),
    "course.person_added": ("user-plus", "has a new contact:"),
    "course.person_removed": ("user-minus", "lost a contact:"),
    "course.resource_attached": ("paperclip", "got"),
    "course.resource_detached": ("paperclip", "no longer has"),
    "course.restored": ("undo-2", "was brought back"),
    "submission.commented": ("message-square-text", "got feedback"),
    "submission.submitted": ("send", "was handed in"),
}
OWN_WORDS = {
    "hue": "its colour",
    "is_hidden": "whether it is hidden",
    "nickname": "its name",
    "notes": "its notes",
    "ai_policy": "its policy on AI",
    "ai_policy_text": "what the teacher says about AI",
    "ai_policy_where": "where the policy on AI is stated",
    "starts_at": "its first day",
    "ends_at": "its last day",
}


def undoable(user: User, course: Course, *types: str) -> QuerySet[Event]:
    """What happened in a course in the last thirty days and can be taken back."""
    long_ago = timezone.now() - DELETED_KEPT_FOR
    return Event.objects.visible_to(user).of(course).filter(type__in=types, time__gte=long_ago, data__has_key="facts")


@dataclass(frozen=True)
class ActivityLine:
    """One thing that happened."""

    icon: str
    name: str
    url: str
    verb: str
    new: str
    old: str
    at: str
    iso: str
    is_own: bool


@dataclass
class ActivityDay:
    title: str
    lines: list[ActivityLine] = field(default_factory=list)


def activity_lines(
    user: User, course: Course, clock: Clock, *, before: int | None = None
) -> tuple[list[ActivityDay], int | None]:
    """The newest events about a course by day, and from which one on older ones go on; None where there are none.

    What a source's first import brought is left out: it is all new, and none of it happened. One query; one more
    where another source has the same course, whose own events are among them.
    """
    about = Q(data__course=course.pk) | Q(subject_type="courses.course", subject_id=str(course.pk))
    if getattr(course, "has_twins", False):
        twins = [pk for pk in Course.objects.same_ids(course) if pk != course.pk]
        # What happened to work that both have was told of the one that is shown.
        told = Assignment.objects.filter(course__in=twins, same_as__isnull=False)
        told_ids = told.annotate(name_of_pk=Cast("pk", CharField())).order_by().values("name_of_pk")
        own = ~Q(subject_type="courses.assignment", subject_id__in=told_ids)
        about |= Q(data__course__in=twins) & own
    rows = Event.objects.filter(about, owner=user, type__in=[*WORDS, *TYPES, "course.updated"])
    rows = rows.exclude(Q(data__contains={"baseline": True})).order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    events = list(rows[: PAGE + 1])
    days: dict[Any, ActivityDay] = {}
    for event in events[:PAGE]:
        day = clock.day_of(event.time)
        section = days.setdefault(day, ActivityDay(day_name(day, clock.today)))
        section.lines.append(_line(event, clock))
    return list(days.values()), events[PAGE - 1].pk if len(events) > PAGE else None


def _line(event: Event, clock: Clock) -> ActivityLine:
    local = event.time.astimezone(clock.zone)
    is_own = bool(event.data.get("by_hand")) or event.type in ("assignment.done", "assignment.reopened")
    icon, name, url, verb, new, old = _words(event, clock)
    return ActivityLine(icon, name, url, verb, new, old, f"{local:%H:%M}", local.isoformat(), is_own)


def _words(event: Event, clock: Clock) -> tuple[str, str, str, str, str, str]:
    data = event.data
    if event.type in WORDS:
        icon, verb = WORDS[event.type]
        place = {"courses.assignment": "assignments", "courses.announcement": "courses/announcements"}
        url = f"/{place.get(event.subject_type, 'courses')}/{event.subject_id}/"
        what = str(data.get("group_name") or data.get("person") or data.get("title") or data.get("what") or "")
        name = str(data.get("name", "")) or "The course"
        return icon, name, url, verb, what if event.subject_type == "courses.course" else "", ""
    if event.type == "course.updated":
        fields = [OWN_WORDS.get(name, name.replace("_", " ")) for name in data.get("changes", {})]
        url = f"/courses/{event.subject_id}/"
        return "pencil", str(data.get("name", "")), url, "changed:", ", ".join(fields[:4]) or "something", ""
    found = change_of(event, clock)
    return found.icon, found.name, found.url, found.verb, found.new, found.old
