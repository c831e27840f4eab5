"""/health and /health/ready: each part is stopped once and seen to be red."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client
from kombu import Connection

from coreengine.celery import app
from coreengine.kernel import health
from coreengine.kernel.clock import Scheduler


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator["redis.Redis[Any]"]:
    """Redis without any report, under names that no running server shares."""
    monkeypatch.setattr(health, "_PREFIX", "ce:health-test")
    monkeypatch.setattr(health, "WORKERS", {"worker": "health-test-a", "plugin-worker": "health-test-b"})
    monkeypatch.setattr(health, "_noted", {})
    client = redis.Redis.from_url(settings.REDIS_URL)
    yield client
    for key in [*client.scan_iter("ce:health-test:*"), "health-test-a", "health-test-b"]:
        client.delete(key)


def everything_reported(store: "redis.Redis[Any]", age_s: float = 0.0) -> None:
    for name in ("beat", "consumed:health-test-a", "consumed:health-test-b"):
        store.set(f"ce:health-test:{name}", time.time() - age_s)


def test_health_answers_without_signing_in(client: Client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "version": settings.VERSION}


@pytest.mark.django_db(transaction=True)
def test_ready_when_every_part_reported(client: Client, store: Any) -> None:
    everything_reported(store)
    answer = client.get("/health/ready")
    assert answer.status_code == 200, answer.json()
    assert answer.json()["status"] == "ready"
    assert set(answer.json()["checks"]) == {"database", "redis", "worker", "plugin-worker", "beat"}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("silent", "red"),
    [("beat", "beat"), ("consumed:health-test-a", "worker"), ("consumed:health-test-b", "plugin-worker")],
)
def test_a_part_that_went_silent_is_red_and_named(client: Client, store: Any, silent: str, red: str) -> None:
    everything_reported(store)
    store.set(f"ce:health-test:{silent}", time.time() - health.STALE_S - 1)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert [name for name, check in checks.items() if not check["ok"]] == [red]
    assert "s ago" in checks[red]["detail"]


@pytest.mark.django_db(transaction=True)
def test_redis_that_does_not_answer_is_red(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = redis.Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=1)
    monkeypatch.setattr(health, "_client", lambda: gone)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks["redis"] == {"ok": False, "detail": "does not answer"}
    assert checks["database"]["ok"]
    assert not checks["worker"]["ok"]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_red(client: Client, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    class Broken:
        def cursor(self) -> None:
            raise OperationalError("connection refused by /secret/path")

        def close(self) -> None:
            pass

    everything_reported(store)
    monkeypatch.setattr(health, "connection", Broken())
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == {"ok": False, "detail": "does not answer"}
    assert "/secret/path" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_part_that_hangs_does_not_hang_the_answer(
    client: Client, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    everything_reported(store)
    wake = threading.Event()

    class Hanging:
        def cursor(self) -> Any:
            wake.wait(20)
            raise health.DatabaseError

        def close(self) -> None:
            pass

    monkeypatch.setattr(health, "connection", Hanging())
    monkeypatch.setattr(health, "LIMIT_S", 0.3)
    began = time.monotonic()
    answer = client.get("/health/ready")
    wake.set()
    assert time.monotonic() - began < 5
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"]["detail"] == "gave no answer within 0.3 s"


@pytest.mark.django_db(transaction=True)
def test_asking_sends_one_heartbeat_through_each_queue(client: Client, store: Any) -> None:
    for _ in range(3):
        client.get("/health/ready")
    with Connection(settings.CELERY_BROKER_URL, transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS) as broker:
        for queue in ("health-test-a", "health-test-b"):
            assert broker.SimpleQueue(queue).qsize() == 1


def test_a_task_that_a_worker_takes_is_what_counts(store: Any) -> None:
    task = type("Task", (), {"request": type("Request", (), {"delivery_info": {"routing_key": "health-test-a"}})})
    health._note_consumption(task=task)
    assert float(store.get("ce:health-test:consumed:health-test-a")) == pytest.approx(time.time(), abs=5)
    assert store.get("ce:health-test:consumed:health-test-b") is None


@pytest.mark.django_db(transaction=True)
def test_of_two_beats_one_ticks(store: Any) -> None:
    first, second = Scheduler(app=app, lazy=True), Scheduler(app=app, lazy=True)
    try:
        assert first._leads()
        assert first._leads()
        assert not second._leads()
        first._forget_session()
        assert second._leads()
    finally:
        first._forget_session()
        second._forget_session()
