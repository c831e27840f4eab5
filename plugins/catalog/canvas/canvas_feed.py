"""What a Canvas calendar feed gives: courses by their codes, assignments with due dates, and events.

Canvas writes an assignment as an event with the UID `event-assignment-12`, the summary `Essay [CS 101]` and an
address `…/calendar?include_contexts=course_7&month=…#assignment_12`. From these come the very ids that the API
uses, so that a student who changes from a feed to a token finds the same courses and assignments, filled in.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import parse_qs, unquote, urlsplit

from canvas_api import domain_of, is_web_page, refuse_bad_status
from canvas_records import TextBudget, moment
from coreengine_sdk import Call, PluginError
from ics import Calendar, Event, NotACalendar, read_calendar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    JSON = dict[str, Any]

_WORK = re.compile(r"event-(?:sub-)?assignment-(?!override)([\w~]+)")
_EVENT = re.compile(r"event-calendar-event-([\w~]+)")
_IN_ADDRESS = re.compile(r"(assignment|calendar_event)_(\d+(?:~\d+)?)$")
_COURSE = re.compile(r"course_(\d+(?:~\d+)?)$")
_NAME_OF_OWNER = re.compile(r"^(.*?) Calendar \(.*\)$")
NOT_REPORTED = ["not_reported"]


@dataclass(frozen=True)
class Entry:
    """An event of the feed with what can be read out of its address and its name."""

    event: Event
    kind: str
    id: str
    title: str
    course_id: str
    course_code: str
    origin: str


def whose_calendar(call: Call) -> JSON:
    """Whose calendar it is. A feed has no id of the student that could be shown: its address is a secret."""
    calendar = read(call)
    named = _NAME_OF_OWNER.match(calendar.name)
    return {"id": "", "name": (named[1] if named else calendar.name) or "Calendar feed"}


def courses(call: Call) -> list[JSON]:
    """The courses that have something in the feed, as far as it tells of them."""
    found: dict[str, JSON] = {}
    for entry in entries(call):
        if entry.course_id and entry.course_id not in found:
            name = entry.course_code or f"Course {entry.course_id}"
            found[entry.course_id] = {
                "id": entry.course_id,
                "is_partial": True,
                "name": name,
                "course_code": entry.course_code,
                "state": "available",
                "is_restricted": False,
            }
            if entry.origin and entry.course_id.isdecimal():
                found[entry.course_id]["html_url"] = f"{entry.origin}/courses/{entry.course_id}"
    call.log(f"{len(found)} courses in the feed")
    return list(found.values())


def assignments(call: Call, course_id: str) -> list[JSON]:
    """The assignments of a course that have a due date within what the feed shows."""
    budget = TextBudget()
    found: dict[str, JSON] = {}
    for entry in entries(call):
        if entry.kind != "assignment" or entry.course_id != course_id:
            continue
        record: JSON = {
            "id": entry.id,
            "is_partial": True,
            "course_id": course_id,
            "name": entry.title,
            "state": "published",
            # Nobody can say from a feed what was handed in.
            "submission_types": NOT_REPORTED,
        }
        if isinstance(entry.event.start, datetime):
            record["due_at"] = moment(entry.event.start.isoformat())
        elif entry.event.start is not None:
            record["due_on"] = entry.event.start.isoformat()
        else:
            record["due_at"] = None
        if html := description_of(entry.event):
            record["description_html"] = budget.cut(html)
        if entry.origin and course_id.isdecimal():
            record["html_url"] = f"{entry.origin}/courses/{course_id}/assignments/{entry.id}"
        found[entry.id] = record
    call.log(f"course {course_id}: {len(found)} assignments in the feed")
    return list(found.values())


def events(call: Call) -> list[JSON]:
    """The events of the feed as planner items."""
    found: dict[str, JSON] = {}
    budget = TextBudget()
    for entry in entries(call):
        if entry.kind != "calendar_event" or entry.event.start is None:
            continue
        start, end = entry.event.start, entry.event.end
        is_day = not isinstance(start, datetime)
        found[f"calendar_event:{entry.id}"] = {
            "id": f"calendar_event:{entry.id}",
            "course_id": entry.course_id,
            "assignment_id": "",
            "kind": "calendar_event",
            "title": entry.title,
            "starts_at": None if is_day else moment(start.isoformat()),
            "ends_at": None if is_day or not isinstance(end, datetime) else moment(end.isoformat()),
            "starts_on": start.isoformat() if is_day else None,
            "location": entry.event.location.replace("\n", ", ")[:255],
            "details_html": budget.cut(description_of(entry.event)),
            "html_url": entry.event.url if entry.event.url.startswith(("https://", "http://")) else "",
            "html_path": "",
            "override_id": "",
            "marked_complete": False,
            "dismissed": False,
        }
    return list(found.values())


def entries(call: Call) -> list[Entry]:
    """The events that are assignments or calendar events; what was called off is left out."""
    found = [entry_of(event) for event in read(call).events if event.status.upper() != "CANCELLED"]
    return [entry for entry in found if entry is not None]


def entry_of(event: Event) -> Entry | None:
    """Read an event's address, UID and name; None for one that is nothing of Canvas's."""
    parts = urlsplit(event.url) if event.url.startswith(("https://", "http://")) else urlsplit("")
    kind, number = "", ""
    # Where the student has dates of their own, the UID has the id of these dates, and the address the assignment's.
    if match := _IN_ADDRESS.search(unquote(parts.fragment)):
        kind, number = match[1], match[2]
    elif match := _WORK.search(event.uid):
        kind, number = "assignment", match[1]
    elif match := _EVENT.search(event.uid):
        kind, number = "calendar_event", match[1]
    elif event.uid:
        kind, number = "calendar_event", f"feed{hashlib.sha256(event.uid.encode()).hexdigest()[:16]}"
    if not kind:
        return None
    title, code = split_summary(event.summary)
    contexts = parse_qs(parts.query).get("include_contexts", [""])[0].split(",")
    course = next((match[1] for context in contexts if (match := _COURSE.match(context))), "")
    if not course and code and (kind == "assignment" or not any(contexts)):
        # Without an address all that tells courses apart is the code.
        course = f"feed{hashlib.sha256(code.encode()).hexdigest()[:16]}"
    if kind == "assignment" and not course:
        return None
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return Entry(event, kind, number, title or "Untitled", course, code if course else "", origin)


def split_summary(summary: str) -> tuple[str, str]:
    """ "Essay [draft] [CS 101]" is "Essay [draft]" of "CS 101"."""
    summary = " ".join(summary.split())
    if not summary.endswith("]"):
        return summary, ""
    depth = 0
    for at in range(len(summary) - 1, -1, -1):
        depth += (summary[at] == "]") - (summary[at] == "[")
        if depth == 0:
            return summary[:at].strip(), summary[at + 1 : -1].strip()
    return summary, ""


def description_of(event: Event) -> str:
    """The description as HTML; a plain one keeps its lines."""
    if event.description_html.strip():
        return event.description_html
    plain = event.description.strip()
    blocks = [block for block in re.split(r"\n\s*\n", plain) if block.strip()]
    return "".join(f"<p>{escape(block)}</p>" for block in blocks).replace("\n", "<br>")


def read(call: Call) -> Calendar:
    """The calendar at the student's secret address.

    Raises:
        PluginError: `credential_rejected` where the address leads to no calendar.
    """
    response = call.http.get("feed:")
    domain = domain_of(call)
    wrong = PluginError(
        "credential_rejected",
        f"The address leads to no calendar at {domain}. On Canvas open Calendar, press “Calendar Feed” and copy the "
        "address again.",
    )
    if response.status in (400, 401, 403, 404, 410) and "rate limit exceeded" not in response.text.lower():
        raise wrong
    refuse_bad_status(call, response, "your calendar")
    if is_web_page(response) or not response.ok:
        raise wrong
    try:
        return read_calendar(response.text)
    except NotACalendar:
        raise wrong from None
