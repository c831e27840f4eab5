"""What the pages of grades show: courses by term, lines of groups and work, words for answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from courses.grading.averages import TermAverage, average
from courses.grading.charts import sparkline
from courses.grading.courses import NO_GROUP, NOT_COUNTED, Changes, CourseGrades, GradedWork
from courses.grading.needed import Needed
from courses.grading.rules import rounded
from courses.grading.summaries import GradeSummary
from courses.models import AssignmentGroup

OFF = {"dropped", *NOT_COUNTED.values()}
"""Flags of work that does not count."""


@dataclass(frozen=True)
class WorkLine:
    """One piece of work with what happens to it."""

    work: GradedWork
    score: str
    percent: str
    flag: str
    """"dropped", "excused", ...; empty when it counts or will count."""
    note: str
    change: Mapping[str, Any]
    typed: str = ""
    error: str = ""

    @property
    def is_off(self) -> bool:
        return self.flag in OFF


@dataclass(frozen=True)
class GroupLine:
    """A group with its part of the grade."""

    key: int
    title: str
    detail: str
    percent: str
    lines: Sequence[WorkLine]


@dataclass(frozen=True)
class CourseLine:
    """One course of the overview."""

    summary: GradeSummary
    percent: str
    letter: str
    spark: str
    trend: str
    is_falling: bool
    note: str
    is_going_on: bool
    difference: str


@dataclass(frozen=True)
class TermLine:
    """A term's courses and their average."""

    title: str
    average: float | None
    is_going_on: bool
    courses: Sequence[CourseLine] = field(default_factory=tuple)


def percent_text(value: float | None) -> str:
    """ "91.5 %", or a dash."""
    return "–" if value is None else f"{rounded(value):g} %"


def signed(value: float) -> str:
    """ "+1.5" or "−1.5"."""
    return f"+{value:g}" if value > 0 else f"−{-value:g}" if value < 0 else "0"


def group_lines(
    grades: CourseGrades,
    changes: Changes,
    *,
    typed: Mapping[int, str] | None = None,
    errors: Mapping[int, str] | None = None,
) -> list[GroupLine]:
    """The work of a course by group, `grades` being those with the changes made."""
    parts, weight = grades.current.groups, grades.current.weight
    dropped = grades.current.dropped
    by_group: dict[int, list[WorkLine]] = {}
    for work in grades.works:
        if work.is_hypothetical:  # it has rows of its own on the page
            continue
        change = changes.get(work.id, {})
        by_group.setdefault(work.group, []).append(
            WorkLine(
                work=work,
                score=score_text(work),
                percent=percent_text(work.percent) if work.percent is not None else "",
                flag=_flag(work, dropped),
                note=_note(work),
                change=change,
                typed=(typed or {}).get(work.id, f"{change['score']:g}" if "score" in change else ""),
                error=(errors or {}).get(work.id, ""),
            )
        )
    found = []
    for group in grades.groups:
        if group.pk in by_group or group.weight or grades.course.is_by_hand:
            detail = _detail(group, grades, weight, is_counting=bool(parts[group.pk].points))
            percent = percent_text(parts[group.pk].percent)
            found.append(GroupLine(group.pk, group.name, detail, percent, by_group.get(group.pk, [])))
    if NO_GROUP in by_group:
        detail = "counts for nothing: the course weighs groups" if grades.is_weighted else ""
        title = "Without a group" if grades.groups else "Work"
        percent = percent_text(parts[NO_GROUP].percent)
        found.append(GroupLine(NO_GROUP, title, detail, percent, by_group[NO_GROUP]))
    return found


def weight_note(grades: CourseGrades) -> str:
    """Say how weights that do not give 100 % together are taken; empty when they do."""
    total = sum(group.weight or 0 for group in grades.groups)
    if not grades.is_weighted:
        return "The weights of the groups are not in use: all points are added up." if total else ""
    if not total:
        return "Groups are weighed, but none has a weight, so there is no grade."
    if abs(total - 100) < 0.005:
        return ""
    if total < 100:
        return f"The weights give {total:g} % together, not 100 %: the grade is scaled up as if they did."
    return f"The weights give {total:g} % together: what lies above 100 % is extra credit."


