"""One student's flood holds up nobody else, and drains."""

from __future__ import annotations

import re
import statistics
import threading
from collections import deque
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from kombu import Connection, Producer, Queue

from coreengine.kernel.waiting import wait_until
from workflows.engine.definition import OUTSIDE_TYPES
from workflows.engine.outcome import Outcome, StepCall
from workflows.fairness import admit, overlooked
from workflows.models import Execution, StepExecution
from workflows.running import BEHIND, CeleryHints
from workflows.services import cancel_execution, start_execution
from workflows.tests.worlds import DatabaseWorld, World, action, approval, loop, outside
from workflows.versions import create_workflow
from workflows.workers import lists_of, queue_depths

IN_LINE = {"name": "Quick", "steps": [action("a"), action("b", after=["a"])]}
OUTSIDE = {"name": "Slow", "steps": [outside("a")]}


@pytest.fixture
def world(owner: Any, monkeypatch: Any) -> DatabaseWorld:
    """The engine whose hints and services the test sees; definitions are not checked against plugins."""
    world = DatabaseWorld(owner)
    for module in ("services", "running"):
        monkeypatch.setattr(f"workflows.{module}.runner", lambda: world.runner)
    monkeypatch.setattr("workflows.rules.InstalledCatalogue", lambda: None)
    return world


@pytest.fixture
def limits(settings: Any) -> Any:
    """Set how much of a student may be under way."""

    def at_once(executions: int = 20, steps: int = 6) -> None:
        settings.WORKFLOWS = {**settings.WORKFLOWS, "EXECUTIONS_AT_ONCE": executions, "STEPS_AT_ONCE": steps}

    return at_once


def workflow_of(owner: Any, definition: dict[str, Any], **fields: Any) -> Any:
    return create_workflow(owner, by=owner, definition={**definition, **fields})


def started(world: World) -> list[int]:
    """The executions that the hints so far ask for, each once."""
    return list(dict.fromkeys(number for number, path in world.hints.queue if not path))


def start(commits: Any, workflow: Any, times: int = 1, **fields: Any) -> list[int]:
    with commits(execute=True):
        return [start_execution(workflow, by=workflow.owner, **fields).pk for _ in range(times)]


