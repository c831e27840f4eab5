""" "What do I need?", as a form, the API and workflows ask it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from courses.grading.courses import CourseGrades
from courses.grading.needed import Needed, needed_on, needed_on_all
from courses.grading.pages import needed_words
from courses.grading.scales import letter
from courses.grading.scenarios import read_score

ALL = "all"


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and its answer in words; both may be empty."""

    work: str = ""
    """An id of work, or "all" for everything that is left."""
    goal: str = ""
    percent: str = ""
    answer: str = ""
    error: str = ""


def question_of(grades: CourseGrades, sent: Mapping[str, str]) -> Question:
    """Read a question and answer it: on `work`, for `goal` (a letter) or `percent`, which goes first."""
    work, goal, percent = sent.get("work", ""), sent.get("goal", ""), sent.get("percent", "").strip()
    asked = Question(work, goal, percent)
    try:
        target = target_of(grades, percent or goal)
    except ValueError as error:
        return Question(work, goal, percent, error=str(error))
    if target is None or not work:
        return asked
    least, words = target
    found = needed_for(grades, work, least)
    if found is None:
        return asked
    about = grades.work(int(work)) if work != ALL else None
    return Question(work, goal, percent, needed_words(found, about, words))


def needed_for(grades: CourseGrades, work: str, least: float) -> Needed | None:
    """What work (an id, or "all") must give for a percentage; None where the course has no such work."""
    if work == ALL:
        return needed_on_all(grades, least)
    if not work.removeprefix("-").isdecimal() or grades.work(int(work)) is None:
        return None
    return needed_on(grades, int(work), least)


def target_of(grades: CourseGrades, text: str) -> tuple[float, str] | None:
    """Turn a letter of the course's scale or a percentage into the least percentage and its words; None for nothing.

    Raises:
        ValueError: it is neither.
    """
    text = text.strip()
    if not text:
        return None
    step = next((step for step in grades.scale if step.name.lower() == text.lower()), None)
    if step is not None:
        return step.least, f"{step.name} ({step.least:g} %)"
    try:
        least = read_score(text.removesuffix("%").strip())
    except ValueError:
        least = None
    if least is None or least > 1000:
        names = ", ".join(each.name for each in grades.scale)
        raise ValueError(f"“{text[:20]}” is neither a percentage nor a letter of the scale ({names}).")
    reached = letter(least, grades.scale)
    return least, f"{least:g} %" + (f" ({reached.name})" if reached else "")
