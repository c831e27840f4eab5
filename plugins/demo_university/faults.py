"""Switches that make the university misbehave, and changes that its teachers make; for tests only.

Both are reached over HTTP (`/__faults__`, `/__changes__`) and only where the server was started with
`--allow-faults`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from .semester import Announcement, Assignment, Course, File, Semester
from .semester.model import Module


class BadSwitch(ValueError):
    """The name or the value of a switch makes no sense; the message says which."""


@dataclass
class Faults:
    """What goes wrong at the moment. A path stands for itself and everything below it."""

    throttle_next: int = 0
    throttle_status: int = 403
    throttle_retry_after: float | None = None
    html_for: str = ""
    malformed: str = ""
    truncated: str = ""
    endless_paging: str = ""
    endless_kind: str = "self"
    """`self`: the page's next link is itself; `fresh`: every page has a new next link, for ever."""
    status: dict[str, int] = field(default_factory=dict)
    """Path → HTTP status; a 401 comes without WWW-Authenticate, as for a lack of permission."""
    reject_tokens: bool = False
    delay_s: float = 0.0
    drop_courses: list[int] = field(default_factory=list)
    """These courses answer 404 though the list of courses still has them."""
    rate_limit_remaining: float | None = None
    """What X-Rate-Limit-Remaining says instead of the truth."""
    shouting_headers: bool = False
    """Header names come in capitals: LINK, ETAG."""
    byte_order_mark: bool = False
    """Bodies begin with U+FEFF, as some proxies have it."""
    empty_first_page: str = ""
    """The first page of a list is empty and names a next one."""
    big_descriptions: int = 0
    """Every assignment's description is so many characters longer."""
    people_hidden: bool = False
    """Students may not see the list of a course's people."""
    module_items_left_out: bool = False
    """Modules come without their items, as large ones do."""
    feed_text: str = ""
    """What calendar feeds answer instead of a calendar."""

    def update(self, switches: dict[str, Any]) -> None:
        """Set some of the switches; with an unknown name none is set."""
        known = {entry.name for entry in fields(self)}
        for name in switches:
            if name not in known:
                raise BadSwitch(f"There is no fault {name!r}; known are {', '.join(sorted(known))}.")
        for name, value in switches.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    async def wait(self) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)

    def hits(self, switch: str, path: str) -> bool:
        return bool(switch) and (path == switch or path.startswith(f"{switch.rstrip('/')}/"))

    def forced_status(self, path: str) -> int | None:
        return next((code for switch, code in self.status.items() if self.hits(switch, path)), None)


def apply_change(semester: Semester, change: dict[str, Any]) -> None:
    """Make one change of a teacher: `{"kind": "move_due_date", "assignment_id": …, "due_at": …}` and so on.

    Raises:
        BadSwitch: there is no such kind, or a field is missing or names nothing.
    """
    kind = change.get("kind")
    if kind not in _CHANGES:
        raise BadSwitch(f"There is no change {kind!r}; known are {', '.join(_CHANGES)}.")
    try:
        _CHANGES[kind](semester, change)
    except KeyError as error:
        raise BadSwitch(f"The change {kind} needs {error.args[0]!r}.") from error


def _move_due_date(semester: Semester, change: dict[str, Any]) -> None:
    assignment = _assignment(semester, change)
    due_at = change["due_at"]
    assignment.due_at = datetime.fromisoformat(due_at.replace("Z", "+00:00")).astimezone(UTC) if due_at else None
    assignment.submission.missing = False


def _rename_assignment(semester: Semester, change: dict[str, Any]) -> None:
    _assignment(semester, change).name = change["name"]


def _grade(semester: Semester, change: dict[str, Any]) -> None:
    submission, now = _assignment(semester, change).submission, _moment(change)
    submission.score = float(change["score"])
    submission.state, submission.missing = "graded", False
    submission.submitted_at = submission.submitted_at or now - timedelta(hours=1)
    submission.graded_at = submission.posted_at = now


def _submit(semester: Semester, change: dict[str, Any]) -> None:
    submission = _assignment(semester, change).submission
    submission.state, submission.missing = "submitted", False
    submission.submitted_at = _moment(change)


