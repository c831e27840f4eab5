"""Telling that an event of a calendar is something the student has already: from Canvas, or from their own feed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q

from coreengine.accounts.models import User
from courses.models import Assignment, PlannerItem

# Source: the calendar feed of Canvas, whose ids these are (app/models/calendar_event.rb and assignment.rb).
_ASSIGNMENT = re.compile(r"event-assignment-(?:override-)?(\d+)\b")
_EVENT = re.compile(r"event-calendar-event-(\d+)\b")
_IN_ADDRESS = re.compile(r"(?:/assignments/|#assignment_)(\d+)\b")

SAME_MOMENT = timedelta(minutes=1)


def feed_mark(owner: User) -> str:
    """What every id in a student's own feeds ends in; nobody else's feed has it."""
    digest = hashlib.sha256(f"{settings.SECRET_KEY}:calendar:{owner.pk}".encode()).hexdigest()[:16]
    return f"@{digest}.core-engine"


class Described(Protocol):
    """What tells an event: a row of events, or a line of a calendar's times."""

    @property
    def uid(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def source_id(self) -> int | None: ...


@dataclass
class Twins:
    """Which things an event stands for, by the ids that Canvas gives and by addresses."""

    assignments: dict[str, list[Assignment]] = field(default_factory=dict)
    items: dict[str, list[PlannerItem]] = field(default_factory=dict)
    by_title: dict[str, list[PlannerItem]] = field(default_factory=dict)
    mark: str = ""

    def of(self, event: Described) -> Assignment | PlannerItem | None:
        """The assignment or planner item that an event is, or None."""
        for number in _numbers(_ASSIGNMENT, _IN_ADDRESS, event):
            for assignment in self.assignments.get(number, []):
                if _same_place(event.url, assignment.html_url):
                    return assignment
        for number in _numbers(_EVENT, None, event):
            for item in self.items.get(f"calendar_event:{number}", []):
                if _same_place(event.url, item.html_url):
                    return item
        return None

    def named_alike(self, title: str, starts_at: datetime) -> PlannerItem | None:
        """The source's event of the same name that begins at the same moment, give or take a minute."""
        for item in self.by_title.get(title.strip().casefold(), []):
            if item.starts_at is not None and abs(item.starts_at - starts_at) <= SAME_MOMENT:
                return item
        return None

    def is_own(self, event: Described) -> bool:
        """Tell whether an event came out of one of the student's own feeds."""
        return event.uid.endswith(self.mark)


def twins_of(owner: User, events: Iterable[Described], start: datetime, end: datetime) -> Twins:
    """Look up what these events of a span may stand for: three queries at most, none where no calendar brought one."""
    events = [event for event in events if event.source_id is not None]
    works: set[str] = set()
    planned: set[str] = set()
    for event in events:
        works.update(_numbers(_ASSIGNMENT, _IN_ADDRESS, event))
        planned.update(f"calendar_event:{number}" for number in _numbers(_EVENT, None, event))
    found = Twins(mark=feed_mark(owner))
    if works:
        rows = Assignment.objects.visible_to(owner).present().filter(~Q(source=""), external_id__in=works)
        for row in rows.only("name", "external_id", "html_url", "owner_id"):
            found.assignments.setdefault(row.external_id, []).append(row)
    if planned:
        items = PlannerItem.objects.visible_to(owner).present().filter(external_id__in=planned)
        for item in items.only("title", "external_id", "html_url", "owner_id"):
            found.items.setdefault(item.external_id, []).append(item)
    if events:
        near = PlannerItem.objects.visible_to(owner).present().beside_assignments()
        near = near.filter(starts_at__gte=start - SAME_MOMENT, starts_at__lte=end + SAME_MOMENT)
        for item in near.only("title", "starts_at", "html_url", "owner_id"):
            found.by_title.setdefault(item.title.strip().casefold(), []).append(item)
    return found


def _numbers(by_id: re.Pattern[str], by_address: re.Pattern[str] | None, event: Described) -> list[str]:
    found = by_id.findall(event.uid)
    return found or (by_address.findall(event.url) if by_address is not None else [])


def _same_place(one: str, other: str) -> bool:
    """Two universities may use the same number: where both addresses are known, their hosts are the same."""
    hosts = {urlsplit(one).hostname, urlsplit(other).hostname} - {None}
    return len(hosts) < 2
