"""Repositories of assignments: linked by both doors, and told beside the deadline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.models import Event
from courses import services
from courses.models import Assignment, AssignmentRepository
from courses.repository_marks import code_mark, read_repositories
from courses.repository_pages import most_alike
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.test_doors import Doors, doors  # noqa: F401
from resources.models import Repository
from resources.repositories.tests.factories import commit_record, make_repository, run_record, sha, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def assignment(owner: Any) -> Assignment:
    return AssignmentFactory(
        course=CourseFactory(owner=owner, name="Operating Systems"),
        name="Lab 4: Readers and writers",
        due_at=timezone.now() + timedelta(hours=5),
    )


@pytest.fixture
def repository(owner: Any) -> Repository:
    """A repository with a commit of three hours ago that fails its tests."""
    made = make_repository(owner, full_name="mira/lab-4")
    at = (timezone.now() - timedelta(hours=3, minutes=5)).isoformat()
    commit = commit_record("a", 0, committed_at=at)
    return tell(made, commits=[commit], head_sha=sha("a"), runs=[run_record(1, "a", conclusion="failure")])


def linked(assignment: Assignment) -> list[int]:
    return list(AssignmentRepository.objects.filter(assignment=assignment).values_list("repository_id", flat=True))


class TestLinking:
    def link(self, doors: Doors, assignment: Assignment, repository: Repository) -> int:  # noqa: F811
        form = {"assignment": assignment.pk, "repository": repository.pk}
        address = f"assignments/{assignment.pk}/repositories/"
        return doors.send(reverse("courses:link-repository"), "post", address, {"repository": repository.pk}, form)

    def unlink(self, doors: Doors, assignment: Assignment, repository: Repository) -> int:  # noqa: F811
        page = reverse("courses:unlink-repository", args=[assignment.pk, repository.pk])
        return doors.send(page, "delete", f"assignments/{assignment.pk}/repositories/{repository.pk}/", {})

    def test_a_link_is_made_told_and_taken_back(
        self,
        doors: Doors,  # noqa: F811
        assignment: Assignment,
        repository: Repository,
    ) -> None:
        assert self.link(doors, assignment, repository) == 200
        assert linked(assignment) == [repository.pk]
        told = Event.objects.get(type="repository.linked")
        assert told.subject_id == str(repository.pk)
        assert (told.data["source"], told.data["external_id"], told.data["links"]) == ("connection:1", "1", 1)

        assert self.unlink(doors, assignment, repository) == 200
        assert linked(assignment) == []
        assert Event.objects.get(type="repository.unlinked").data["links"] == 0

    def test_twice_is_once(self, doors: Doors, assignment: Assignment, repository: Repository) -> None:  # noqa: F811
        for _ in range(2):
            assert self.link(doors, assignment, repository) == 200
        assert len(linked(assignment)) == 1 and Event.objects.filter(type="repository.linked").count() == 1

    def test_a_strangers_repository_or_assignment_is_unknown(
        self,
        doors: Doors,  # noqa: F811
        assignment: Assignment,
        repository: Repository,
        stranger: Any,
    ) -> None:
        theirs = make_repository(stranger, 7)
        assert self.link(doors, assignment, theirs) in (404, 422)
        foreign = AssignmentFactory(course=CourseFactory(owner=stranger))
        assert self.link(doors, foreign, repository) == 404
        services.link_repository(foreign, theirs, by=stranger)
        assert self.unlink(doors, foreign, theirs) == 404
        assert linked(assignment) == [] and linked(foreign) == [theirs.pk]

    def test_the_service_itself_refuses_a_strangers(self, assignment: Assignment, owner: Any, stranger: Any) -> None:
        with pytest.raises(ValidationError):
            services.link_repository(assignment, make_repository(stranger), by=owner)

    def test_there_is_an_end_to_it(
        self, assignment: Assignment, owner: Any, monkeypatch: pytest.MonkeyPatch, page: Any
    ) -> None:
        monkeypatch.setattr(services, "MOST_REPOSITORIES", 1)
        services.link_repository(assignment, make_repository(owner, 1), by=owner)
        form = {"assignment": assignment.pk, "repository": make_repository(owner, 2).pk}

        answer = page.post(reverse("courses:link-repository"), form, follow=True)
        assert "at most 1 repositories" in answer.content.decode()


class TestRows:
    def test_the_last_commit_and_ci_stand_in_one_line(self, assignment: Assignment, repository: Repository) -> None:
        services.link_repository(assignment, repository, by=assignment.owner)
        read_repositories([assignment])

        mark = code_mark(assignment, timezone.now())
        assert mark is not None and mark.ci is not None
        assert (mark.text, mark.ci.label, mark.ci.status) == ("last commit 3 h ago", "CI failing", "failed")

    def test_of_several_the_newest_commit_and_the_worst_state_count(
        self, assignment: Assignment, repository: Repository, owner: Any
    ) -> None:
        other = make_repository(owner, 2)
        now = timezone.now().isoformat()
        tell(other, commits=[commit_record("b", 0, committed_at=now)], head_sha=sha("b"), runs=[run_record(1, "b")])
        for each in (repository, other):
            services.link_repository(assignment, each, by=owner)
        read_repositories([assignment])

        mark = code_mark(assignment, timezone.now())
        assert mark is not None and (mark.text, mark.ci.label) == ("last commit just now", "CI failing")

    def test_an_empty_repository_says_so(self, assignment: Assignment, owner: Any) -> None:
        services.link_repository(assignment, make_repository(owner), by=owner)
        read_repositories([assignment])

        assert code_mark(assignment, timezone.now()).text == "no commit yet"

    @pytest.mark.parametrize("where", ["/", "/assignments/", "/courses/{course}/"])
    def test_lists_show_it_beside_the_deadline_and_ask_once(
        self,
        page: Any,
        owner: Any,
        assignment: Assignment,
        repository: Repository,
        where: str,
        django_assert_num_queries: Any,
    ) -> None:
        address = where.format(course=assignment.course_id)
        services.link_repository(assignment, repository, by=owner)
        page.get(address)
        with django_assert_num_queries(100, exact=False) as few:
            text = page.get(address).content.decode()
        assert "last commit 3 h ago" in text and "CI failing" in text

        for number in range(2, 8):
            more = AssignmentFactory(course=assignment.course, due_at=timezone.now() + timedelta(hours=number))
            services.link_repository(more, make_repository(owner, number), by=owner)
        with django_assert_num_queries(len(few.captured_queries)):
            page.get(address)


def test_what_changed_lately_has_failures_of_ci_and_none_of_its_other_steps(page: Any, repository: Repository) -> None:
    assert "fails its CI" not in page.get("/courses/changes/").content.decode()  # the first reading is no news
    tell(repository, runs=[run_record(2, "a", state="in_progress", conclusion="")])
    tell(repository, runs=[run_record(2, "a", conclusion="failure", updated_at="2026-11-23T09:00:00Z")])

    text = page.get("/courses/changes/").content.decode()
    assert text.count("fails its CI") == 1 and repository.get_absolute_url() in text


class TestTheAssignmentsPage:
    def test_it_says_all_in_one_sentence(
        self, page: Any, in_the_morning: Any, assignment: Assignment, repository: Repository
    ) -> None:
        services.link_repository(assignment, repository, by=in_the_morning)
        text = page.get(assignment.get_absolute_url()).content.decode()

        assert "Last commit 3 h ago, CI failing, due in 5 h" in text
        assert repository.get_absolute_url() in text

    def test_a_commit_after_the_deadline_is_marked(
        self, page: Any, owner: Any, assignment: Assignment, repository: Repository
    ) -> None:
        assignment.due_at = timezone.now() - timedelta(days=1)
        assignment.save()
        services.link_repository(assignment, repository, by=owner)

        assert "after the deadline" in page.get(assignment.get_absolute_url()).content.decode()

    def test_htmx_gets_the_card_alone(self, page: Any, assignment: Assignment, repository: Repository) -> None:
        headers = {"HX-Request": "true", "HX-Target": "assignment-code"}
        form = {"assignment": assignment.pk, "repository": repository.pk}
        answer = page.post(reverse("courses:link-repository"), form, headers=headers).content.decode()
        assert "CI failing" in answer and "<html" not in answer
        card = page.get(assignment.get_absolute_url(), headers=headers).content.decode()
        assert "CI failing" in card and "<html" not in card

    def test_without_repositories_it_says_what_to_do(self, page: Any, assignment: Assignment) -> None:
        text = page.get(assignment.get_absolute_url()).content.decode()

        assert "/connections/new/github-integration/" in text

    @pytest.mark.parametrize(
        ("name", "names", "expected"),
        [
            ("Lab 4: Readers, writers and a barrier", ["cs/lab-3-locks", "cs/lab-4-readers-writers"], 1),
            ("Project 2: Indexes and plans", ["mira/b-plus-tree", "mira/query-plans-index"], 1),
            ("Problem set 4", ["mira/week-4", "mira/dotfiles"], None),
            ("Essay", [], None),
        ],
    )
    def test_a_repository_with_a_like_name_is_proposed(self, name: str, names: list[str], expected: int | None) -> None:
        repositories = [Repository(full_name=full_name) for full_name in names]

        found = most_alike(Assignment(name=name), repositories)
        assert found is (None if expected is None else repositories[expected])


class TestActions:
    def asked(self, owner: Any, action: str, **params: Any) -> dict[str, Any]:
        return run_action(action, ActionContext(owner=owner, actor=owner), params)

    def test_linked_ones_are_listed_with_what_a_sync_needs(
        self, owner: Any, assignment: Assignment, repository: Repository
    ) -> None:
        make_repository(owner, 2)
        services.link_repository(assignment, repository, by=owner)
        found = self.asked(owner, "repositories.linked", source="connection:1")

        assert found["count"] == 1
        [row] = found["repositories"]
        assert (row["owner"], row["name"], row["repository_id"], row["needs_archive"]) == ("mira", "lab-4", "1", True)
        assert row["since"] < timezone.now().isoformat()
        assert self.asked(owner, "repositories.linked", source="connection:2")["count"] == 0

    def test_the_digest_puts_what_is_at_risk_first(
        self, owner: Any, assignment: Assignment, repository: Repository
    ) -> None:
        services.link_repository(assignment, repository, by=owner)
        found = self.asked(owner, "repositories.digest")

        assert (found["count"], found["pushed"], found["at_risk"]) == (1, 1, 1)
        lines = found["text"].splitlines()
        assert lines[0] == "**At risk**"
        assert lines[1].startswith("- **Lab 4: Readers and writers**, due ") and lines[1].endswith(
            "mira/lab-4 fails its CI"
        )
        assert "1 commit, the last “Commit a”, CI failing" in lines[-1]

    def test_handed_in_work_is_at_no_risk(self, owner: Any, assignment: Assignment, repository: Repository) -> None:
        services.link_repository(assignment, repository, by=owner)
        services.mark_done(assignment, done=True, by=owner)

        assert self.asked(owner, "repositories.digest")["at_risk"] == 0
