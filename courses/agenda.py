"""What a student has to do, in the order of need: the heart of the dashboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from coreengine.accounts.models import User
from courses.agenda_rows import BEHIND, FEW_SHOWN, MOST, AgendaRow, read_rows
from courses.moments import Clock, counted, long_date, short_date, span_of_days
from courses.repository_marks import read_repositories
from courses.rows import WorkRow, row_of
from courses.work_rows import DatedRow, found_rows

LATELY = timedelta(days=14)
LIST = "/assignments/"


@dataclass
class Section:
    """A part of the agenda; `all_url` leads to the whole of it where `total` is more than the rows."""

    key: str
    title: str
    detail: str = ""
    late: bool = False
    hint: str = ""
    all_url: str = ""
    total: int = 0
    rows: list[WorkRow] = field(default_factory=list)

    @property
    def more_count(self) -> int:
        return max(0, self.total - len(self.rows))


@dataclass(frozen=True)
class Agenda:
    sections: list[Section]
    sentence: str


def build_agenda(user: User, clock: Clock) -> Agenda:
    """Read and sort a student's work: which is shown, that work, and where its code stands, a query each.

    Shown: what is outstanding in courses that go on, what was due or ticked off today (as done), what waits for a
    grade, and what vanished at its source lately. Each section has its first rows; the rest is one link away.
    """
    rows = read_rows(
        user.pk,
        now=clock.now,
        lately=clock.now - LATELY,
        today=clock.midnight(clock.today),
        tomorrow=clock.midnight(clock.today + timedelta(days=1)),
        monday=clock.midnight(clock.next_monday),
        after_next=clock.midnight(clock.next_monday + timedelta(days=7)),
    )
    read_repositories([row.work for row in rows])
    sections = _sections(clock)
    for row in rows:
        section = sections[row.section]
        section.total = row.total
        section.rows.append(_worded(row, clock))
    for key in ("waiting", "gone"):
        sections[key].rows.reverse()
    ahead = [row.work for row in rows if row.section not in BEHIND and row.work.done_at is None]
    due = [work.due_at for work in ahead if work.due_at is not None and work.due_at >= clock.now]
    due += _add_others(user, sections, clock)
    late_count = sections["overdue"].total + sections["missing"].total
    sections["overdue"].detail = str(sections["overdue"].total)
    sections["missing"].detail = str(sections["missing"].total)
    return Agenda([section for section in sections.values() if section.rows], _sentence(late_count, due, clock))


def _sections(clock: Clock) -> dict[str, Section]:
    today, monday = clock.today, clock.next_monday
    sunday, after_next = monday - timedelta(days=1), monday + timedelta(days=7)
    tomorrow = today + timedelta(days=1)
    week = span_of_days(min(tomorrow, sunday), sunday)
    next_week = span_of_days(monday, after_next - timedelta(days=1))

    def between(first: date, last: date | None) -> str:
        values = {"state": "outstanding", "due_after": _iso(clock.midnight(first))}
        if last is not None:
            values["due_before"] = _iso(clock.midnight(last))
        return f"{LIST}?{urlencode(values)}"

    found = [
        Section("overdue", "Overdue", late=True, all_url=f"{LIST}?state=late"),
        Section("missing", "Missing", late=True, all_url=f"{LIST}?state=missing", hint="by the source's word"),
        Section("today", "Today", f"{today:%a} {short_date(today)}", all_url=between(today, tomorrow)),
        Section("week", "This week", week, all_url=between(tomorrow, monday)),
        Section("next", "Next week", next_week, all_url=between(monday, after_next)),
        Section("later", "Later", all_url=between(after_next, None)),
        Section("waiting", "Waiting for a grade", all_url=f"{LIST}?state=waiting"),
        Section("gone", "No longer at the source", all_url=f"{LIST}?state=gone"),
    ]
    return {section.key: section for section in found}


def _worded(found: AgendaRow, clock: Clock) -> WorkRow:
    """Make the line; what waits for a grade says since when, and is nothing to tick off."""
    row = row_of(found.work, clock)
    if found.section == "missing":
        return replace(row, late=True)
    if found.section != "waiting":
        return row
    submission = found.work.own_submission
    handed_in = submission.submitted_at if submission else None
    days = (clock.today - clock.day_of(handed_in)).days if handed_in else -1
    words = f"for {days} {'day' if days == 1 else 'days'}" if days > 0 else "since today" if handed_in else "handed in"
    return replace(row, when_text=words, can_mark=False, done=False, waits=True)


def _add_others(user: User, sections: dict[str, Section], clock: Clock) -> list[datetime]:
    """Add the lines of other parts of this app to the sections; give the moments at which something is due."""
    due: list[datetime] = []
    changed: set[str] = set()
    moments: dict[int, datetime | None] = {}
    for source, found in found_rows(user, clock):
        sections["overdue"].total += max(found.late_count, len(found.late))
        for dated in (*found.late, *found.ahead):
            key = "overdue" if dated.row.late else _section_key(dated, clock)
            moments[id(dated.row)] = dated.due_at
            sections[key].rows.append(dated.row)
            sections[key].total += 0 if dated.row.late else 1
            sections[key].all_url = source.all_url or sections[key].all_url
            changed.add(key)
            if not dated.row.late and not dated.row.done and dated.due_at is not None:
                due.append(dated.due_at)
    order = _by_time(moments)
    for key in changed:
        section = sections[key]
        section.rows.sort(key=order)
        most = MOST.get(key, FEW_SHOWN)
        section.rows = section.rows[-most:] if section.late else section.rows[:most]
    return due


def _by_time(moments: dict[int, datetime | None]) -> Callable[[WorkRow], tuple[bool, str]]:
    def order(row: WorkRow) -> tuple[bool, str]:
        if id(row) in moments:
            moment = moments[id(row)]
        else:
            moment = datetime.fromisoformat(row.when.iso) if row.when else None
        return moment is None, _iso(moment) if moment else ""

    return order


def _section_key(dated: DatedRow, clock: Clock) -> str:
    if dated.due_at is None:
        return "today" if dated.row.done else "later"
    day, monday = clock.day_of(dated.due_at), clock.next_monday
    if day <= clock.today:
        return "today"
    if day < monday:
        return "week"
    return "next" if day < monday + timedelta(days=7) else "later"


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _sentence(late_count: int, ahead: list[datetime], clock: Clock) -> str:
    """Say in one sentence what is due."""
    start = f"{counted(late_count, 'thing')} {'is' if late_count == 1 else 'are'} overdue" if late_count else ""
    due = _due_words(ahead, clock)
    if start and due:
        return f"{start}, {due[0].lower()}{due[1:]}."
    return f"{start or due or 'Nothing is due'}."


def _due_words(ahead: list[datetime], clock: Clock) -> str:
    """ "Three things due by Wednesday": within three days if there is anything, else within seven, else the next."""
    for days in (3, 7):
        end = clock.midnight(clock.today + timedelta(days=days + 1))
        near = [due for due in ahead if due < end]
        if near:
            last = clock.day_of(max(near))
            by = "today" if last == clock.today else "tomorrow" if (last - clock.today).days == 1 else f"{last:%A}"
            joint = "" if by in ("today", "tomorrow") else "by "
            return f"{counted(len(near), 'thing')} due {joint}{by}"
    if not ahead:
        return ""
    return f"Nothing due this week, the next thing on {long_date(clock.day_of(min(ahead)))}"


def greeting(clock: Clock) -> str:
    """Greet by the time of day in the student's zone."""
    hour = clock.local.hour
    return "Good morning" if 5 <= hour < 12 else "Good afternoon" if 12 <= hour < 18 else "Good evening"
