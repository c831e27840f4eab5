"""The calendar page and its feeds. A feed's address is the only proof that it asks for, so it is a secret one."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from html import escape

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ..semester import Assignment, Course
from ..semester.build import ZONE
from ..semester.model import STUDENT, CalendarEvent
from ..university import DOMAIN, University
from .courses import when
from .layout import is_signed_in, page, to_login, university_of

FOLD_AT = 74
"""Octets in a line, without the space that continues it (RFC 5545, 3.1)."""


async def calendar_page(request: Request) -> Response:
    """What is on the calendar, and the address of its feed. `event_id` shows one event."""
    if not is_signed_in(request):
        return to_login(request)
    university = university_of(request)
    pairs = [(course, event) for course in university.semester.courses for event in course.events]
    wanted = request.query_params.get("event_id", "")
    shown = [pair for pair in pairs if str(pair[1].id) == wanted] or sorted(pairs, key=lambda pair: pair[1].starts_at)
    rows = "".join(
        f"<tr><th scope=row>{escape(event.title)}</th><td>{escape(course.code)}</td>"
        f"<td>{when(event.starts_at)}</td><td>{escape(event.location)}</td></tr>"
        for course, event in shown
    )
    address = f"https://{DOMAIN}/feeds/calendars/{university.feed_name}.ics"
    body = f"""
<header class="page-head"><h1>Calendar</h1><p>Events of the term; due dates stand with the assignments.</p></header>
<section class="card"><h2>Calendar feed</h2>
<p>Any calendar program that knows this address can read your due dates and events. Keep it to yourself.</p>
<div class="copy"><label class="hidden" for="feed">Feed address</label>
<input id="feed" class="secret" readonly spellcheck="false" value="{escape(address)}">
<button class="primary" type="button" data-copy="feed">Copy</button></div>
<p class="hint" role="status" data-copied hidden>Copied. In Core Engine choose Canvas, then “Calendar feed”.</p>
</section>
<section class="card"><h2>Events</h2><div class="scroll"><table>
<thead><tr><th scope="col">Event</th><th scope="col">Course</th><th scope="col">When</th><th scope="col">Where</th></tr>
</thead><tbody>{rows}</tbody></table></div></section>"""
    return page(request, "Calendar", body, current="/calendar")


async def feed(request: Request) -> Response:
    """Due dates and events as iCalendar; the student's own feed has those of every course."""
    university = university_of(request)
    await university.faults.wait()
    if forced := university.faults.forced_status(request.url.path):
        return PlainTextResponse("An error occurred.", forced)
    name = request.path_params["name"]
    wanted = [course for course in university.semester.courses if not (course.is_restricted or course.is_concluded)]
    title = STUDENT["name"]
    if name != university.feed_name:
        wanted = [course for course in wanted if name == f"course_{course.id}"]
        if not wanted:
            return PlainTextResponse("not found", 404)
        title = wanted[0].name
    text = university.faults.feed_text or calendar_text(university, title, wanted)
    tag = f'W/"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "max-age=0, private, must-revalidate"}
    if request.headers.get("if-none-match") == tag:
        return Response(b"", 304, headers)
    return Response(text.encode(), 200, headers, "text/calendar; charset=utf-8")


def calendar_text(university: University, title: str, courses: list[Course]) -> str:
    """A calendar as Canvas writes it, with its own ways: a day is marked as one twice."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:icalendar-ruby",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_text(title)} Calendar (Canvas)",
        f"X-WR-CALDESC:Calendar events for the user\\, {_text(title)}",
    ]
    first, last = university.now - timedelta(days=30), university.now + timedelta(days=366)
    for course in courses:
        for found in course.assignments:
            if found.due_at and first <= found.due_at <= last:
                lines += _assignment(university, course, found, found.due_at)
        for event in course.events:
            if first <= event.starts_at <= last:
                lines += _event(university, course, event)
    lines.append("END:VCALENDAR")
    return "\r\n".join(map(_folded, lines)) + "\r\n"


def _assignment(university: University, course: Course, found: Assignment, due_at: datetime) -> list[str]:
    address = _address(university, course, due_at, f"assignment_{found.id}")
    return [
        "BEGIN:VEVENT",
        f"DTSTAMP:{found.updated_at:%Y%m%dT%H%M%SZ}",
        f"UID:event-assignment-{found.id}",
        *_times(due_at, due_at, is_day=due_at.astimezone(ZONE).strftime("%H:%M") == "23:59"),
        "CLASS:PUBLIC",
        *_described(found.description),
        "SEQUENCE:0",
        f"SUMMARY:{_text(found.name)} [{_text(course.code)}]",
        f"URL:{address}",
        "END:VEVENT",
    ]


def _event(university: University, course: Course, event: CalendarEvent) -> list[str]:
    address = _address(university, course, event.starts_at, f"calendar_event_{event.id}")
    return [
        "BEGIN:VEVENT",
        f"DTSTAMP:{event.starts_at - timedelta(days=30):%Y%m%dT%H%M%SZ}",
        f"UID:event-calendar-event-{event.id}",
        *_times(event.starts_at, event.ends_at, is_day=event.is_all_day),
        "CLASS:PUBLIC",
        *_described(event.description),
        *([f"LOCATION:{_text(event.location)}"] if event.location else []),
        "SEQUENCE:0",
        f"SUMMARY:{_text(event.title)} [{_text(course.code)}]",
        f"URL:{address}",
        "END:VEVENT",
    ]


def _address(university: University, course: Course, moment: datetime, fragment: str) -> str:
    month = f"&month={moment.month:02d}&year={moment.year}"
    return f"{university.public_url}/calendar?include_contexts=course_{course.id}{month}#{fragment}"


def _times(start: datetime, end: datetime, *, is_day: bool) -> list[str]:
    if is_day:
        return [f"DTSTART;VALUE=DATE;VALUE=DATE:{start.astimezone(ZONE):%Y%m%d}"]
    return [f"DTSTART:{start.astimezone(UTC):%Y%m%dT%H%M%SZ}", f"DTEND:{end.astimezone(UTC):%Y%m%dT%H%M%SZ}"]


def _described(html: str) -> list[str]:
    if not html.strip():
        return []
    plain = html.replace("<p>", "").replace("</p>", "\n").strip()
    return [f"DESCRIPTION:{_text(plain)}", f"X-ALT-DESC;FMTTYPE=text/html:{_text(html.strip())}"]


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
    return escaped.replace("\r\n", "\n").replace("\n", "\\n")


def _folded(line: str) -> str:
    """A line in pieces of at most 75 octets, never cut within a character."""
    pieces, piece, size = [], "", 0
    for character in line:
        length = len(character.encode())
        if size + length > FOLD_AT:
            pieces.append(piece)
            piece, size = "", 0
        piece += character
        size += length
    return "\r\n ".join([*pieces, piece])