@pytest.mark.django_db
class TestExecutions:
    def test_only_a_few_are_admitted_and_each_that_begins_or_ends_admits_the_next(
        self, world: DatabaseWorld, limits: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        limits(executions=3)
        workflow = workflow_of(world.owner, OUTSIDE)
        numbers = start(django_capture_on_commit_callbacks, workflow, 10)
        assert started(world) == numbers[:3]

        most = 0
        while world.hints.queue:
            world.follow(*world.hints.queue.popleft())
            most = max(most, Execution.objects.filter(admitted_at__isnull=False).open().count())
        assert most == 3
        assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}

    def test_many_that_have_not_begun_are_not_ahead_of_others_in_the_broker(
        self, world: DatabaseWorld, stranger: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        flood = start(django_capture_on_commit_callbacks, workflow_of(world.owner, IN_LINE), 50)
        single = start(django_capture_on_commit_callbacks, workflow_of(stranger, IN_LINE))
        assert [number for number, _path in world.hints.queue].index(single[0]) <= 4

        world.drain()
        assert Execution.objects.filter(pk__in=[*flood, *single], status="completed").count() == 51

    def test_the_queue_goes_by_priority_then_by_hand_then_by_age(
        self, world: DatabaseWorld, limits: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        limits(executions=1)
        commits, schedule = django_capture_on_commit_callbacks, {"type": "schedule"}
        low, normal, high = (
            workflow_of(world.owner, OUTSIDE, name=f"W {priority}", priority=priority)
            for priority in ("low", "normal", "high")
        )
        (first,) = start(commits, low)
        queued = [
            *start(commits, low),
            *start(commits, normal, trigger=schedule),
            *start(commits, high, trigger=schedule),
            *start(commits, normal),
            *start(commits, normal, trigger=schedule),
        ]
        world.drain()

        begun = list(Execution.objects.order_by("started_at").values_list("pk", flat=True))
        assert begun == [first, queued[2], queued[3], queued[1], queued[4], queued[0]]
        assert Execution.objects.get(pk=queued[2]).priority == 1

    def test_cancelling_what_is_in_progress_and_what_queues_lets_the_next_begin(
        self, world: DatabaseWorld, limits: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        limits(executions=1)
        first, second, third = start(django_capture_on_commit_callbacks, workflow_of(world.owner, OUTSIDE), 3)
        cancel_execution(Execution.objects.get(pk=second), by=world.owner)
        world.hints.queue.clear()
        cancel_execution(Execution.objects.get(pk=first), by=world.owner)

        assert started(world) == [third]
        world.drain()
        assert world.status(third) == "completed"

    def test_an_admission_that_was_lost_is_made_up_for_by_the_sweep(
        self, world: DatabaseWorld, limits: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        limits(executions=1)
        first, second = start(django_capture_on_commit_callbacks, workflow_of(world.owner, OUTSIDE), 2)
        Execution.objects.filter(pk=first).update(admitted_at=None)  # as two that did not see each other leave it
        world.hints.queue.clear()
        world.runner.sweep()
        assert started(world) == [first]
        world.sweep_until_over(second)
        assert world.status(first) == "completed"

    def test_a_hint_of_an_admission_that_was_lost_is_sent_again(
        self, world: DatabaseWorld, limits: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        limits(executions=2)
        numbers = start(django_capture_on_commit_callbacks, workflow_of(world.owner, IN_LINE), 6)
        world.hints.queue.clear()
        world.sweep_until_over(numbers[-1])
        assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}

    def test_nobody_is_admitted_beyond_the_limit_when_asked_again(
        self, world: DatabaseWorld, limits: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        limits(executions=2)
        start(django_capture_on_commit_callbacks, workflow_of(world.owner, OUTSIDE), 5)
        assert admit(world.owner.pk) == [] and overlooked() == []

    def test_what_waits_for_a_time_or_a_person_holds_no_place(
        self, world: DatabaseWorld, limits: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        limits(executions=1)
        asking = workflow_of(world.owner, {"name": "Ask", "steps": [approval("ask")]})
        first, second = start(django_capture_on_commit_callbacks, asking, 2)
        assert started(world) == [first]
        world.drain()

        assert [world.steps(number)["ask"].status for number in (first, second)] == ["waiting", "waiting"]
        world.runner.decide(first, "ask", "approved", by=None)
        world.drain()
        assert world.status(first) == "completed"

    def test_page_and_api_say_what_waits_for_its_turn(
        self, world: DatabaseWorld, limits: Any, django_capture_on_commit_callbacks: Any, page: Any, api: Any
    ) -> None:
        limits(executions=1)
        first, second = start(django_capture_on_commit_callbacks, workflow_of(world.owner, OUTSIDE), 2)
        for number, is_queued in ((first, False), (second, True)):
            assert ("waits for its turn" in page.get(f"/executions/{number}/").content.decode()) is is_queued
            answer = api.get(f"/api/v1/executions/{number}/").json()
            assert (answer["is_queued"], answer["priority"]) == (is_queued, 0)

    def test_the_admins_page_knows_how_deep_the_queues_are(
        self, world: DatabaseWorld, limits: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        limits(executions=2)
        start(django_capture_on_commit_callbacks, workflow_of(world.owner, OUTSIDE), 5)
        (depth,) = queue_depths()
        assert (depth.email, depth.in_progress, depth.queued) == (world.owner.email, 2, 3)


@pytest.mark.django_db
class TestOrderOfMessages:
    def test_what_has_queued_goes_behind_what_has_not(
        self, owner: Any, limits: Any, monkeypatch: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        sent: list[tuple[int, bool]] = []
        hints = CeleryHints()
        monkeypatch.setattr(
            hints, "_send", lambda task, args, queue, delay_s, priority=None: sent.append((args[0], bool(priority)))
        )
        world = DatabaseWorld(owner)
        world.runner.hints = hints
        for module in ("services", "running"):
            monkeypatch.setattr(f"workflows.{module}.runner", lambda: world.runner)
        monkeypatch.setattr("workflows.rules.InstalledCatalogue", lambda: None)
        limits(executions=1)
        with django_capture_on_commit_callbacks(execute=True):
            first, second = (start_execution(workflow_of(owner, IN_LINE), by=owner).pk for _ in range(2))
        world.runner.cancel(first, by=None)

        assert sent == [(first, False), (second, True)]

    def test_redis_gives_a_message_of_low_priority_after_those_without_one(self, settings: Any) -> None:
        with Connection(settings.CELERY_BROKER_URL) as broker, broker.channel() as channel:
            queue = Queue(f"test-{uuid4().hex}")(channel)
            queue.declare()
            producer = Producer(channel, routing_key=queue.name)
            producer.publish("has queued", priority=BEHIND)
            producer.publish("has not")
            came = [queue.get(no_ack=True).payload for _ in range(2)]
            client = channel.client
            producer.publish("has queued", priority=BEHIND)
            lengths = [client.llen(key) for key in lists_of(queue.name)]
            queue.delete()

        assert came == ["has not", "has queued"]
        assert sum(lengths) == 1


class TestSteps:
    def flood(self, world: World, items: int = 40) -> int:
        number = world.begin(
            [loop("each", list(range(items)), [outside("get", "get")], max_concurrency=30)], timeout=3600
        )
        world.follow(*world.hints.queue.popleft())
        return number

    def test_a_loops_steps_go_to_workers_a_few_at_a_time(self, world: DatabaseWorld, limits: Any) -> None:
        limits(steps=4)
        number = self.flood(world)
        assert len(world.hints.queue) == 4

        most = 0
        while world.hints.queue:
            world.follow(*world.hints.queue.popleft())
            most = max(most, sum(1 for _number, path in world.hints.queue if path))
        assert most <= 4 and world.status(number) == "completed"
        assert len(world.executor.calls) == 40

    def test_a_worker_goes_on_with_what_queues(
        self, world: DatabaseWorld, limits: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workflows.engine.runner.MAX_INLINE_S", 60)
        limits(steps=4)
        number = self.flood(world)

        world.follow(*world.hints.queue.popleft())

        assert len(world.executor.calls) == 37  # all but those that other workers were told of
        assert len(world.hints.queue) == 3 and world.status(number) == "running"

    def test_anothers_step_lies_behind_a_few_only(self, world: DatabaseWorld, stranger: Any, limits: Any) -> None:
        limits(steps=4)
        self.flood(world)
        other = DatabaseWorld(stranger)
        other.hints = other.runner.hints = world.hints
        number = other.begin([outside("a")])
        other.runner.advance(number)
        assert [hint[0] for hint in world.hints.queue if hint[1]].index(number) == 4

    def test_a_chain_of_outside_steps_keeps_its_place(self, world: DatabaseWorld, limits: Any) -> None:
        limits(steps=1)
        number = world.run([outside("a"), outside("b", after=["a"]), outside("c", after=["b"])])
        assert world.executor.paths() == ["a", "b", "c"] and world.status(number) == "completed"

    def test_a_failed_step_that_will_be_tried_again_leaves_its_place(self, world: DatabaseWorld, limits: Any) -> None:
        limits(steps=1)
        outcomes = deque([Outcome.failed("Not now.", retryable=True)])
        world.script("flaky", lambda call: outcomes.popleft() if outcomes else Outcome.done(None))
        number = world.run([outside("a", "flaky"), outside("b")])
        assert world.statuses(number) == {"a": "waiting", "b": "completed"}

    def test_steps_that_nobody_released_are_found_by_the_sweep(self, world: DatabaseWorld, limits: Any) -> None:
        limits(steps=2)
        number = self.flood(world, items=6)
        StepExecution.objects.filter(execution_id=number, kind="plugin_action").update(hinted_at=None)
        world.hints.queue.clear()
        world.runner.sweep()
        assert sum(1 for _number, path in world.hints.queue if path) == 2
        world.drain()
        assert world.status(number) == "completed"

    def test_steps_of_a_cancelled_execution_free_their_places(self, world: DatabaseWorld, limits: Any) -> None:
        limits(steps=2)
        number = self.flood(world, items=6)
        second = world.begin([outside("a")])
        world.runner.advance(second)
        world.hints.queue.clear()
        world.runner.cancel(number, by=None)
        assert list(world.hints.queue) == [(second, "a")]


@pytest.mark.django_db
def test_the_database_knows_which_types_of_steps_are_done_outside() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'workflows_release_steps'")
        kinds = set(re.findall(r"kind IN \(([^)]*)\)", cursor.fetchone()[0]))
    assert [set(re.findall(r"\w+", kind)) for kind in kinds] == [set(OUTSIDE_TYPES)]


class Broker:
    """A queue that threads take hints from, as workers of Celery do.

    It knows how long it ever was, and what had begun, of `begun`, when an execution's first hint came.
    """

    def __init__(self, begun: list[int]) -> None:
        self.hints: deque[tuple[int, str]] = deque()
        self.most = 0
        self.begun_before: dict[int, int] = {}
        self._begun = begun
        self.is_open = threading.Event()
        self.is_open.set()
        self._bell = threading.Condition()

    def advance(self, execution_id: int, *, delay_s: float = 0.0, behind: bool = False) -> None:
        self._put((execution_id, ""))

    def run_step(self, execution_id: int, path: str, kind: str, *, delay_s: float = 0.0) -> None:
        self._put((execution_id, path))

    def _put(self, hint: tuple[int, str]) -> None:
        with self._bell:
            self.hints.append(hint)
            self.begun_before.setdefault(hint[0], len(self._begun))
            self.most = max(self.most, len(self.hints))
            self._bell.notify()

    def take(self) -> tuple[int, str] | None:
        """The next hint; None when there is none for a while, or when the broker is closed."""
        if not self.is_open.wait(0.2):
            return None
        with self._bell:
            self._bell.wait_for(lambda: self.hints, timeout=0.2)
            return self.hints.popleft() if self.hints else None


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
class TestFlood:
    """R31 in small: real threads over real PostgreSQL; the flood is 300 executions of one student."""

    FLOOD = 300

    def test_others_begin_before_the_flood_and_the_queue_drains(self, world: DatabaseWorld, make_user: Any) -> None:
        order: list[int] = []
        broker = Broker(order)
        world.runner.hints = broker

        def note(call: StepCall) -> Outcome:
            if call.path == "a":
                order.append(call.execution_id)
            return Outcome.done(None)

        world.script("echo", note)
        over = threading.Event()
        workers = [threading.Thread(target=self._work, args=(world, broker, over)) for _ in range(2)]
        quick = workflow_of(world.owner, IN_LINE)
        others = [workflow_of(make_user(f"other{n}@example.edu"), IN_LINE) for n in range(10)]
        broker.is_open.clear()
        flood = {start_execution(quick, by=world.owner).pk for _ in range(self.FLOOD)}
        for worker in workers:
            worker.start()
        broker.is_open.set()
        overtakers = []
        try:
            for other in others:
                number = start_execution(other, by=other.owner).pk
                self._wait(lambda number=number: number in order, 60)
                overtakers.append(len(flood & set(order[broker.begun_before[number] : order.index(number)])))
            still = Execution.objects.filter(pk__in=flood).open().count()
            self._wait(lambda: not Execution.objects.open().exists(), 120)
        finally:
            over.set()
            for worker in workers:
                worker.join(30)

        assert still > 0, "the flood was over before the others had begun"
        assert Execution.objects.filter(status="completed").count() == self.FLOOD + len(others)
        assert broker.most < 20, "the flood lies in the broker"
        # What lay in the broker, what the two workers had in hand, and what began between the look and the start.
        assert statistics.median(overtakers) <= 10, overtakers

    @staticmethod
    def _work(world: DatabaseWorld, broker: Broker, over: threading.Event) -> None:
        try:
            while not over.is_set():
                if hint := broker.take():
                    world.follow(*hint)
        finally:
            connection.close()

    @staticmethod
    def _wait(is_so: Any, timeout_s: float) -> None:
        wait_until(is_so, timeout_s=timeout_s, interval_s=0.005)
