"""Turn the YAML of the courses into a semester that is in full swing on a given day.

Every date in the YAML counts in days from the *anchor*, the day on which the term is in its ninth week.
What has happened by `today` is decided by whole days: a submission, a grade or an announcement exists once
its day is over. So nothing changes within a day, and the term moves on by itself from one day to the next:
the student keeps handing in and the teachers keep grading.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from .model import (
    Announcement,
    Assignment,
    CalendarEvent,
    Comment,
    Course,
    File,
    Group,
    Module,
    ModuleItem,
    Page,
    Semester,
    Submission,
)

HERE = Path(__file__).parent
ZONE = ZoneInfo("America/New_York")
WEEKS_BEFORE, WEEKS_AFTER = 8, 7
END_OF_DAY = "23:59"

CONTENT_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "md": "text/markdown",
    "txt": "text/plain",
    "sql": "application/sql",
}


def build_semester(today: date, anchor: date | None = None) -> Semester:
    """The semester as it stands on `today`; on `anchor` (if left out, today) it is in its ninth week."""
    days = _Days(anchor=anchor or today, today=today)
    first_day = days.anchor - timedelta(weeks=WEEKS_BEFORE)
    season = "Spring" if first_day.month <= 5 else "Summer" if first_day.month <= 7 else "Fall"
    return Semester(
        id=207,
        name=f"{season} {first_day.year}",
        today=today,
        starts_at=days.moment([-7 * WEEKS_BEFORE, "00:00"]),
        ends_at=days.moment([7 * WEEKS_AFTER, END_OF_DAY]),
        courses=[_CourseBuilder(raw, days).build() for raw in _bundled_courses()],
    )


@cache
def _bundled_courses() -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is ten times as fast
    courses = [yaml.load(path.read_text("utf-8"), Loader=loader) for path in HERE.glob("*.yaml")]  # noqa: S506
    return sorted(courses, key=lambda raw: raw["id"])


class _Days:
    """Moments of the term: `[days from the anchor, "HH:MM"]` or days alone, in the university's time zone."""

    def __init__(self, *, anchor: date, today: date) -> None:
        self.anchor, self.today = anchor, today

    def moment(self, when: int | list[Any], default: str = END_OF_DAY) -> datetime:
        day, clock = (when[0], when[1]) if isinstance(when, list) else (when, default)
        hours, minutes = clock.split(":")
        seconds = 59 if clock == END_OF_DAY else 0
        local = datetime.combine(
            self.anchor + timedelta(days=day), time(int(hours), int(minutes), seconds), tzinfo=ZONE
        )
        return local.astimezone(UTC)

    def is_over(self, moment: datetime) -> bool:
        return moment.astimezone(ZONE).date() < self.today


