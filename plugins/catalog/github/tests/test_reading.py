"""What the plugin reads from GitHub, and what it says where GitHub does not give it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
import yaml

from plugins.catalog.github.server.store import File, Repository
from plugins.catalog.github.server.testing import STUDENT, RunningGitHub
from plugins.catalog.github.tests.conftest import FOLDER
from plugins.sdk.testkit import PluginAnsweredError, PluginKit

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
OURS = {"owner": STUDENT, "repo": "os-labs"}


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "plugin-manifest.yaml").read_text())


def refusal(kit: PluginKit, action: str, **params: Any) -> PluginAnsweredError:
    with pytest.raises(PluginAnsweredError) as caught:
        kit.execute(action, **params)
    return caught.value


def assert_fits(manifest: dict[str, Any], name: str, *records: Any) -> None:
    schema = {"$ref": f"#/definitions/{name}", "definitions": manifest["definitions"]}
    for record in records:
        jsonschema.Draft202012Validator(schema).validate(record)


class TestWho:
    def test_the_tokens_owner_is_told(self, kit: PluginKit) -> None:
        identity = kit.authenticate()["identity"]
        assert identity["name"] == STUDENT and identity["id"].isdigit()

    def test_a_bad_token_is_the_students_to_mend(self, kit: PluginKit) -> None:
        kit.token = "ghp_wrong"
        error = refusal(kit, "get_repositories")
        assert error.code == "credential_rejected" and "github.com/settings/tokens" in error.message

    def test_health_says_what_is_left_of_the_hour(self, kit: PluginKit) -> None:
        assert kit.health()["detail"] == "5,000 of 5,000 requests are left in this hour."


class TestRepositories:
    def test_all_come_in_pages_of_a_hundred(self, github: RunningGitHub, kit: PluginKit, manifest: Any) -> None:
        for number in range(230):
            github.hub.store.add_repository(f"{STUDENT}/r{number:03}")
        found = kit.execute("get_repositories")

        assert len(found) == 230 and len(kit.requests) == 3
        assert all("per_page=100" in path for _, path, _ in kit.requests)
        assert_fits(manifest, "Repository", *found[:3])

    @pytest.mark.parametrize("switches", [{"no_last_link": True}, {"opaque_paging": True}])
    def test_pages_are_followed_whatever_they_are_called(
        self, github: RunningGitHub, kit: PluginKit, switches: dict[str, bool]
    ) -> None:
        for number in range(150):
            github.hub.store.add_repository(f"{STUDENT}/r{number:03}")
        github.hub.fault(**switches)

        assert len({record["id"] for record in kit.execute("get_repositories")}) == 150

    def test_archived_ones_and_those_of_organisations_are_the_settings_choice(
        self, github: RunningGitHub, kit: PluginKit
    ) -> None:
        github.hub.store.add_repository(f"{STUDENT}/old", is_archived=True)
        github.hub.store.add_repository("cs3410/lab-4", administrators={STUDENT})
        assert [record["full_name"] for record in kit.execute("get_repositories")] == ["cs3410/lab-4"]
        kit.config |= {"include_archived": True, "include_organizations": False}
        assert [record["full_name"] for record in kit.execute("get_repositories")] == [f"{STUDENT}/old"]

    def test_a_new_name_is_followed_from_the_old_one(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository
    ) -> None:
        github.hub.commit(repository, "Start")
        github.hub.rename(repository, "operating-systems")

        assert kit.execute("get_repository", **OURS)["name"] == "operating-systems"
        assert len(kit.execute("get_commits", **OURS)) == 1


class TestActivity:
    @pytest.fixture
    def busy(self, github: RunningGitHub, repository: Repository) -> Repository:
        hub = github.hub
        hub.push(repository, [("Start", ago(30)), ("Fix the lock\n\nIt was held twice.", ago(5))])
        hub.open_issue(repository, "It hangs", at=ago(4), labels=["bug"])
        hub.open_issue(repository, "Barrier", at=ago(3), is_pull=True, branch="barrier", is_draft=True)
        merged = hub.open_issue(repository, "Tests", at=ago(20), is_pull=True, branch="tests")
        hub.close_issue(repository, merged, at=ago(2), merged=True)
        hub.move_run(repository, hub.start_run(repository, at=ago(4.9)), "completed", "failure", at=ago(4.8))
        return repository

    def test_a_sync_reads_all_in_four_requests(self, kit: PluginKit, busy: Repository, manifest: Any) -> None:
        found = kit.execute("get_activity", **OURS, branch="main")

        assert_fits(manifest, "Activity", found)
        assert len(kit.requests) == 4
        assert [commit["message"].splitlines()[0] for commit in found["commits"]] == ["Fix the lock", "Start"]
        assert found["head_sha"] == found["commits"][0]["id"] == busy.commits[-1].sha
        assert found["commits"][0]["committed_at"] == "2026-11-23T04:30:00Z"
        assert [(issue["title"], issue["labels"]) for issue in found["issues"]] == [("It hangs", ["bug"])]
        assert [(pull["title"], pull["state"], pull["is_draft"], pull["branch"]) for pull in found["pulls"]] == [
            ("Tests", "merged", False, "tests"),
            ("Barrier", "open", True, "barrier"),
        ]
        assert [(run["state"], run["conclusion"], run["number"]) for run in found["runs"]] == [
            ("completed", "failure", 1)
        ]
        assert found["note"] == ""

    def test_pull_requests_are_no_issues(self, kit: PluginKit, busy: Repository) -> None:
        assert [issue["number"] for issue in kit.execute("get_issues", **OURS)] == [1]
        assert [pull["number"] for pull in kit.execute("get_pull_requests", **OURS, state="open")] == [2]

    def test_what_is_older_than_since_is_not_asked_for(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository
    ) -> None:
        github.hub.push(repository, [(f"Commit {number}", ago(400 - number)) for number in range(250)])
        found = kit.execute("get_activity", **OURS, branch="main", since=ago(260).isoformat())

        assert len(found["commits"]) == 200
        assert sum("/commits" in path for _, path, _ in kit.requests) == 2

    def test_without_since_the_newest_hundred_do(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository
    ) -> None:
        github.hub.push(repository, [(f"Commit {number}", ago(400 - number)) for number in range(150)])

        found = kit.execute("get_activity", **OURS, branch="main")
        assert len(found["commits"]) == 100 and found["commits"][0]["message"] == "Commit 149"

    def test_an_empty_repository_says_so_and_gives_the_rest(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository
    ) -> None:
        github.hub.open_issue(repository, "Where to begin?", at=ago(1))
        found = kit.execute("get_activity", **OURS)

        assert (found["commits"], found["head_sha"]) == ([], "")
        assert len(found["issues"]) == 1 and "is empty" in found["note"]

    def test_issues_that_are_switched_off_hide_nothing_else(self, kit: PluginKit, busy: Repository) -> None:
        busy.has_issues = False
        found = kit.execute("get_activity", **OURS)

        assert len(found["commits"]) == 2 and "switched off" in found["note"]
        assert refusal(kit, "get_issues", **OURS).code == "switched_off"

    def test_a_limit_on_the_way_fails_the_whole_so_that_it_is_tried_again(
        self, github: RunningGitHub, kit: PluginKit, busy: Repository
    ) -> None:
        github.hub.fault(status={f"/repos/{STUDENT}/os-labs/pulls": 503})

        error = refusal(kit, "get_activity", **OURS)
        assert (error.code, error.retryable) == ("unavailable", True)


class TestContents:
    def put(self, repository: Repository, path: str, **fields: Any) -> None:
        repository.files[path] = File(**fields)

    def test_a_small_file_comes_with_its_text(self, kit: PluginKit, repository: Repository, manifest: Any) -> None:
        self.put(repository, "docs/Über uns.md", content="# Grüße".encode())
        found = kit.execute("get_contents", **OURS, path="docs/Über uns.md")

        assert_fits(manifest, "Entry", found)
        assert (found["type"], found["text"], found["is_inline"]) == ("file", "# Grüße", True)

    def test_bytes_and_files_over_a_megabyte_are_to_be_downloaded(self, kit: PluginKit, repository: Repository) -> None:
        self.put(repository, "logo.png", content=b"\x89PNG\xff")
        self.put(repository, "data.csv", content=b"1,2\n" * 400_000)
        for path in ("logo.png", "data.csv"):
            assert kit.execute("get_contents", **OURS, path=path)["is_inline"] is False
        record = kit.execute("download_file", **OURS, path="data.csv")
        assert (record["size_bytes"], record["name"], record["id"]) == (1_600_000, "data.csv", "file:data.csv")
        assert len(kit.blobs[record["blob"]]) == 1_600_000

    def test_a_folder_is_a_list_in_which_submodules_are_told_apart(
        self, kit: PluginKit, repository: Repository, manifest: Any
    ) -> None:
        self.put(repository, "src/main.c", content=b"int main;")
        self.put(repository, "latest", target="src/main.c")
        self.put(repository, "vendor", module="octo/vendor")
        found = kit.execute("get_contents", **OURS)

        assert_fits(manifest, "Entry", found)
        assert {entry["name"]: entry["type"] for entry in found["entries"]} == {
            "latest": "symlink",
            "src": "directory",
            "vendor": "submodule",
        }
        assert kit.execute("get_contents", **OURS, path="latest")["target"] == "src/main.c"
        assert kit.execute("get_contents", **OURS, path="vendor")["target"] == "git://github.com/octo/vendor.git"

    def test_beyond_a_hundred_megabytes_there_is_nothing_to_be_had(
        self, kit: PluginKit, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("plugins.catalog.github.server.routes.LARGEST", 10)
        self.put(repository, "film.mkv", content=b"x" * 11)

        error = refusal(kit, "download_file", **OURS, path="film.mkv")
        assert error.code == "too_large" and "100 MB" in error.message

    def test_a_path_cannot_climb_out(self, kit: PluginKit, repository: Repository) -> None:
        assert refusal(kit, "get_contents", **OURS, path="../../../user").code == "invalid_params"
        assert refusal(kit, "get_repository", owner="..", repo="user").code == "invalid_params"
        assert kit.requests == []

    def test_the_readme_has_the_repositorys_name(self, kit: PluginKit, repository: Repository) -> None:
        self.put(repository, "README.md", content=b"# Labs")
        record = kit.execute("download_readme", **OURS)

        assert (record["name"], kit.blobs[record["blob"]]) == ("os-labs README.md", b"# Labs")

    def test_the_archive_comes_from_another_host_without_the_token(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository
    ) -> None:
        self.put(repository, "main.c", content=b"int main;")
        github.hub.commit(repository, "Start")
        record = kit.execute("download_archive", **OURS)

        assert record["name"] == "os-labs.zip" and kit.blobs[record["blob"]].startswith(b"PK")
        assert [status for _, _, status in kit.requests] == [302, 200]


class TestWhatGoesWrong:
    def test_a_private_repository_looks_like_none(self, github: RunningGitHub, kit: PluginKit) -> None:
        github.hub.store.add_repository("someone/secret", is_private=True)
        error = refusal(kit, "get_commits", owner="someone", repo="secret")

        assert error.code == "not_found" and "may not see it" in error.message

    @pytest.mark.parametrize(
        ("switches", "at_least", "at_most"),
        [
            ({"secondary_limit": 9, "retry_after_s": 37}, 37, 37),
            ({"primary_limit": 9, "reset_in_s": 1800}, 1795, 1801),
            ({"secondary_limit": 9}, 60, 60),
        ],
    )
    def test_limits_say_when_to_come_back(
        self, github: RunningGitHub, kit: PluginKit, switches: dict[str, Any], at_least: float, at_most: float
    ) -> None:
        github.hub.fault(**switches)
        error = refusal(kit, "get_repositories")

        assert (error.code, error.retryable) == ("too_many_requests", True)
        assert error.retry_after_s is not None and at_least <= error.retry_after_s <= at_most

    def test_a_plain_refusal_is_no_limit(self, github: RunningGitHub, kit: PluginKit, repository: Repository) -> None:
        github.hub.fault(status={"/repos/": 403})

        assert refusal(kit, "get_commits", **OURS).code == "permission_denied"

    def test_single_sign_on_says_where_to_authorise(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository
    ) -> None:
        github.hub.fault(single_sign_on_for="/repos/")

        assert "https://github.com/orgs/cs3410/sso" in refusal(kit, "get_commits", **OURS).message

    def test_a_blocked_repository_says_why(self, kit: PluginKit, repository: Repository) -> None:
        repository.is_blocked = True

        assert refusal(kit, "get_repository", **OURS).code == "blocked"

    @pytest.mark.parametrize(
        ("switches", "code"),
        [
            ({"broken_json_for": "/user/repos"}, "malformed_answer"),
            ({"html_for": "/user/repos"}, "malformed_answer"),
            ({"status": {"/user/repos": 502}}, "unavailable"),
        ],
    )
    def test_nonsense_may_be_tried_again(
        self, github: RunningGitHub, kit: PluginKit, switches: dict[str, Any], code: str
    ) -> None:
        github.hub.fault(**switches)

        error = refusal(kit, "get_repositories")
        assert (error.code, error.retryable) == (code, True)
