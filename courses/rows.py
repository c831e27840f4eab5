"""One line of a list of work, with every text ready to print."""

from __future__ import annotations

from dataclasses import dataclass

from courses.models import Assignment
from courses.moments import Clock, Moment, moment
from courses.repository_marks import CodeMark, code_mark
from courses.work_state import OUTSTANDING, WorkState

SOON_HOURS = 48

# How a state looks: the badge's tint and its icon. What is simply open wears no badge.
BADGES: dict[WorkState, tuple[str, str]] = {
    WorkState.OVERDUE: ("overdue", "alarm-clock"),
    WorkState.GRADED: ("completed", "award"),
    WorkState.SUBMITTED: ("info", "send"),
    WorkState.DONE: ("completed", "check"),
    WorkState.DISMISSED: ("", "eye-off"),
    WorkState.EXCUSED: ("", "circle-slash"),
    WorkState.PAST: ("", "history"),
    WorkState.GONE: ("", "unlink"),
}
SETTLED = {WorkState.DONE, WorkState.SUBMITTED, WorkState.GRADED, WorkState.EXCUSED}


@dataclass(slots=True)
class Badge:
    status: str
    icon: str
    label: str


@dataclass(slots=True)
class WorkRow:
    """One line of work; built by `row_of`."""

    pk: int
    name: str
    url: str
    done_url: str
    course: str
    hue: int
    state: str
    facts: list[str]
    note: str
    when: Moment | None
    when_text: str
    badge: Badge | None
    late: bool
    done: bool
    can_mark: bool
    waits: bool = False
    """Handed in, and nothing the student can do about it."""
    kind: str = ""
    """What it is, where that is no assignment: its id is not one then."""
    code: CodeMark | None = None

    @property
    def mark_id(self) -> str:
        """The id of its mark on a page."""
        return f"done-{self.kind}-{self.pk}" if self.kind else f"done-{self.pk}"


def row_of(assignment: Assignment, clock: Clock) -> WorkRow:
    """Make the line of one assignment; its course and submission should be joined.

    Where its code stands is told if `repository_marks.read_repositories` has read it for all lines at once.
    """
    state = state_shown(assignment, clock)
    return WorkRow(
        pk=assignment.pk,
        name=assignment.name,
        url=f"/assignments/{assignment.pk}/",
        done_url=f"/assignments/{assignment.pk}/done/",
        course=assignment.course.title,
        hue=assignment.course.hue,
        state=str(state),
        facts=facts_of(assignment),
        note=_note(assignment, state, clock),
        when=moment(assignment.due_at, clock) if assignment.due_at else None,
        when_text=settled_text(assignment, state),
        badge=badge_of(assignment, state, clock),
        late=state == WorkState.OVERDUE,
        done=state in SETTLED,
        can_mark=can_mark(state),
        code=code_mark(assignment, clock.now),
    )


def state_shown(assignment: Assignment, clock: Clock) -> WorkState:
    """Where the work stands, as the query or the caller said already, or by the rule."""
    annotated = getattr(assignment, "work_state", None)
    return WorkState(annotated) if annotated else assignment.state_at(clock.now)


def facts_of(assignment: Assignment) -> list[str]:
    """What a line says of it beside its name: its points, and whether it is the student's own."""
    facts = [assignment.points_text] if assignment.points_text else []
    return [*facts, "own task"] if assignment.is_by_hand else facts


def can_mark(state: WorkState) -> bool:
    """Say whether work of this state can be ticked off, or taken back."""
    return state in OUTSTANDING or state in (WorkState.DONE, WorkState.PAST, WorkState.DISMISSED)


def settled_text(assignment: Assignment, state: WorkState) -> str:
    """Say in place of a due date what has become of work that is no longer owed."""
    submission = assignment.own_submission
    if state == WorkState.GRADED and submission is not None:
        return submission.score_text(assignment.points_possible) or "Graded"
    if state == WorkState.SUBMITTED and submission is not None and submission.late:
        return "Submitted late"
    if state in SETTLED:
        return str(state.label)
    return "" if assignment.due_at else "no date"


def badge_of(assignment: Assignment, state: WorkState, clock: Clock) -> Badge | None:
    """Pick the badge of a state, or none where there is nothing to say."""
    if state == WorkState.UPCOMING and assignment.due_at is not None:
        hours = (assignment.due_at - clock.now).total_seconds() / 3600
        return Badge("soon", "clock", "Due soon") if hours < SOON_HOURS else None
    if state not in BADGES:
        return None
    status, icon = BADGES[state]
    return Badge(status, icon, (settled_text(assignment, state) if state in SETTLED else "") or str(state.label))


def _note(assignment: Assignment, state: WorkState, clock: Clock) -> str:
    """Say what stands in the way of doing it now."""
    if state not in OUTSTANDING:
        return ""
    if assignment.lock_at is not None and assignment.lock_at < clock.now:
        return "closed"
    if assignment.unlock_at is not None and assignment.unlock_at > clock.now:
        return f"opens {moment(assignment.unlock_at, clock).within}"
    return ""
