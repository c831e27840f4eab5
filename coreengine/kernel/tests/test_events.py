"""The event log: numbered, chained, append-only, read in the order of commits."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from coreengine.kernel import events
from coreengine.kernel.causes import caused_by, current_cause
from coreengine.kernel.events import EventDraft, deliver, record, record_many, subscriber
from coreengine.kernel.models import Event, EventCursor


@pytest.fixture
def listener() -> Any:
    """A subscriber of its own, gone after the test."""
    heard: list[str] = []
    subscriber("test listener", types=["test.*"])(lambda event: heard.append(event.data["n"]))
    yield heard
    del events._subscribers["test listener"]


class TestRecording:
    def test_a_stream_is_numbered_and_chained(self, owner: Any) -> None:
        for number in range(3):
            record("test.happened", actor=owner, subject=owner, data={"n": number})

        stream = list(Event.objects.of(owner).typed("test.*").order_by("sequence"))

        assert [event.sequence for event in stream] == [1, 2, 3]
        assert len({event.hash for event in stream}) == 3
        assert events.broken_links(subject=owner) == []

    def test_a_batch_is_numbered_like_single_events(self, owner: Any) -> None:
        drafts = [EventDraft("test.happened", ("test.thing", n % 2), {"n": n}) for n in range(6)]

        record_many(drafts, actor=owner)

        numbers = Event.objects.filter(subject_type="test.thing", subject_id="1").order_by("id")
        assert [event.sequence for event in numbers] == [1, 2, 3]
        assert events.broken_links() == []

    def test_the_owner_is_the_subjects_owner(self, owner: Any, staff: Any) -> None:
        from coreengine.kernel.notifications import notify

        notification = notify(owner, title="Hello")

        event = record("test.happened", actor=staff, subject=notification)
        assert event.owner_id == owner.pk


class TestCauses:
    def test_an_event_says_which_execution_made_it(self, owner: Any) -> None:
        with caused_by(7):
            inside = record("test.happened", actor=owner, subject=owner)
        outside = record("test.happened", actor=owner, subject=owner)

        assert (inside.cause, outside.cause, current_cause()) == (7, None, None)


class TestAppendOnly:
    @pytest.mark.parametrize("change", ["UPDATE kernel_event SET type = 'x'", "DELETE FROM kernel_event"])
    def test_the_database_refuses_to_rewrite_history(self, owner: Any, change: str) -> None:
        record("test.happened", actor=owner, subject=owner)

        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as sql:
            sql.execute(change)

    def test_a_forged_hash_is_found(self, owner: Any) -> None:
        first = record("test.happened", actor=owner, subject=owner)
        record("test.happened", actor=owner, subject=owner)
        with connection.cursor() as sql:
            sql.execute("ALTER TABLE kernel_event DISABLE TRIGGER kernel_event_refuse")
            sql.execute("UPDATE kernel_event SET type = 'test.forged' WHERE id = %s", [first.pk])
            sql.execute("ALTER TABLE kernel_event ENABLE TRIGGER kernel_event_refuse")

        assert events.broken_links() == [first.pk]

    def test_altered_data_is_found(self, owner: Any) -> None:
        event = record("test.happened", actor=owner, subject=owner, data={"grade": 5})
        with connection.cursor() as sql:
            sql.execute("ALTER TABLE kernel_event DISABLE TRIGGER kernel_event_refuse")
            sql.execute("""UPDATE kernel_event SET data = '{"grade": 1}' WHERE id = %s""", [event.pk])
            sql.execute("ALTER TABLE kernel_event ENABLE TRIGGER kernel_event_refuse")

        assert events.altered_data() == [event.pk]

    def test_erasure_removes_data_and_keeps_the_chain(self, owner: Any, staff: Any) -> None:
        event = record("test.happened", actor=owner, subject=owner, data={"name": "Mira"})
        record("test.happened", actor=owner, subject=owner)

        count = events.erase_data(Event.objects.filter(pk=event.pk), by=staff, reason="asked for it")

        event.refresh_from_db()
        assert (count, event.data, event.salt) == (1, {}, "")
        assert events.broken_links() == [] and events.altered_data() == []
        trace = Event.objects.get(type="events.erased")
        assert trace.data == {"count": 1, "reason": "asked for it"} and trace.actor_id == staff.pk


@pytest.mark.django_db(transaction=True)
class TestSubscribers:
    def test_every_event_is_delivered_once_in_order(self, owner: Any, listener: list[str]) -> None:
        for number in range(5):
            record("test.happened", actor=owner, subject=owner, data={"n": number})
        record("other.happened", actor=owner, subject=owner)

        deliver("test listener")
        deliver("test listener")

        assert listener == [0, 1, 2, 3, 4]

    def test_the_cursor_waits_for_an_older_open_transaction(self, owner: Any, listener: list[str]) -> None:
        is_written, may_commit = threading.Event(), threading.Event()

        def slow_writer() -> None:
            with transaction.atomic():
                record("test.happened", actor=owner, subject=("test.slow", 1), data={"n": "early"})
                is_written.set()
                may_commit.wait(10)
            connection.close()

        writer = threading.Thread(target=slow_writer)
        writer.start()
        assert is_written.wait(10)
        record("test.happened", actor=owner, subject=("test.fast", 1), data={"n": "late"})

        deliver("test listener")
        assert listener == []  # the later event is visible, the earlier one is not yet

        may_commit.set()
        writer.join(10)
        deliver("test listener")
        assert listener == ["early", "late"]

    def test_a_subscriber_that_fails_stops_at_its_event_and_tries_again(self, owner: Any) -> None:
        heard: list[int] = []
        is_broken = True

        def fragile(event: Event) -> None:
            if event.data["n"] == 1 and is_broken:
                raise RuntimeError("no luck")
            heard.append(event.data["n"])

        subscriber("test fragile", types=["test.*"])(fragile)
        try:
            for number in range(3):
                record("test.happened", actor=owner, subject=owner, data={"n": number})
            deliver("test fragile")
            cursor = EventCursor.objects.get(subscriber="test fragile")
            assert heard == [0] and cursor.failures == 1 and "no luck" in cursor.last_error

            is_broken = False
            deliver("test fragile")
            assert heard == [0, 1, 2]
        finally:
            del events._subscribers["test fragile"]

    def test_what_a_subscriber_leaves_out_is_not_even_read(self, owner: Any) -> None:
        heard: list[str] = []
        subscriber("test picky", types=["test.*"], without=["test.step.*"])(lambda event: heard.append(event.type))
        try:
            for type in ("test.step.started", "test.happened", "other.happened", "test.step.completed"):
                record(type, actor=owner, subject=owner)

            assert deliver("test picky") == 1 and deliver("test picky") == 0
            record("test.happened", actor=owner, subject=owner)
            assert deliver("test picky") == 1

            assert heard == ["test.happened", "test.happened"]
            assert EventCursor.objects.get(subscriber="test picky").transaction > 0
        finally:
            del events._subscribers["test picky"]

    def test_what_a_subscriber_itself_records_comes_next(self, owner: Any) -> None:
        heard: list[int] = []

        def echo(event: Event) -> None:
            heard.append(event.data["n"])
            if event.data["n"] < 3:
                record("test.happened", actor=owner, subject=owner, data={"n": event.data["n"] + 1})

        subscriber("test echo", types=["test.*"])(echo)
        try:
            record("test.happened", actor=owner, subject=owner, data={"n": 0})
            for _ in range(5):
                deliver("test echo")
            assert heard == [0, 1, 2, 3]
        finally:
            del events._subscribers["test echo"]

    def test_all_of_a_long_log_is_handed_over_at_once(self, owner: Any, listener: list[str]) -> None:
        record_many([EventDraft("test.happened", ("test.thing", 1), {"n": n}) for n in range(1100)], actor=owner)

        events.deliver_all()

        assert listener == list(range(1100))

    def test_two_writers_of_one_stream_leave_no_gap(self, owner: Any) -> None:
        def write() -> None:
            for _ in range(20):
                record("test.happened", actor=owner, subject=("test.shared", 1))
            connection.close()

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(30)

        numbers = Event.objects.filter(subject_type="test.shared").order_by("sequence")
        assert [event.sequence for event in numbers] == list(range(1, 81))
        assert events.broken_links() == []
