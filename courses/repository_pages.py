"""The code of an assignment on its page, and the assignments of a repository on the repository's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.typing import Request
from courses.models import Assignment, AssignmentRepository
from courses.moments import Clock, ago, moment
from courses.repository_marks import code_mark
from resources.groupings import Choice
from resources.models import Repository

OFFERED = 100
LIKELY = 0.34
"""So much of the words must two names share for one to be proposed for the other."""
_WORD = re.compile(r"[a-z]+|\d+")
_PLURAL = re.compile(r"^(\w{3,}?)e?s$")
# Words that say nothing: they stand in the name of nearly every assignment or repository.
_EMPTY = {"the", "and", "of", "a", "for", "in", "to", "with", "main", "project", "assignment", "repo", "cs"}


@dataclass(frozen=True)
class LinkedRepository:
    """One repository of an assignment, in words."""

    repository: Repository
    last_commit: str
    is_after_due: bool


@dataclass(frozen=True)
class AssignmentCode:
    """The card "Code" of an assignment. `suggested` is a repository whose name resembles the assignment's."""

    assignment: Assignment
    linked: list[LinkedRepository]
    others: list[Repository]
    suggested: Repository | None
    sentence: str
    poll_s: int


def assignment_code(assignment: Assignment, user: User, clock: Clock) -> AssignmentCode:
    """Gather the card in two queries."""
    linked = [link.repository for link in _LINKED.objects(owner=user.pk, assignment=assignment.pk)]
    known = {repository.pk for repository in linked}
    others = [row for row in _OFFERED.objects(owner=user.pk) if row.pk not in known]
    assignment.repositories = linked
    return AssignmentCode(
        assignment,
        [_linked(repository, assignment, clock) for repository in linked],
        others,
        None if linked else most_alike(assignment, others),
        _sentence(assignment, clock),
        _poll_s(linked),
    )


def _links(owner: int, assignment: int) -> QuerySet[AssignmentRepository]:
    links = AssignmentRepository.objects.visible_to(owner_with(owner)).filter(assignment=assignment)
    return links.select_related("repository").defer("repository__search_vector")


def _offered(owner: int) -> QuerySet[Repository]:
    own = Repository.objects.visible_to(owner_with(owner)).present().filter(is_archived=False).latest_first()
    return own.only("full_name", "owner_id", "pushed_at")[:OFFERED]


_LINKED = KeptQuery(_links, owner=int, assignment=int)
_OFFERED = KeptQuery(_offered, owner=int)


def _linked(repository: Repository, assignment: Assignment, clock: Clock) -> LinkedRepository:
    at = repository.last_commit_at
    words = f"last commit {ago(at, clock.now)}" if at else "no commit yet"
    return LinkedRepository(repository, words, bool(at and assignment.due_at and at > assignment.due_at))


def _sentence(assignment: Assignment, clock: Clock) -> str:
    """ "Last commit 3 h ago, CI failing, due in 5 h"."""
    mark = code_mark(assignment, clock.now)
    if mark is None:
        return ""
    parts = [mark.text, mark.ci.label if mark.ci else ""]
    if assignment.due_at is not None:
        verb = "due" if assignment.due_at >= clock.now else "was due"
        when = moment(assignment.due_at, clock).main
        parts.append(f"{verb} {when.lower() if when in ('Today', 'Tomorrow', 'Yesterday') else when}")
    text = ", ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def _poll_s(repositories: list[Repository]) -> int:
    """How soon the card looks again by itself: at once while CI runs, now and then where the source tells us."""
    if any(repository.ci_status in ("pending", "running") for repository in repositories):
        return 5
    return 20 if any(repository.is_live for repository in repositories) else 0


def most_alike(assignment: Assignment, repositories: list[Repository]) -> Repository | None:
    """Find the repository whose name is most like the assignment's; None where none is like it at all."""
    wanted = _words(assignment.name)
    scored = [(_likeness(wanted, _words(repository.name)), -place) for place, repository in enumerate(repositories)]
    best = max(scored, default=(0.0, 0))
    return repositories[-best[1]] if best[0] >= LIKELY else None


def _words(name: str) -> set[str]:
    return {_PLURAL.sub(r"\1", word) for word in _WORD.findall(name.lower())} - _EMPTY


def _likeness(one: set[str], other: set[str]) -> float:
    """Share of words in common; a number alone ("Lab 4" and "week-4") makes nothing alike."""
    common = one & other
    if not any(word.isalpha() and len(word) > 1 for word in common):
        return 0.0
    return len(common) / min(len(one | other), 2 * min(len(one), len(other)))


def repository_work(request: Request, repository: Repository) -> dict[str, Any] | None:
    """On a repository's page: the assignments worked on in it, and those it could be for."""
    clock = Clock(timezone.now(), request.user.zone)
    links = AssignmentRepository.objects.visible_to(request.user).filter(repository=repository)
    linked = [link.assignment for link in links.select_related("assignment__course")]
    known = {assignment.pk for assignment in linked}
    work = Assignment.objects.visible_to(request.user).present().in_active_courses(clock.now).for_list()
    work = work.outstanding(clock.now).by_due_date()
    others = [row for row in work[:OFFERED] if row.pk not in known]
    return {
        "repository": repository,
        "linked": [
            (assignment, moment(assignment.due_at, clock) if assignment.due_at else None) for assignment in linked
        ],
        "others": others,
    }


def repository_labels(user: Any, repository_ids: list[int]) -> list[tuple[int, Choice]]:
    """The assignments of repositories, for their list: one query."""
    links = AssignmentRepository.objects.visible_to(user).filter(repository__in=repository_ids)
    links = links.select_related("assignment__course").only(
        "repository_id", "assignment__name", "assignment__course__hue"
    )
    return [
        (
            link.repository_id,
            Choice(
                str(link.assignment_id),
                link.assignment.name,
                link.assignment.course.hue,
                f"/assignments/{link.assignment_id}/",
            ),
        )
        for link in links
    ]
