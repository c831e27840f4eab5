"""What the pages of calendars say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from coreengine.accounts.models import User
from courses.calendar.forms import FileForm, SourceForm
from courses.models import CalendarEvent, CalendarSource
from courses.moments import Clock, ago, short_date

STATES = {
    "draft": ("waiting", "Look and say yes"),
    "pending": ("running", "Being read"),
    "completed": ("completed", "In step"),
    "failed": ("failed", "Cannot be read"),
}
PROBLEMS_SHOWN = 50
REMOVED_SHOWN = 10


@dataclass(frozen=True)
class SourceLine:
    """One calendar of the list."""

    source: CalendarSource
    status: str
    label: str
    facts: list[str]


def source_lines(owner: User, clock: Clock) -> list[SourceLine]:
    """List a student's calendars with how many events each has; one query."""
    rows = CalendarSource.objects.visible_to(owner).select_related("course").defer("address", "report")
    rows = rows.annotate(event_count=Count("events", filter=Q(events__missing_since__isnull=True)))
    return [_line(row, row.event_count, clock) for row in rows]


def _line(source: CalendarSource, count: int, clock: Clock) -> SourceLine:
    status, label = STATES[source.state]
    if source.state == "completed" and source.kind == CalendarSource.Kind.FILE:
        label = "Taken"
    facts = [f"{count:,} event{'' if count == 1 else 's'}"] if not source.is_draft else []
    facts.append(source.address_shown or "from a file")
    if source.fetched_at:
        facts.append(f"read {ago(source.fetched_at, clock.now)}")
    if not source.is_busy:
        facts.append("takes no time")
    return SourceLine(source, status, label, facts)


def source_page(source: CalendarSource, owner: User, clock: Clock) -> dict[str, Any]:
    """What the page of one calendar needs."""
    events = CalendarEvent.objects.visible_to(owner).filter(source=source)
    gone = events.filter(missing_since__isnull=False).order_by("-missing_since").only("title", "starts_at")
    removed = list(gone[:REMOVED_SHOWN])
    count = events.present().count() if not source.is_draft else 0
    report = source.report
    return {
        "source": source,
        "line": _line(source, count, clock),
        "report": report,
        "report_words": _report_words(report, clock),
        "problems": report.get("problems", [])[:PROBLEMS_SHOWN],
        "more_problems": max(0, report.get("problem_count", 0) - PROBLEMS_SHOWN),
        "removed": removed,
        "is_waiting": source.next_at is not None and source.state in ("draft", "pending"),
        "can_take": source.is_draft and bool(report.get("events")) and not source.error,
        "form": SourceForm(
            initial={"name": source.name, "is_busy": True, "hue": source.hue, "course": source.course_id}, owner=owner
        ),
        "file_form": FileForm(),
    }


def _report_words(report: dict[str, Any], clock: Clock) -> list[str]:
    """ "214 events, 12 of which repeat", "from 3 Sep 2026 to 11 Feb 2027", "2 are cancelled"."""
    if not report:
        return []
    count = report["events"]
    words = [f"{count:,} event{'' if count == 1 else 's'}"]
    if report["repeating"]:
        words[0] += f", {report['repeating']:,} of which repeat"
    if report["first"]:
        days = [clock.day_of(datetime.fromisoformat(report[name])) for name in ("first", "last")]
        words.append(" to ".join(f"{short_date(day)} {day.year}" for day in dict.fromkeys(days)))
    if report["cancelled"]:
        words.append(f"{report['cancelled']:,} cancelled, left out")
    if report["left_out"]:
        words.append(f"{report['left_out']:,} too many, left out")
    return words