def _add_assignment(semester: Semester, change: dict[str, Any]) -> None:
    course = _course(semester, change)
    like = course.assignments[-1]
    course.assignments.append(
        Assignment(
            **{entry.name: getattr(like, entry.name) for entry in fields(like)}
            | {
                "id": like.id - like.position + len(course.assignments) + 1,
                "name": change["name"],
                "position": len(course.assignments) + 1,
                "submission": type(like.submission)(),
            }
        )
    )


def _add_announcement(semester: Semester, change: dict[str, Any]) -> None:
    course = _course(semester, change)
    number = course.id // 10**13 * 10**13 + course.id % 10**13 * 1000 + 850 + len(course.announcements)
    posted_at = _moment(change)
    course.announcements.append(Announcement(number, change["title"], change["message"], course.teachers[0], posted_at))


def _vanish_course(semester: Semester, change: dict[str, Any]) -> None:
    semester.courses.remove(_course(semester, change))


def _conclude_course(semester: Semester, change: dict[str, Any]) -> None:
    _course(semester, change).is_concluded = True


def _restrict_course(semester: Semester, change: dict[str, Any]) -> None:
    _course(semester, change).is_restricted = True


def _delete_course(semester: Semester, change: dict[str, Any]) -> None:
    """A deleted course may still be listed for a while, with a state that says so."""
    _course(semester, change).is_deleted = True


def _unlock_module(semester: Semester, change: dict[str, Any]) -> None:
    module = _module(semester, change)
    module.state, module.unlock_at = "unlocked", None


def _vanish_module(semester: Semester, change: dict[str, Any]) -> None:
    gone = _module(semester, change)
    for course in semester.courses:
        course.modules = [module for module in course.modules if module is not gone]


def _vanish_assignment(semester: Semester, change: dict[str, Any]) -> None:
    gone = _assignment(semester, change)
    for course in semester.courses:
        course.assignments = [assignment for assignment in course.assignments if assignment is not gone]


def _replace_file(semester: Semester, change: dict[str, Any]) -> None:
    file = _file(semester, change)
    file.replaced_by, file.revision, file.updated_at = change["text"], file.revision + 1, _moment(change)


def _lock_file(semester: Semester, change: dict[str, Any]) -> None:
    _file(semester, change).locked = True


_CHANGES: dict[str, Callable[[Semester, dict[str, Any]], None]] = {
    "move_due_date": _move_due_date,
    "rename_assignment": _rename_assignment,
    "grade": _grade,
    "submit": _submit,
    "add_assignment": _add_assignment,
    "add_announcement": _add_announcement,
    "vanish_course": _vanish_course,
    "conclude_course": _conclude_course,
    "restrict_course": _restrict_course,
    "delete_course": _delete_course,
    "unlock_module": _unlock_module,
    "vanish_module": _vanish_module,
    "vanish_assignment": _vanish_assignment,
    "replace_file": _replace_file,
    "lock_file": _lock_file,
}


def _moment(change: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(change["at"])


def _course(semester: Semester, change: dict[str, Any]) -> Course:
    course = semester.course(int(change["course_id"]))
    if course is None:
        raise BadSwitch(f"There is no course {change['course_id']}.")
    return course


def _assignment(semester: Semester, change: dict[str, Any]) -> Assignment:
    found = semester.find_assignment(int(change["assignment_id"]))
    if found is None:
        raise BadSwitch(f"There is no assignment {change['assignment_id']}.")
    return found[1]


def _module(semester: Semester, change: dict[str, Any]) -> Module:
    modules = [module for course in semester.courses for module in course.modules]
    found = next((module for module in modules if module.id == int(change["module_id"])), None)
    if found is None:
        raise BadSwitch(f"There is no module {change['module_id']}.")
    return found


def _file(semester: Semester, change: dict[str, Any]) -> File:
    found = semester.find_file(int(change["file_id"]))
    if found is None:
        raise BadSwitch(f"There is no file {change['file_id']}.")
    return found[1]
