"""GitHub, whole: repositories in, one linked to an assignment, a push told and seen, on a real HTTP peer both ways.

The shipped workflows run on the real engine, the plugin in its sandbox, requests through the gateway, and deliveries
come in signed over HTTP; only Celery's messages are delivered by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import deliver_all
from coreengine.kernel.models import Event, Notification
from coreengine.kernel.outbound.network import close_pools
from coreengine.kernel.waiting import wait_until
from courses.models import Assignment
from courses.services import link_repository, unlink_repository
from courses.tests.factories import AssignmentFactory, CourseFactory
from plugins.catalog.github.server.demo import COURSE, STUDENT, fill
from plugins.catalog.github.server.store import Repository as TheirRepository
from plugins.catalog.github.server.testing import RunningGitHub, running_github
from plugins.models import ActionCall, Connection, ConnectionDelivery, GatewayCall
from plugins.webhooks.handling import handle_next
from resources.models import Repository, Resource
from workflows.models import Execution, Workflow
from workflows.services import start_execution
from workflows.shipped import keep_shipped_workflows, start_sync_execution

pytestmark = pytest.mark.django_db(transaction=True)
Watch = Callable[[Execution | None], Execution]


@pytest.fixture
def github(settings: Any, live_server: Any) -> Iterator[RunningGitHub]:
    with running_github() as running:
        settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process", "GATEWAY_HOSTS": running.hosts}
        settings.SITE_URL = live_server.url
        settings.ALLOWED_HOSTS = ["*"]
        yield running
        close_pools()


@pytest.fixture
def connection(owner: User, github: RunningGitHub) -> Connection:
    """A connection with a student's term behind it, and its workflows."""
    token = fill(github.hub)
    made = Connection.objects.create(
        owner=owner,
        plugin="github-integration",
        label="GitHub",
        configuration={"sync_frequency": "hourly", "follow_live": True, "include_organizations": True},
        credential={"token": token},
        confirmed_at=timezone.now(),
    )
    keep_shipped_workflows(made, owner)
    deliver_all()
    return made


@pytest.fixture
def synced(connection: Connection, owner: User, watch: Watch) -> Connection:
    execution = watch(start_sync_execution(connection, by=owner))
    assert (execution.status, execution.error_message) == ("completed", "")
    return connection


@pytest.fixture
def theirs(github: RunningGitHub) -> Callable[[], TheirRepository]:
    """The lab's repository as GitHub has it."""

    def find() -> TheirRepository:
        found = github.hub.store.find(f"{COURSE}/lab-4-readers-writers")
        assert found is not None
        return found

    return find


@pytest.fixture
def assignment(in_the_morning: User) -> Assignment:
    due_at = timezone.now() + timedelta(hours=5)
    course = CourseFactory(owner=in_the_morning)
    return AssignmentFactory(course=course, name="Lab 4: Readers and writers", due_at=due_at)


@pytest.fixture
def linked(synced: Connection, assignment: Assignment, owner: User, happen: Callable[[], None]) -> Repository:
    """The lab's repository, linked, with all that followed from it."""
    repository = Repository.objects.get(full_name=f"{COURSE}/lab-4-readers-writers")
    link_repository(assignment, repository, by=owner)
    happen()
    repository.refresh_from_db()
    return repository


@pytest.fixture
def happen(connection: Connection, watch: Watch) -> Callable[[], None]:
    """Let everything happen that waits: deliveries are handled, events delivered, executions done."""

    def go() -> None:
        while True:
            while handle_next(connection.pk):
                pass
            deliver_all()
            waiting = Execution.objects.filter(status__in=["pending", "running"]).order_by("pk").first()
            if waiting is None:
                return
            assert watch(waiting).status in ("completed", "failed")

    return go


def workflow(stem: str) -> Workflow:
    return Workflow.objects.get(shipped_key=f"github-integration/{stem}")


def told(owner: User) -> Notification:
    found = Notification.objects.filter(owner=owner).order_by("-pk").first()
    assert found is not None
    return found


def test_a_sync_brings_all_repositories_and_a_second_one_costs_nothing(
    synced: Connection, owner: User, github: RunningGitHub, watch: Watch
) -> None:
    assert set(Repository.objects.visible_to(owner).values_list("full_name", flat=True)) == {
        f"{COURSE}/lab-4-readers-writers",
        f"{STUDENT}/b-plus-tree",
        f"{STUDENT}/contest-bot",
        f"{STUDENT}/lecture-notes",
        f"{STUDENT}/ray-tracer",
    }
    assert told(owner).title == "GitHub: 5 repositories, no new commits"
    github.hub.requests.clear()
    watch(start_sync_execution(synced, by=owner))
    assert [status for _, _, status in github.hub.requests] == [304]


def test_linking_a_repository_reads_it_and_asks_github_to_tell(
    linked: Repository,
    github: RunningGitHub,
    theirs: Callable[[], TheirRepository],
    page: Any,
    assignment: Assignment,
    live_server: Any,
) -> None:
    assert linked.last_commit_title == "Add the barrier, reusable"
    assert (linked.ci_status, linked.open_issue_count, linked.open_pull_count) == ("failed", 2, 1)
    [hook] = theirs().hooks
    assert hook.url == f"{live_server.url}/hooks/connections/{linked.source.removeprefix('connection:')}/push/"
    assert linked.hook_id == str(hook.id) and len(hook.secret) >= 32
    # GitHub tries it out beside the answer that made it.
    wait_until(lambda: [sent.status for sent in github.hub.deliveries if sent.event == "ping"] == [202], what="a ping")
    said = page.get(assignment.get_absolute_url()).content.decode()
    assert "Last commit 3 h ago, CI failing, due in 5 h" in said
    # Neither address nor secret is in what the plugin was given, or in what was written down.
    written = [str(call.result) + call.log for call in ActionCall.objects.all()]
    written += [str(event.data) for event in Event.objects.all()]
    assert len(written) > 20
    assert not any(hook.secret in text or hook.url in text for text in written)


