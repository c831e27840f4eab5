"""Finding work, dates, points and weights in the text of a syllabus, by rules. Nothing leaves this machine."""

from __future__ import annotations

import re
from datetime import time

from courses.syllabus.dates import Found, Term, find_dates, local_text
from courses.syllabus.rows import GROUP, MOST_ROWS, WORK, Row, make_row

LONGEST_LINE = 2_000
LONGEST_NAME = 120
_WORK_WORDS = re.compile(
    r"\b(hw|homeworks?|assignments?|labs?|projects?|exams?|midterms?|finals?|quiz(?:zes)?|papers?|essays?|reports?|"
    r"presentations?|problem sets?|psets?|ps ?\d|exercises?|deadlines?|due|submit|hand[- ]?in|proposal|draft|test|"
    r"abgabe|klausur|prüfung|übung(?:sblatt)?|hausaufgabe|projekt|referat|vortrag)\b",
    re.I,
)
_NO_WORK = re.compile(r"\b(no class|holiday|break|vacation|recess|office hours?|lecture only|ferien|feiertag)\b", re.I)
_PERCENT = re.compile(r"(?<![\d.,–-])(\d{1,3}(?:[.,]\d+)?)\s*(?:%|per ?cent\b|percent\b|prozent\b)", re.I)
_NO_WEIGHT = re.compile(
    r"\b(late|penalt\w*|per day|each day|deduct\w*|at least|minimum|at most|required to pass|attendance below|"
    r"or (?:above|higher|better)|"
    r"verspät\w*|mindestens|abzug)\b",
    re.I,
)
_SCALE = re.compile(r"^\W*[A-F][+\-−–]?(?:\W|$).{0,40}\d")
_GRADE_WORDS = re.compile(r"\b(?:of (?:the|your) (?:final |course )?grade|weight(?:ed)?|each)\b", re.I)
_POINTS = re.compile(r"\(?\b(\d{1,5}(?:[.,]\d+)?)\s*(?:points?|pts?\.?|punkte?)\b\)?", re.I)
_LEAD = re.compile(r"^[\s\-–—*•·▪◦‣>#|+.:;,)\]]+|^\s*\(?(?:\d{1,2}|[a-z])[.)]\s+", re.I)
_FILLERS = re.compile(
    r"\b(?:is |are )?(?:due|fällig|abgabe)(?: on| by| at| date| bis| am)?\b:?|"
    r"\b(?:on|by|at|until|before|bis|am|um)\b(?=\W*$)|"
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b,?|"
    r"\b(?:mon|tue|wed|thu|fri|sat|sun)\b\.?,?(?=\W*$|\W*\()|"
    r"\b(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)\b,?|\bweek \d+\b|\buhr\b",
    re.I,
)
_CLOCK = re.compile(r"\b(?:[01]?\d|2[0-3]):[0-5]\d(?:\s*[ap]\.?m\b\.?)?|\b(?:1[0-2]|[1-9])\s*[ap]m\b", re.I)
_SENTENCE_END = re.compile(r"(?<=[%)\w])\.(?:\s+|$)")
_PART_END = re.compile(r"\s*(?:[;,|•]|(?<=%)\s+/)\s+(?:(?:and|und)\s+)?|\s+(?:and|und|plus)\s+", re.I)
_AROUND_NAME = re.compile(
    r"^\s*(?:the|your|die|der|das)\b|\([^()%]*\)|"
    r"\b(?:counts?|is|are|worth|makes? up|zählt|zählen)(?: for| as)?\b(?=\s*\d)",
    re.I,
)
_EDGES = " \t-–—:;,.|()[]*•·#>_=…"


def syllabus_rows(text: str, *, order: str, term: Term, default: time) -> list[Row]:
    """Find what a syllabus names: work with a date, and groups with a weight. Rows of what is hardly work are not
    chosen; each has the line that it was read from.
    """
    rows: list[Row] = []
    groups: set[str] = set()
    heading = ""
    for n, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()[:LONGEST_LINE]
        if not line or len(rows) >= MOST_ROWS:
            continue
        dates = find_dates(line, order=order, term=term)
        if dates:
            row = _work(len(rows) + 1, n, line, dates, heading, default)
            if row is not None:
                rows.append(row)
            continue
        for name, weight in _weights(line):
            if name.casefold() not in groups:
                groups.add(name.casefold())
                rows.append(make_row(len(rows) + 1, GROUP, line=n, source=line, name=name, weight=weight))
        heading = _clean(line) if len(line) <= LONGEST_NAME else ""
    _join_groups(rows)
    return rows


