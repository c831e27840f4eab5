"""The map across courses: what needs what, where the student stands, and the longest way to a goal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from coreengine.accounts.models import User
from coreengine.kernel.graphs import in_order
from courses.maps.drawing import MapNode, MapPicture, draw_map
from courses.maps.rules import longest_chain, needs_of, way_from
from courses.models import Course, CoursePrerequisite
from courses.moments import Clock

MOST_COURSES = 300


@dataclass(frozen=True)
class CourseStep:
    """One course: `is_ready` says that all it needs is passed."""

    course: Course
    state: str
    label: str
    icon: str
    status: str
    term: str
    needs: list[tuple[int, Course]]
    """Link and course, of each that comes before."""
    missing: list[Course]
    is_critical: bool
    warning: str

    @property
    def name(self) -> str:
        return str(self.course.pk)


@dataclass(frozen=True)
class CourseMap:
    """The picture, the list in the order of taking, and the critical path to the goal."""

    steps: list[CourseStep]
    others: list[Course]
    courses: list[Course]
    picture: MapPicture
    goal: Course | None
    path: list[Course]
    sentence: str

    @property
    def goals(self) -> list[Course]:
        return [step.course for step in self.steps if step.state != "passed"]


def course_map(user: User, clock: Clock, goal_pk: int | None = None) -> CourseMap:
    """Read the courses and the arrows between them: two queries."""
    rows = Course.objects.visible_to(user).shown_once().for_list().by_newest_term()
    courses = {course.pk: course for course in rows[:MOST_COURSES]}
    links = _links(user, courses)
    needs = needs_of((link.course, link.required) for link in links)
    joined = {pk for link in links for pk in (link.course, link.required)}
    done = {pk for pk in joined if is_passed(courses[pk], clock.now)}
    goal = _goal(goal_pk, joined, needs, done)
    path = longest_chain(goal, needs, done) if goal is not None else []
    steps = _steps(courses, links, joined, done, set(path), clock)
    named = [courses[pk] for pk in path]
    return CourseMap(
        steps=steps,
        others=[course for pk, course in courses.items() if pk not in joined],
        courses=list(courses.values()),
        picture=draw_map(_node(step) for step in steps),
        goal=courses[goal] if goal is not None else None,
        path=named,
        sentence=path_sentence(courses[goal], named, clock.now) if goal is not None else "",
    )


@dataclass(frozen=True)
class Link:
    """An arrow between two courses that are shown."""

    pk: int
    course: int
    required: int


def _links(user: User, courses: Mapping[int, Course]) -> list[Link]:
    """The arrows, from and to the courses that are shown for those that were joined by them.

    Joining courses can make two arrows into one, an arrow to itself, or a circle: each is left out.
    """
    found: list[Link] = []
    rows = CoursePrerequisite.objects.visible_to(user).order_by("pk")
    for pk, course, course_as, required, required_as in rows.values_list(
        "pk", "course_id", "course__same_as_id", "required_id", "required__same_as_id"
    ):
        link = Link(pk, course_as or course, required_as or required)
        known = needs_of((each.course, each.required) for each in found)
        is_new = link.required not in known.get(link.course, ())
        if (
            {link.course, link.required} <= courses.keys()
            and is_new
            and not way_from(link.required, link.course, known)
        ):
            found.append(link)
    return found


def is_passed(course: Course, now: datetime) -> bool:
    """Over: a course that is concluded counts as passed. One that its source lost is taken for passed as well."""
    return course.is_concluded(now)


def is_ahead(course: Course, now: datetime) -> bool:
    """Not begun: by its own first day, else by its term's, else by its source's word."""
    begins = begins_at(course)
    return begins > now if begins is not None else course.state == Course.State.UNPUBLISHED


def begins_at(course: Course) -> datetime | None:
    if course.starts_at is not None:
        return course.starts_at
    return course.term.starts_at if course.term else None


def _goal(asked: int | None, joined: set[int], needs: Mapping[int, set[int]], done: set[int]) -> int | None:
    """The course asked for, else the one that is furthest away."""
    if asked in joined:
        return asked
    open_ones = sorted(joined - done)
    return max(open_ones, key=lambda pk: len(longest_chain(pk, needs, done)), default=None)


def _steps(
    courses: Mapping[int, Course],
    links: Sequence[Link],
    joined: set[int],
    done: set[int],
    path: set[int],
    clock: Clock,
) -> list[CourseStep]:
    found = []
    for pk, course in courses.items():
        if pk not in joined:
            continue
        needs = [(link.pk, courses[link.required]) for link in links if link.course == pk]
        missing = [other for _, other in needs if other.pk not in done]
        state, label, icon, status = _look(course, pk in done, missing, clock.now)
        term = course.term.name if course.term else ""
        warning = _warning(course, missing) if pk not in done else ""
        found.append(CourseStep(course, state, label, icon, status, term, needs, missing, pk in path, warning))
    order = {each.name: place for place, each in enumerate(in_order([_Ordered(step) for step in found]))}
    return sorted(found, key=lambda step: order[step.name])


@dataclass(frozen=True)
class _Ordered:
    """A step as the kernel's graphs read it."""

    step: CourseStep

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def needs(self) -> list[str]:
        return [str(course.pk) for _, course in self.step.needs]


def _look(course: Course, is_done: bool, missing: Sequence[Course], now: datetime) -> tuple[str, str, str, str]:
    if is_done:
        return "passed", "Passed", "circle-check", "completed"
    if not is_ahead(course, now):
        return "going_on", "Going on", "circle-dot", "running"
    if missing:
        return "locked", f"after {' and '.join(other.title for other in missing)}", "lock", "locked"
    return "open", "Open to you", "lock-open", ""


def _warning(course: Course, missing: Sequence[Course]) -> str:
    """Say where the terms contradict the arrows: a course cannot begin before what it needs is over."""
    begins = begins_at(course)
    for other in missing:
        theirs = begins_at(other)
        if begins is not None and theirs is not None and theirs >= begins:
            when = other.term.name if other.term else f"{theirs:%B %Y}"
            return f"Planned too early: it needs {other.title}, which is in {when}."
    return ""


def path_sentence(goal: Course, path: Sequence[Course], now: datetime) -> str:
    """Say the critical path in words."""
    if not path:
        return f"{goal.title} is passed."
    count = len(path)
    first = path[0]
    if count == 1:
        return (
            f"Nothing stands before {goal.title}: it can be the next term."
            if is_ahead(goal, now)
            else (f"{goal.title} goes on now.")
        )
    begin = f"{first.title} goes on now" if not is_ahead(first, now) else f"begin with {first.title}"
    way = ", then ".join(course.title for course in path[1:])
    terms = f"{count} terms" if is_ahead(first, now) else f"{count} terms with this one"
    return (
        f"{goal.title} takes {terms} at least: {begin}, then {way}. "
        "A term lost on any of these moves the goal by a term; the other courses have time to spare."
    )


def _node(step: CourseStep) -> MapNode:
    words = f"{step.label} · {step.term}" if step.term and step.state != "locked" else step.label
    return MapNode(
        name=step.name,
        label=step.course.title,
        words=words,
        icon=step.icon,
        status=step.status,
        url=f"#course-{step.course.pk}",
        needs=tuple(str(course.pk) for _, course in step.needs),
        hue=step.course.hue,
        is_marked=step.is_critical,
    )