def needed_words(needed: Needed, work: GradedWork | None, goal: str) -> str:
    """The answer to "what do I need for that?", on one piece of work or (None) on all that is left."""
    name = f"“{work.name}”" if work else "what is left"
    if needed.kind == "no_effect":
        if work is None and not needed.count:
            return "Nothing is left that has points: the grade stands."
        has = needed.best is not None and needed.best >= needed.goal
        stands = f"You have {goal}, and" if has else f"{goal} is not reached, and"
        return f"{stands} {name} cannot change the score{_why_no_effect(work)}"
    if needed.kind == "secured":
        return f"You have {goal} safely: even 0 points on {name} keep it."
    if needed.kind == "unreachable":
        if work is None:
            why = "any more: the most that all that is left can give"
        else:
            why = f"with {name} alone: the most that its {work.points:g} points can give"
        return f"{goal} cannot be reached {why} is {percent_text(needed.best)}."
    assert needed.score is not None
    if work is None:
        pieces = (
            "the piece of work that is" if needed.count == 1 else f"each of the {needed.count} pieces of work that are"
        )
        return f"{needed.score:g} % on {pieces} left gives {goal}."
    share = f" ({100 * needed.score / work.points:.1f} %)" if work.points else ""
    return f"{needed.score:g} of {work.points:g} points{share} on {name} give {goal}."


def _why_no_effect(work: GradedWork | None) -> str:
    if work is not None and not work.points:
        return ": it has no points."
    return ": its group has no weight, or it is dropped whatever it gives."


def term_lines(
    summaries: Iterable[GradeSummary], averages: Iterable[TermAverage], going_on: set[int]
) -> list[TermLine]:
    """Courses by term, in the given order, each term with its average."""
    courses: dict[int | None, list[CourseLine]] = {}
    for each in summaries:
        courses.setdefault(each.course.term_id, []).append(course_line(each, each.course.pk in going_on))
    known = {each.term: each for each in averages}
    return [
        TermLine(known[key].name, known[key].points, known[key].is_going_on, lines) for key, lines in courses.items()
    ]


def course_line(each: GradeSummary, is_going_on: bool) -> CourseLine:
    """The words of one course in the overview."""
    note = "" if each.counts_in_average else "not in the average"
    if not note and each.credits is not None:
        note = f"{each.credits:g} credit{'' if each.credits == 1 else 's'}"
    theirs = each.difference
    return CourseLine(
        summary=each,
        percent="" if each.percent is None else f"{each.percent:.2f} %",
        letter=each.letter.name if each.letter else each.course.current_grade,
        spark=sparkline(each.spark),
        trend=signed(each.trend) if each.trend else "",
        is_falling=bool(each.trend and each.trend < 0),
        note=note,
        is_going_on=is_going_on,
        difference=""
        if theirs is None
        else f"The source shows {each.course.current_score:g} %, {signed(theirs)} points",
    )


def average_words(summaries: Sequence[GradeSummary]) -> tuple[str, str]:
    """The average over all, and how many credits it stands on; empty without one."""
    points, credits = average(summaries)
    return ("", "") if points is None else (f"{points:.2f}", f"{credits:g} credit{'' if credits == 1 else 's'}")


def score_text(work: GradedWork) -> str:
    """ "37 of 40", "– of 40", "complete"."""
    points = f"{work.points:g}" if work.points else ""
    if work.score is None:
        return work.grade or (f"– of {points}" if points else "–")
    if not points:
        return f"+{work.score:g}" if work.score else "0"
    return f"{work.score:g} of {points}"


def _flag(work: GradedWork, dropped: frozenset[int]) -> str:
    if work.not_counted:
        return NOT_COUNTED[work.not_counted]
    if work.id in dropped:
        return "dropped"
    return "waits for a grade" if work.is_waiting else ""


def _note(work: GradedWork) -> str:
    notes = []
    if work.grade and work.score is not None and work.grade != f"{work.score:g}" and not work.grade.endswith("%"):
        notes.append(work.grade)
    if work.points_deducted:
        notes.append(f"{work.points_deducted:g} off for being late")
    if work.is_missing:
        notes.append("never came: by your late policy")
    if not work.points and not work.not_counted and work.score is not None:
        notes.append("extra credit")
    return " · ".join(notes)


def _detail(group: AssignmentGroup, grades: CourseGrades, weight: float, *, is_counting: bool) -> str:
    words = []
    if grades.is_weighted:
        own = group.weight or 0
        words.append(f"{own:g} % of the grade")
        if is_counting and weight and weight < 99.995:
            words.append(f"{100 * own / weight:.3g} % so far")
    for count, name in ((group.drop_lowest, "lowest"), (group.drop_highest, "highest")):
        if count:
            words.append(f"the {name} is dropped" if count == 1 else f"the {count} {name} are dropped")
    if group.never_drop and (group.drop_lowest or group.drop_highest):
        count = len(group.never_drop)
        words.append(f"{count} {'is' if count == 1 else 'are'} never dropped")
    return ", ".join(words)