def _work(number: int, n: int, line: str, dates: list[Found], heading: str, default: time) -> Row | None:
    # A span of days, or "out on Monday, due on Friday": the last day is the one that counts.
    found = dates[-1]
    rest = line
    for each in reversed(dates):
        rest = f"{rest[: each.span[0]]} {rest[each.span[1] :]}"
    points = _POINTS.search(rest)
    if points:
        rest = f"{rest[: points.start()]} {rest[points.end() :]}"
    rest = _PERCENT.sub(" ", rest)
    name = _clean(_FILLERS.sub(" ", _CLOCK.sub(" ", rest)))
    if not any(letter.isalpha() for letter in name):
        name = heading
    if not name:
        return None
    is_work = bool(_WORK_WORDS.search(f"{line} {name}")) and not _NO_WORK.search(line)
    row = make_row(
        number,
        WORK,
        line=n,
        source=line,
        take=is_work,
        name=name[:LONGEST_NAME],
        due="" if found.is_ambiguous else local_text(found, default),
        points=points[1].replace(",", ".") if points else "",
    )
    if found.is_ambiguous:
        said = line[found.span[0] : found.span[1]].strip()
        row["unread"] = {"due": f"“{said}” can be read in two ways. Say above which comes first, day or month."}
    return row


def _weights(line: str) -> list[tuple[str, str]]:
    """ "Grading: homework 40 %, midterm 25 % and final 35 %" → each with its weight.

    A sentence of several is taken whole or not at all: a part that cannot be read says that it tells something else.
    """
    if len(_PERCENT.findall(line)) < 2:
        one = _weight(line)
        return [one] if one else []
    found: list[tuple[str, str]] = []
    for sentence in _SENTENCE_END.split(line):
        head, _, rest = sentence.partition(":")
        if _NO_WEIGHT.search(head):
            continue
        parts = _PART_END.split(sentence if not rest or _PERCENT.search(head) else rest)
        weights = [_weight(_AROUND_NAME.sub(" ", part)) for part in parts]
        if len(parts) > 1 and all(weights):
            found += [(f"{name[0].upper()}{name[1:]}", weight) for name, weight in filter(None, weights)]
    return found


def _weight(line: str) -> tuple[str, str] | None:
    """ "Homework 40 %", "40% of the grade: homework" → (name, weight); None where the line tells no weight."""
    found = _PERCENT.findall(line)
    if len(found) != 1 or _NO_WEIGHT.search(line) or _SCALE.match(line) or len(line) > LONGEST_NAME:
        return None
    value = float(found[0].replace(",", "."))
    name = _clean(
        re.sub(r"\b(?:of (?:the|your) (?:final |course )?grade|weight(?:ed)?|each)\b", " ", _PERCENT.sub(" ", line))
    )
    name = re.sub(r"^(?:for|of)\s+|\s*\.{2,}\s*", " ", name, flags=re.I).strip(_EDGES)
    if not 0 < value <= 100 or not any(letter.isalpha() for letter in name) or len(name.split()) > 8:
        return None
    if re.match(r"(?:total|sum|gesamt|summe)\b", name, re.I):
        return None
    return name, found[0].replace(",", ".")


def _join_groups(rows: list[Row]) -> None:
    """Put work into the group that its name begins with: "Homework 3" into "Homeworks"."""
    groups = [row["name"] for row in rows if row["kind"] == GROUP]
    for row in rows:
        if row["kind"] == WORK:
            row["group"] = next((group for group in groups if _belongs(row["name"], group)), "")


def _belongs(name: str, group: str) -> bool:
    """Every word of the group begins a word of the name, plurals aside."""
    stems = [re.sub(r"(?:zes|es|s)$", "", word) for word in re.findall(r"\w{3,}", group.casefold())]
    return bool(stems) and all(re.search(rf"\b{re.escape(stem)}", name.casefold()) for stem in stems)


def _clean(text: str) -> str:
    words = " ".join(text.split())
    before = None
    while before != words:
        before, words = words, _LEAD.sub("", words, count=1)
    words = words.strip(_EDGES)
    return f"{words})" if words.count("(") > words.count(")") else words
