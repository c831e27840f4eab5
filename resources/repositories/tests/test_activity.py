"""What happens in a repository, told by a sync and by webhooks in any order."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.models import Event
from resources.models import Repository
from resources.repositories import activity
from resources.repositories.errors import RepositoryNotImported
from resources.repositories.tests.factories import (
    SOURCE,
    at,
    commit_record,
    issue_record,
    make_repository,
    run_record,
    sha,
    tell,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def repository(owner: Any) -> Repository:
    return make_repository(owner)


@pytest.fixture
def known(repository: Repository) -> Repository:
    """A repository whose first activity, the baseline, has been read."""
    return tell(
        repository, commits=[commit_record("a", -10), commit_record("b", -5)], head_sha=sha("b"), is_forced=True
    )


def events(kind: str) -> list[dict[str, Any]]:
    return [event.data for event in Event.objects.filter(type=kind).order_by("id")]


class TestCommits:
    def test_the_newest_of_the_default_branch_is_the_last_commit(self, known: Repository) -> None:
        assert (known.last_commit_sha, known.last_commit_title) == (sha("b"), "Commit b")
        assert known.last_commit_at.isoformat() == at(-5)
        assert events("repository.pushed") == []

    def test_a_push_is_told_once(self, known: Repository) -> None:
        for _ in range(2):
            tell(known, commits=[commit_record("c", -1), commit_record("d", -0.5)], branch="main", head_sha=sha("d"))

        assert known.last_commit_sha == sha("d") and known.commits.count() == 4
        [told] = events("repository.pushed")
        assert (told["count"], told["title"], told["branch"], told["source"]) == (2, "Commit d", "main", SOURCE)

    def test_a_push_to_another_branch_is_kept_but_is_not_the_last_commit(self, known: Repository) -> None:
        tell(known, commits=[commit_record("c", -1)], branch="try", head_sha=sha("c"))

        assert known.last_commit_sha == sha("b") and known.commits.first().branch == "try"
        tell(known, commits=[commit_record("c", -1)], branch="main", head_sha=sha("c"))
        assert known.last_commit_sha == sha("c") and known.commits.first().branch == "main"

    def test_a_sync_completes_a_message_that_a_webhook_told_in_part(self, known: Repository) -> None:
        tell(known, commits=[commit_record("c", -1, message="Fix it")], branch="main", head_sha=sha("c"))
        tell(known, commits=[commit_record("c", -1, message="Fix it\n\nAt last.")], branch="main", head_sha=sha("c"))

        assert known.commits.first().message == "Fix it\n\nAt last." and len(events("repository.pushed")) == 1

    def test_deliveries_in_the_wrong_order_end_at_the_newest(self, known: Repository) -> None:
        tell(known, commits=[commit_record("d", -1)], branch="main", head_sha=sha("d"))
        tell(known, commits=[commit_record("c", -2)], branch="main", head_sha=sha("c"))

        assert known.last_commit_sha == sha("d") and known.commits.count() == 4

    def test_a_forced_push_goes_back(self, known: Repository) -> None:
        tell(known, commits=[commit_record("c", -7)], branch="main", head_sha=sha("c"), is_forced=True)
        assert known.last_commit_sha == sha("c")
        tell(known, runs=[run_record(1, "c")])
        assert known.last_commit_sha == sha("c")

    def test_a_deleted_branch_changes_nothing(self, known: Repository) -> None:
        tell(known, branch="main", head_sha="0" * 40, is_forced=True)

        assert known.last_commit_sha == sha("b")

    def test_what_is_very_old_is_let_go(self, known: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(activity, "KEPT_COMMITS", 2)
        tell(known, commits=[commit_record("c", -1)], branch="main", head_sha=sha("c"))

        assert [commit.sha[0] for commit in known.commits.all()] == ["c", "b"]

    def test_an_empty_repository_has_no_last_commit(self, repository: Repository) -> None:
        tell(repository, note="The repository is empty.")

        assert repository.last_commit_at is None and repository.activity_note == "The repository is empty."


class TestRuns:
    def test_the_runs_of_the_last_commit_make_its_state(self, known: Repository) -> None:
        tell(known, runs=[run_record(1, "b"), run_record(2, "b", name="lint", conclusion="failure")])

        assert (known.ci_status, known.ci.label) == ("failed", "CI failing")
        assert known.ci_url.endswith("/702")
        assert [(data["before"], data["after"]) for data in events("repository.ci_changed")] == [("", "failed")]

    def test_of_one_kind_the_latest_run_counts(self, known: Repository) -> None:
        tell(known, runs=[run_record(1, "b", conclusion="failure"), run_record(2, "b")])

        assert known.ci_status == "completed"

    def test_runs_of_older_commits_say_nothing_of_the_last_one(self, known: Repository) -> None:
        tell(known, runs=[run_record(1, "a", conclusion="failure")])

        assert known.ci_status == "" and known.ci is None

    def test_a_new_commit_has_no_state_until_it_has_run(self, known: Repository) -> None:
        tell(known, runs=[run_record(1, "b")])
        tell(known, commits=[commit_record("c", -1)], branch="main", head_sha=sha("c"))
        assert known.ci_status == ""
        tell(known, runs=[run_record(2, "c", state="in_progress", conclusion="")])
        assert known.ci_status == "running"

    def test_a_run_that_is_over_does_not_go_on_again_but_a_new_attempt_does(self, known: Repository) -> None:
        under_way = {"state": "in_progress", "conclusion": "", "updated_at": at(-3)}
        tell(known, runs=[run_record(1, "b", conclusion="failure")])
        tell(known, runs=[run_record(1, "b", **under_way)])
        assert known.ci_status == "failed"
        tell(known, runs=[run_record(1, "b", attempt=2, **under_way)])
        assert known.ci_status == "running"
        tell(known, runs=[run_record(1, "b", conclusion="failure", attempt=1, updated_at=at(0))])
        assert known.ci_status == "running"

    @pytest.mark.parametrize(
        ("state", "conclusion", "status"),
        [
            ("queued", "", "pending"),
            ("waiting", "", "waiting"),
            ("completed", "timed_out", "failed"),
            ("completed", "action_required", "waiting"),
            ("completed", "cancelled", "cancelled"),
            ("completed", "neutral", "skipped"),
            ("something_new", "", "pending"),
        ],
    )
    def test_a_sources_words_become_ours(self, known: Repository, state: str, conclusion: str, status: str) -> None:
        tell(known, runs=[run_record(1, "b", state=state, conclusion=conclusion)])

        assert known.ci_status == status


class TestIssues:
    def test_issues_and_pull_requests_are_counted_apart(self, known: Repository) -> None:
        tell(
            known,
            issues=[issue_record(1), issue_record(2, state="closed")],
            pulls=[issue_record(3), issue_record(4, state="merged")],
        )

        assert (known.open_issue_count, known.open_pull_count) == (1, 1)
        assert [(row["number"], row["state"]) for row in events("repository.pull_changed")] == [
            (3, "open"),
            (4, "merged"),
        ]

    def test_an_older_word_does_not_undo_a_newer(self, known: Repository) -> None:
        tell(known, issues=[issue_record(1, state="closed", updated_at=at(-1))])
        tell(known, issues=[issue_record(1, state="open", updated_at=at(-2))])

        assert known.issues.get().state == "closed"
        assert len(events("repository.issue_changed")) == 1

    def test_the_first_reading_is_a_baseline(self, repository: Repository) -> None:
        tell(repository, issues=[issue_record(1)])

        assert events("repository.issue_changed") == []


class TestTheAction:
    def test_a_repository_that_is_not_here_is_named(self, owner: Any) -> None:
        with pytest.raises(RepositoryNotImported, match="Repository 99 of connection:1"):
            run_action(
                "repositories.import_activity",
                ActionContext(owner=owner, actor=owner),
                {"source": SOURCE, "repository_id": "99"},
            )

    def test_anothers_repository_is_not_here(self, stranger: Any, repository: Repository) -> None:
        with pytest.raises(RepositoryNotImported):
            run_action(
                "repositories.import_activity",
                ActionContext(owner=stranger, actor=stranger),
                {"source": SOURCE, "repository_id": "1", "commits": [commit_record("a", -1)]},
            )

    def test_it_says_what_came_of_it(self, owner: Any, known: Repository) -> None:
        answer = run_action(
            "repositories.import_activity",
            ActionContext(owner=owner, actor=owner),
            {
                "source": SOURCE,
                "repository_id": 1,
                "commits": [commit_record("c", -1), {"id": "no hash"}],
                "runs": [run_record(1, "c", conclusion="failure")],
                "branch": "main",
                "head_sha": sha("c"),
            },
        )
        assert (answer["commits"], answer["ci_status"], answer["ci_changed"]) == (1, "failed", True)
        assert answer["problems"][0]["reason"].startswith("commits: id")

    def test_a_webhook_is_noted_with_the_reason_where_there_is_none(self, owner: Any, repository: Repository) -> None:
        context = ActionContext(owner=owner, actor=owner)
        wanted = {"source": SOURCE, "repository_id": "1"}
        run_action("repositories.set_webhook", context, {**wanted, "webhook_id": 55})
        repository.refresh_from_db()
        assert repository.is_live
        run_action("repositories.set_webhook", context, {**wanted, "problem": "You may not make webhooks there."})
        repository.refresh_from_db()
        assert not repository.is_live and repository.hook_problem == "You may not make webhooks there."
        assert [data["is_live"] for data in events("repository.webhook_changed")] == [True, False]
