"""The main job, whole: plugin, gateway, sandbox, workflow, courses, digest and notification on a real HTTP peer.

The shipped workflow runs on the real engine; only Celery's messages are delivered by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.models import Event, Notification
from coreengine.kernel.outbound.network import close_pools
from courses.models import Announcement, Assignment, Course, CourseResource, Module, PlannerItem
from courses.planning.decisions import set_dismissed
from courses.services import mark_done
from plugins.demo_university.testing import DOMAIN, RunningUniversity, running_university
from plugins.models import Connection
from resources.models import Resource
from workflows.models import Execution, Workflow
from workflows.services import start_execution
from workflows.shipped import keep_shipped_workflows, start_sync_execution
from workflows.triggers.events import start_workflows_of

pytestmark = pytest.mark.django_db(transaction=True)
Sync = Callable[[], Execution]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningUniversity]:
    with running_university() as running:
        yield running


@pytest.fixture
def university(server: RunningUniversity, settings: Any) -> Iterator[RunningUniversity]:
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process", "GATEWAY_HOSTS": {DOMAIN: server.url}}
    yield server
    server.reset()
    close_pools()


@pytest.fixture
def connection(owner: User, university: RunningUniversity) -> Connection:
    return Connection.objects.create(
        owner=owner,
        plugin="canvas-integration",
        label="Demo University",
        configuration={"canvas_domain": DOMAIN, "sync_frequency": "daily", "include_concluded": False},
        credential={"token": university.token},
    )


@pytest.fixture
def sync(connection: Connection, owner: User, watch: Callable[[Execution | None], Execution]) -> Sync:
    """Press "Sync now" and watch it to its end."""
    return lambda: watch(start_sync_execution(connection, by=owner))


def counts() -> tuple[int, int, int]:
    return Course.objects.count(), Assignment.objects.count(), Announcement.objects.count()


def told(owner: User) -> Notification:
    """The newest notification."""
    found = Notification.objects.filter(owner=owner).order_by("-pk").first()
    assert found is not None
    return found


def test_the_first_sync_brings_the_whole_semester_and_says_so(sync: Sync, owner: User) -> None:
    execution = sync()
    assert (execution.status, execution.error_message) == ("completed", "")
    assert counts() == (6, 60, 12)
    assert Course.objects.filter(external_id="10430000000000127").exists()
    notification = told(owner)
    assert notification.title == "Canvas: 6 courses, 60 assignments; 12 new announcements"
    assert "60 new" in notification.content
    assert "Lab 4" in notification.content  # the digest


def test_a_second_sync_finds_nothing_new_and_hardly_asks(
    sync: Sync, owner: User, university: RunningUniversity
) -> None:
    sync()
    university.forget_requests()
    assert sync().status == "completed"
    assert counts() == (6, 60, 12)
    assert {request["status"] for request in university.requests()} == {304}
    assert told(owner).title == "Canvas: 6 courses, 60 assignments; no new announcements"
    assert (told(owner).priority, told(owner).content) == ("low", "All assignments are as they were.")


def test_what_changed_is_changed_and_counted(sync: Sync, owner: User, university: RunningUniversity) -> None:
    sync()
    university.change("move_due_date", assignment_id=4101008, due_at="2031-01-01T12:00:00Z")
    university.change("grade", assignment_id=4102009, score=28)
    university.change("add_announcement", course_id=4105, title="Room change", message="<p>We meet in Hall 3.</p>")
    assert sync().status == "completed"
    assert Assignment.objects.get(external_id="4101008").due_at.isoformat() == "2031-01-01T12:00:00+00:00"
    assert told(owner).title.endswith("60 assignments; 1 new announcement")
    assert told(owner).content.startswith("Assignments: 0 new, 2 changed.")


def test_a_course_that_vanished_on_the_way_does_not_stop_the_others_and_the_next_sync_heals(
    sync: Sync, owner: User, university: RunningUniversity
) -> None:
    university.fault(drop_courses=[4103])
    assert sync().status == "completed"
    assert counts()[:2] == (6, 50)
    assert told(owner).priority == "high"
    assert "1 course could not be read" in told(owner).content
    university.reset()
    sync()
    assert counts()[:2] == (6, 60)


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"reject_tokens": True}, "token"),
        ({"html_for": "/api/v1/courses"}, "web page instead of data"),
        ({"endless_paging": "/api/v1/courses"}, "never stops"),
        ({"status": {"/api/v1/courses": 403}}, "does not let you"),
    ],
)
def test_when_canvas_fails_the_run_says_why_keeps_everything_and_the_next_sync_heals(
    sync: Sync, university: RunningUniversity, switches: dict[str, Any], words: str
) -> None:
    sync()
    university.fault(**switches)
    execution = sync()
    assert execution.status == "failed"
    assert words in execution.error_message
    assert counts() == (6, 60, 12)
    university.reset()
    assert sync().status == "completed"


def test_the_files_of_every_course_come_into_the_vault(
    connection: Connection, owner: User, watch: Callable[[Execution | None], Execution]
) -> None:
    keep_shipped_workflows(connection, owner)
    workflow = Workflow.objects.get(shipped_key="canvas-integration/bring-in-files")

    first = watch(start_execution(workflow, by=owner))
    assert (first.status, first.error_message) == ("completed", "")
    files = Resource.objects.filter(owner=owner, source=f"connection:{connection.pk}")
    assert files.count() >= 15
    assert CourseResource.objects.filter(resource__in=files).values("course").distinct().count() == 6
    title = told(owner).title
    assert title.startswith(f"Canvas files: {files.count()} new, 0 changed")

    second = watch(start_execution(workflow, by=owner))
    assert second.status == "completed" and files.count() == Resource.objects.count()
    assert told(owner).title.startswith("Canvas files: 0 new, 0 changed")


def test_the_files_of_one_course_can_be_archived_alone(
    connection: Connection, owner: User, watch: Callable[[Execution | None], Execution]
) -> None:
    keep_shipped_workflows(connection, owner)
    workflow = Workflow.objects.get(shipped_key="canvas-integration/bring-in-files")

    assert watch(start_execution(workflow, by=owner, inputs={"course": "CS 3410"})).status == "completed"
    assert set(CourseResource.objects.values_list("course__code", flat=True)) == {"CS 3410"}
    assert Resource.objects.count() == 3


def test_modules_and_the_planner_come_too_lead_to_the_work_and_make_a_digest(
    connection: Connection, sync: Sync, owner: User, watch: Callable[[Execution | None], Execution]
) -> None:
    sync()
    assert Module.objects.count() == 18
    week = Module.objects.get(name="Week 9–11 · Concurrency")
    lab = Assignment.objects.get(external_id="4101008")
    assert week.items.get(kind="assignment").assignment == lab and week.is_sequential
    quiz = Assignment.objects.get(external_id="4101007")
    assert quiz.module_items.get().kind == "quiz" and quiz.planner_item.external_id == "quiz:4101307"
    talk = PlannerItem.objects.get(title__startswith="Guest lecture")
    assert talk.location == "Keller Hall 204" and talk.course == lab.course
    assert talk.html_url.startswith(lab.html_url.partition("/courses/")[0])

    digest = watch(start_execution(Workflow.objects.get(shipped_key="canvas-integration/weekly-digest"), by=owner))
    assert (digest.status, digest.error_message) == ("completed", "")
    assert "**Operating Systems**: " in told(owner).content and "Lab 4" in told(owner).content


def test_marks_go_both_ways_and_one_that_is_refused_stays_in_sight_until_the_next_sync(
    connection: Connection, sync: Sync, owner: User, university: RunningUniversity, watch: Any
) -> None:
    sync()
    lab, quiz = Assignment.objects.get(external_id="4101008"), Assignment.objects.get(external_id="4101009")
    for assignment in (lab, quiz):
        mark_done(assignment, done=True, by=owner)
    set_dismissed(quiz, dismissed=True, by=owner)
    follow_events()
    runs = Execution.objects.filter(workflow__shipped_key="canvas-integration/write-marks").order_by("pk")
    assert [watch(run).status for run in runs] == ["completed"] * 3
    marks = university.university.store.overrides
    assert marks["assignment:4101008"]["marked_complete"] and marks["quiz:4101309"]["marked_complete"]
    assert marks["quiz:4101309"]["dismissed"] and not marks["assignment:4101008"]["dismissed"]
    assert Assignment.objects.get(pk=lab.pk).planner_item.write_state == "settled"

    university.fault(status={"/api/v1/planner/overrides": 403})
    mark_done(Assignment.objects.get(external_id="4101010"), done=True, by=owner)
    follow_events()
    watch(Execution.objects.order_by("-pk").first())
    item = PlannerItem.objects.get(assignment__external_id="4101010")
    assert item.write_state == "failed" and "does not let you" in item.write_error
    assert told(owner).title == "Not marked at the source: Lab 5: A log-structured file system"
    assert item.assignment.done_at is not None

    university.fault(status={})
    university.university.store.keep_override("assignment", 4101008, {"marked_complete": False})
    university.university.store.keep_override("quiz", 4101309, {"dismissed": False})
    sync()
    assert Assignment.objects.get(pk=lab.pk).done_at is None
    assert Assignment.objects.get(pk=quiz.pk).dismissed_at is None
    assert Assignment.objects.get(pk=quiz.pk).done_at is not None
    assert "taken back there: 2" in told(owner).content
    assert PlannerItem.objects.get(pk=item.pk).write_state == "settled"
    assert marks["assignment:4101010"]["marked_complete"] is True


def test_a_feed_brings_what_it_has_and_from_it_to_a_token_and_back_nothing_is_doubled_or_lost(
    connection: Connection, sync: Sync, owner: User, university: RunningUniversity
) -> None:
    by_feed(connection, university)
    assert sync().status == "completed"
    assert Course.objects.count() == 6 and Assignment.objects.count() > 30 and Module.objects.count() == 0
    assert PlannerItem.objects.filter(kind="calendar_event").count() == 3
    assert Course.objects.get(external_id="4101").name == "CS 3410"
    assert told(owner).title.endswith("assignments from the calendar feed")
    assert "does not know points, submissions, grades" in told(owner).content
    assert not Assignment.objects.overdue(timezone.now()).exists()
    first = set(Assignment.objects.values_list("pk", flat=True))

    Connection.objects.filter(pk=connection.pk).update(way="token", credential={"token": university.token})
    sync()
    assert counts()[:2] == (6, 60) and first <= set(Assignment.objects.values_list("pk", flat=True))
    course = Course.objects.get(external_id="4101")
    assert course.name == "Operating Systems" and course.current_score is not None
    full = list(Assignment.objects.order_by("pk").values("name", "due_at", "points_possible", "submission__state"))

    by_feed(connection, university)
    for feed_text in ("", "BEGIN:VCALENDAR\r\nEND:VCALENDAR"):
        university.fault(feed_text=feed_text)
        assert sync().status == "completed"
        assert not Course.objects.filter(missing_since__isnull=False).exists()
        assert Course.objects.get(external_id="4101").name == "Operating Systems"
        again = Assignment.objects.order_by("pk").values("name", "due_at", "points_possible", "submission__state")
        assert list(again) == full


def by_feed(connection: Connection, university: RunningUniversity) -> None:
    address = f"https://{DOMAIN}/feeds/calendars/{university.university.feed_name}.ics"
    rows = Connection.objects.filter(pk=connection.pk)
    rows.update(way="feed", credential={"url": address})


def follow_events() -> None:
    """Start what the marks of this test wait for."""
    for event in Event.objects.filter(type="planner.mark_wanted").order_by("id"):
        start_workflows_of(event)
