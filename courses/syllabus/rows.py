"""The rows of a preview: what each is, and what is wrong with it at which field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from courses.models import Assignment, AssignmentGroup, Course
from courses.rules import MOST_POINTS, check_local_time

WORK, GROUP = "work", "group"
FIELDS = ("name", "due", "points", "group", "weight", "notes", "url", "score")
SHOWN = {WORK: ("name", "due", "points", "group"), GROUP: ("name", "weight")}
LONGEST = {"name": 255, "group": 255, "notes": 20_000, "url": 2_000, "due": 40, "points": 20, "weight": 20, "score": 20}
MOST_ROWS = 2_000
Row = dict[str, Any]
"""`{number, line, kind, take, source, problems, same, name, due, points, …}`; values are texts as typed, `due` as
2026-11-30T23:59. `line` is where it stands in what was given, `source` that line."""

_NUMBER = re.compile(r"^\s*(\d{1,3}(?:[ ,'’]\d{3})+|\d+)?(?:[.,](\d+))?\s*(?:%|points?|pts?\.?|p)?\s*$", re.I)


def make_row(number: int, kind: str, *, line: int, source: str, take: bool = True, **values: str) -> Row:
    """Make a row; what is not given is empty."""
    fields = {name: values.get(name, "").strip() for name in FIELDS}
    return {
        "number": number,
        "kind": kind,
        "line": line,
        "source": source[:300],
        "take": take,
        "problems": {},
        **fields,
    }


def read_number(text: str) -> float | None:
    """Read "40", "37.5", "37,5", "40 %", "1,000 points"; None where it is no number."""
    found = _NUMBER.match(text)
    if found is None or not (found[1] or found[2]):
        return None
    if found[1] and "," in found[1] and found[2] is None and found[1].count(",") == 1 and not found[1].startswith("0"):
        whole = found[1].replace(",", "")
    else:
        whole = re.sub(r"[ ,'’]", "", found[1] or "0")
    return float(f"{whole}.{found[2] or 0}")


def read_due(text: str, zone: tzinfo) -> datetime | None:
    """Read what the control of a date and time gives.

    Raises:
        ValidationError: it is none, or does not exist in the zone.
    """
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text[:16].replace(" ", "T"))
    except ValueError:
        raise ValidationError("Write a date and a time, such as 2026-11-30 23:59.") from None
    if not 1970 <= local.year <= 2200:
        raise ValidationError("The year is not between 1970 and 2200.")
    return check_local_time(local, zone)


def check_row(row: Row, zone: tzinfo) -> dict[str, str]:
    """Say what is wrong with a row, by field; empty where it can be brought in."""
    problems: dict[str, str] = {}
    if not row["name"]:
        problems["name"] = "Say what there is to do." if row["kind"] == WORK else "Give the group a name."
    for name, most in LONGEST.items():
        if len(row[name]) > most:
            problems[name] = f"At most {most:,} characters."
    for name, words in (("points", "Points"), ("weight", "A weight"), ("score", "A score")):
        if row[name] and name not in problems:
            value = read_number(row[name])
            if value is None or not 0 <= value <= MOST_POINTS:
                problems[name] = f"{words} must be a number; “{row[name][:20]}” is none."
    if row["due"] and "due" not in problems:
        try:
            read_due(row["due"], zone)
        except ValidationError as error:
            problems["due"] = error.messages[0]
    if row["url"]:
        try:
            URLValidator(schemes=["http", "https"])(row["url"])
        except ValidationError:
            problems["url"] = "This is no web address."
    return problems


def same_name(name: str) -> str:
    """Names that differ in case and spaces only are one."""
    return " ".join(name.casefold().split())


def mark_same(rows: Iterable[Row], course: Course | None, zone: tzinfo) -> None:
    """Note in `same` what a row repeats: work or a group of the course, or an earlier row. Two queries."""
    works: dict[str, Assignment] = {}
    groups: dict[str, AssignmentGroup] = {}
    if course is not None:
        own = Assignment.objects.visible_to(course.owner).filter(course=course).present()
        works = {same_name(work.name): work for work in own.only("name", "due_at", "owner_id")}
        groups = {same_name(group.name): group for group in course.groups.all()}
    seen: dict[tuple[str, str, str], int] = {}
    for row in rows:
        row["same"], key = "", same_name(row["name"])
        if not key:
            continue
        if row["kind"] == GROUP:
            known_group = groups.get(key)
            row["same"] = "This group is in the course already." if known_group else ""
        elif (work := works.get(key)) is not None:
            due = work.due_at.astimezone(zone) if work.due_at else None
            when = f", due {due:%Y-%m-%d %H:%M}" if due else ""
            row["same"] = f"“{work.name}” is in the course already{when}."
        repeated = (row["kind"], key, row["due"])
        if repeated in seen and not row["same"]:
            row["same"] = f"The same as line {seen[repeated]}."
        seen.setdefault(repeated, row["line"])


def review(rows: Sequence[Row], course: Course | None, zone: tzinfo) -> None:
    """Say at each row what is wrong with it and what it repeats. What was read wrongly keeps its own problem."""
    for row in rows:
        unread = row.get("unread", {})
        # A field that could not be read stays wrong until the student has written something else into it.
        kept = {name: said for name, said in unread.items() if not row[name]}
        row["problems"] = {**kept, **check_row(row, zone)}
    mark_same(rows, course, zone)