class _CourseBuilder:
    def __init__(self, raw: dict[str, Any], days: _Days) -> None:
        self.raw, self.days = raw, days
        # Canvas numbers things within their shard: 10^13 for each shard, then the local number.
        self.shard, self.local = divmod(raw["id"], 10**13)

    def number(self, offset: int) -> int:
        return self.shard * 10**13 + self.local * 1000 + offset

    def build(self) -> Course:
        raw = self.raw
        groups = [
            Group(self.number(900 + n), entry["name"], n, entry["weight"], entry.get("drop_lowest", 0))
            for n, entry in enumerate(raw["groups"], start=1)
        ]
        by_name = {group.name: group for group in groups}
        assignments = [
            self.assignment(entry, n, by_name[entry["group"]]) for n, entry in enumerate(raw["assignments"], start=1)
        ]
        files = [self.file(entry, n) for n, entry in enumerate(raw["files"], start=1)]
        pages = [
            Page(self.number(700 + n), _slug(entry["title"]), entry["title"], entry["body"])
            for n, entry in enumerate(raw["pages"], start=1)
        ]
        return Course(
            id=raw["id"],
            name=raw["name"],
            code=raw["code"],
            syllabus=raw["syllabus"],
            color=raw["color"],
            teachers=raw["teachers"],
            files_tab=raw.get("files_tab", True),
            groups=groups,
            assignments=assignments,
            modules=self.modules(assignments, files, pages),
            announcements=self.announcements(),
            files=files,
            pages=pages,
            events=[self.event(entry, n) for n, entry in enumerate(raw.get("events", []), start=1)],
        )

    def event(self, entry: dict[str, Any], n: int) -> CalendarEvent:
        starts_at = self.days.moment(entry["when"], "00:00")
        return CalendarEvent(
            id=self.number(400 + n),
            title=entry["title"],
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=entry.get("minutes", 90)),
            location=entry.get("where", ""),
            description=entry.get("about", ""),
            is_all_day=not isinstance(entry["when"], list),
        )

    def assignment(self, entry: dict[str, Any], position: int, group: Group) -> Assignment:
        due_at = self.days.moment(entry["due"])
        due_day = entry["due"][0] if isinstance(entry["due"], list) else entry["due"]
        types = entry.get("types", ["online_upload"])
        is_quiz = "online_quiz" in types
        return Assignment(
            id=self.number(position),
            name=entry["name"],
            group=group,
            position=position,
            description=entry["about"].strip(),
            due_at=due_at,
            unlock_at=self.days.moment([due_day - (2 if is_quiz else 21), "08:00"]),
            lock_at=due_at if is_quiz else due_at + timedelta(days=3) if "ext" in entry else None,
            points=float(entry["points"]),
            grading_type=entry.get("grading", "points"),
            types=types,
            extensions=entry.get("ext", []),
            is_new_quiz=entry.get("new_quiz", False),
            quiz_id=self.number(300 + position) if is_quiz else None,
            updated_at=self.days.moment([due_day - 28, "09:00"]),
            submission=self.submission(entry, due_day, due_at, types),
        )

    def submission(self, entry: dict[str, Any], due_day: int, due_at: datetime, types: list[str]) -> Submission:
        """The student hands in on the evening before (or the day itself, if it is late or on paper)."""
        if entry.get("excused"):
            return Submission(excused=True, state="graded", graded_at=due_at, posted_at=due_at)
        if entry.get("missing"):
            return Submission(missing=self.days.is_over(due_at))
        if "none" in types:
            return Submission()
        late_days = entry.get("late", 0)
        submitted_at = self.hand_in(entry, due_day, due_at, late_days, on_paper="on_paper" in types)
        if not self.days.is_over(submitted_at):
            return Submission(missing=self.days.is_over(due_at) and "on_paper" not in types)
        submission = Submission(
            state="pending_review" if entry.get("pending") else "submitted",
            submitted_at=None if "on_paper" in types else submitted_at,
            late=late_days > 0,
            seconds_late=max(0, int((submitted_at - due_at).total_seconds())) if late_days else 0,
            points_deducted=entry.get("deducted"),
        )
        graded_at = self.days.moment([due_day + late_days + 5, "16:00"])
        if "unposted" in entry:
            graded_at = self.days.moment([due_day + 3, "16:00"])
        if not self.days.is_over(graded_at) or ((entry.get("ungraded") or entry.get("pending")) and due_day > -5):
            return submission
        submission.graded_at = graded_at
        submission.score = float(entry.get("score", entry.get("unposted", round(entry["points"] * 0.9))))
        posted_at = graded_at + timedelta(days=9) if "unposted" in entry else graded_at
        if self.days.is_over(posted_at):
            submission.posted_at, submission.state = posted_at, "graded"
        submission.comments = self.comments(entry, submission, graded_at)
        return submission

    def comments(self, entry: dict[str, Any], submission: Submission, graded_at: datetime) -> list[Comment]:
        """What the one who graded wrote: about what is late or lost many points, and about what is nearly perfect."""
        share = (submission.score or 0) / entry["points"] if entry["points"] else 1.0
        text = entry.get("comment", "")
        if not text and submission.late:
            text = "Handed in late, so the late policy applies. The work itself is sound."
        elif not text and share < 0.8:
            text = "The idea is right. Show the steps in between: I could not follow how you got to the result."
        elif not text and share >= 0.97:
            text = "Very well done. Your explanation is one that I would show in class."
        return [Comment(self.raw["teachers"][-1], text, graded_at)] if text else []

    def hand_in(
        self, entry: dict[str, Any], due_day: int, due_at: datetime, late_days: int, *, on_paper: bool
    ) -> datetime:
        if on_paper:
            return due_at
        evening = f"{18 + len(entry['name']) % 5}:{7 + len(entry['about']) % 50:02d}"
        if late_days:
            return self.days.moment([due_day + late_days, evening])
        # What was still open on the anchor day is handed in that day at the earliest.
        day = due_day - 1 if due_day < 0 else max(due_day - 1, 0)
        return min(self.days.moment([day, evening]), due_at - timedelta(minutes=25))

    def file(self, entry: dict[str, Any], n: int) -> File:
        return File(
            id=self.number(500 + n),
            name=entry["name"],
            folder=entry["folder"],
            updated_at=self.days.moment([entry["when"], "11:00"]),
            content_type=CONTENT_TYPES[entry["name"].rsplit(".", 1)[1]],
            source=f"{entry['name']}.md",
        )

    def announcements(self) -> list[Announcement]:
        made = [
            Announcement(
                id=self.number(800 + n),
                title=entry["title"],
                message=entry["text"],
                author=entry["by"],
                posted_at=self.days.moment(entry["when"]),
            )
            for n, entry in enumerate(self.raw["announcements"], start=1)
        ]
        return [announcement for announcement in made if self.days.is_over(announcement.posted_at)]

    def modules(self, assignments: list[Assignment], files: list[File], pages: list[Page]) -> list[Module]:
        modules: list[Module] = []
        by_name: dict[str, Module] = {}
        for n, entry in enumerate(self.raw["modules"], start=1):
            unlock_at = self.days.moment([entry["unlocks"], "08:00"]) if "unlocks" in entry else None
            items = [
                self.module_item(item, 100 * n + k, assignments, files, pages)
                for k, item in enumerate(entry["items"], start=1)
            ]
            requires = [by_name[name] for name in entry.get("requires", [])]
            is_locked = bool(unlock_at and not self.days.is_over(unlock_at)) or any(
                module.state != "completed" for module in requires
            )
            contents = {item.content_id for item in items} - {None}
            work = [found for found in assignments if contents & {found.id, found.quiz_id}]
            done = [found for found in work if found.submission.submitted_at or found.submission.excused]
            state = "locked" if is_locked else "completed" if len(done) == len(work) else "started"
            module = Module(
                self.number(600 + n),
                entry["name"],
                n,
                unlock_at,
                [found.id for found in requires],
                items,
                state,
                is_sequential=entry.get("sequential", False),
                needs=entry.get("needs", "all"),
            )
            modules.append(module)
            by_name[module.name] = module
        return modules

    def module_item(
        self,
        item: dict[str, Any],
        n: int,
        assignments: list[Assignment],
        files: list[File],
        pages: list[Page],
    ) -> ModuleItem:
        number = self.shard * 10**13 + self.local * 10_000 + n
        if "assignment" in item:
            assignment = next(found for found in assignments if found.name == item["assignment"])
            kind = "Quiz" if assignment.quiz_id else "Assignment"
            return ModuleItem(
                number,
                assignment.name,
                kind,
                content_id=assignment.quiz_id or assignment.id,
                indent=item.get("indent", 0),
                is_new_quiz=assignment.is_new_quiz,
                min_score=item.get("min_score"),
            )
        if "file" in item:
            file = next(found for found in files if found.name == item["file"])
            return ModuleItem(number, file.name, "File", content_id=file.id, indent=item.get("indent", 0))
        if "page" in item:
            page = next(found for found in pages if found.title == item["page"])
            return ModuleItem(number, page.title, "Page", page_url=page.url)
        if "header" in item:
            return ModuleItem(number, item["header"], "SubHeader")
        return ModuleItem(number, item["title"], "ExternalUrl", external_url=item["link"])


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