def test_a_push_is_seen_as_soon_as_github_tells_of_it(
    linked: Repository,
    github: RunningGitHub,
    theirs: Callable[[], TheirRepository],
    happen: Callable[[], None],
    page: Any,
    assignment: Assignment,
) -> None:
    github.hub.requests.clear()
    commit = github.hub.commit(theirs(), "Wake all readers at once")
    run = github.hub.start_run(theirs())
    assert {sent.status for sent in github.hub.deliveries if sent.event != "ping"} == {202}
    happen()

    linked.refresh_from_db()
    assert (linked.last_commit_sha, linked.ci_status) == (commit.sha, "pending")
    assert github.hub.requests == []  # nobody had to ask
    pushed = Event.objects.get(type="repository.pushed")
    assert (pushed.data["title"], pushed.data["count"]) == ("Wake all readers at once", 1)

    github.hub.move_run(theirs(), run, "completed", "success", at=datetime.now(UTC) + timedelta(seconds=1))
    happen()
    linked.refresh_from_db()
    assert linked.ci_status == "completed"
    assert "Last commit just now, CI passing, due in 5 h" in page.get(assignment.get_absolute_url()).content.decode()


def test_the_same_delivery_twice_counts_once_and_a_forged_one_not_at_all(
    linked: Repository, github: RunningGitHub, theirs: Callable[[], TheirRepository], happen: Callable[[], None]
) -> None:
    github.hub.commit(theirs(), "Once")
    sent = github.hub.deliveries[-1]
    assert github.hub.redeliver(sent).status == 202
    [hook] = theirs().hooks
    hook.secret = "guessed"
    assert github.hub.send(hook, "push", sent.body).status == 401
    happen()

    assert Event.objects.filter(type="repository.pushed").count() == 1
    assert sorted(ConnectionDelivery.objects.exclude(event="ping").values_list("status", "repeats")) == [
        ("completed", 1),
        ("rejected", 0),
    ]


def test_a_new_name_is_taken_over_and_the_next_sync_finds_it(
    linked: Repository,
    github: RunningGitHub,
    theirs: Callable[[], TheirRepository],
    happen: Callable[[], None],
    synced: Connection,
    owner: User,
    watch: Watch,
) -> None:
    github.hub.rename(theirs(), "lab-4")
    happen()
    linked.refresh_from_db()
    assert linked.full_name == f"{COURSE}/lab-4"
    assert watch(start_sync_execution(synced, by=owner)).status == "completed"


def test_taking_the_last_link_away_has_github_stop(
    linked: Repository,
    assignment: Assignment,
    theirs: Callable[[], TheirRepository],
    happen: Callable[[], None],
    owner: User,
) -> None:
    other = AssignmentFactory(course=assignment.course, name="Report")
    link_repository(other, linked, by=owner)
    unlink_repository(assignment, linked, by=owner)
    happen()
    assert len(theirs().hooks) == 1
    unlink_repository(other, linked, by=owner)
    happen()

    linked.refresh_from_db()
    assert theirs().hooks == [] and not linked.is_live


def test_where_the_student_may_not_make_webhooks_the_sync_serves_and_the_page_says_why(
    synced: Connection,
    assignment: Assignment,
    owner: User,
    theirs: Callable[[], TheirRepository],
    happen: Callable[[], None],
    page: Any,
) -> None:
    theirs().administrators.discard(STUDENT)
    theirs().members.add(STUDENT)
    repository = Repository.objects.get(full_name=f"{COURSE}/lab-4-readers-writers")
    link_repository(assignment, repository, by=owner)
    happen()

    repository.refresh_from_db()
    assert not repository.is_live and "Only who administers" in repository.hook_problem
    assert repository.last_commit_title == "Add the barrier, reusable"
    assert "Only who administers" in page.get(repository.get_absolute_url()).content.decode()


def test_the_archive_keeps_readme_and_zip_once_and_the_digest_names_the_deadline_at_risk(
    linked: Repository, owner: User, watch: Watch
) -> None:
    for words in ("1 repository archived", "No repository had anything new to archive"):
        execution = watch(start_execution(workflow("archive-code"), by=owner))
        assert (execution.status, execution.error_message) == ("completed", "")
        assert told(owner).title == words
    files = Resource.objects.filter(owner=owner, source=linked.source).order_by("file_name")
    assert [file.file_name for file in files] == ["lab-4-readers-writers README.md", "lab-4-readers-writers.zip"]
    hosts = GatewayCall.objects.filter(host="codeload.github.com").values_list("status", flat=True)
    assert list(hosts) == [200]

    assert watch(start_execution(workflow("weekly-digest"), by=owner)).status == "completed"
    assert told(owner).title == "1 deadline at risk, 4 commits this week"
    assert "lab-4-readers-writers fails its CI" in told(owner).content
