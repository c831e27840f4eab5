"""What courses may need: no circles. Plain functions over ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError

from courses.models import Course, CoursePrerequisite

Needs = Mapping[int, set[int]]
"""Course → the courses that it needs."""
MOST_PREREQUISITES = 300


def needs_of(links: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    """Gather (course, required) pairs."""
    needs: dict[int, set[int]] = {}
    for course, required in links:
        needs.setdefault(course, set()).add(required)
    return needs


def way_from(course: int, goal: int, needs: Needs) -> list[int]:
    """A way from a course to one that it needs, directly or by others: both included; empty where there is none."""
    came: dict[int, int] = {course: course}
    todo = [course]
    while todo:
        here = todo.pop(0)
        if here == goal:
            way = [here]
            while way[-1] != course:
                way.append(came[way[-1]])
            return way[::-1]
        for following in sorted(needs.get(here, ())):
            if following not in came:
                came[following] = here
                todo.append(following)
    return []


def check_prerequisite(course: Course, required: Course) -> None:
    """Refuse what could never be taken: a course that needs itself, directly or by others.

    Raises:
        ValidationError: at `required`.
    """
    if course.owner_id != required.owner_id:
        raise ValidationError({"required": "There is no such course among yours."})
    if course.pk == required.pk:
        raise ValidationError({"required": "A course cannot need itself."})
    links = list(CoursePrerequisite.objects.filter(owner=course.owner_id).values_list("course_id", "required_id"))
    if len(links) >= MOST_PREREQUISITES:
        raise ValidationError({"required": f"A map has at most {MOST_PREREQUISITES} arrows."})
    way = way_from(required.pk, course.pk, needs_of(links))
    if way:
        names = {row.pk: row.title for row in Course.objects.filter(pk__in=way).only("name", "nickname")}
        said = " needs ".join(f"“{names[pk]}”" for pk in way)
        raise ValidationError({"required": f"That would go round in a circle: {said}. Nobody could begin."})


def longest_chain(goal: int, needs: Needs, done: set[int]) -> list[int]:
    """The longest chain of courses still to be passed that ends in the goal, first to last; empty if it is passed.

    Each course takes a term, so its length is the fewest terms that the goal is away. Ties go to the lower id.
    """
    found: dict[int, list[int]] = {}

    def chain(course: int) -> list[int]:
        if course in done:
            return []
        if course not in found:
            found[course] = []  # a circle, were there one, ends here
            ways = [chain(required) for required in sorted(needs.get(course, ()))]
            found[course] = [*max(ways, key=len, default=[]), course]
        return found[course]

    return chain(goal)
