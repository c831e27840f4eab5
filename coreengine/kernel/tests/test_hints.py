"""Messages to workers while the broker is away."""

import logging
import socket
import time
from typing import Any

import pytest
from django.conf import settings
from kombu import Connection

from coreengine.kernel.causes import caused_by, current_cause
from coreengine.kernel.hints import CAUSE
from coreengine.kernel.tasks import send_outbox

logger = logging.getLogger(__name__)


@pytest.mark.django_db
def test_a_broker_that_is_away_does_not_fail_what_was_committed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: object
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
    broker = Connection(nowhere, transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS)
    plain = send_outbox.apply_async
    monkeypatch.setattr(send_outbox, "apply_async", lambda *args, **kwargs: plain(*args, connection=broker, **kwargs))
    began = time.monotonic()
    with django_capture_on_commit_callbacks(execute=True):
        send_outbox.delay_on_commit()
    assert "was not sent" in caplog.text
    assert time.monotonic() - began < 3  # a page waits for it


@pytest.mark.django_db
def test_what_an_execution_asks_for_goes_on_being_caused_by_it(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(send_outbox, "apply_async", lambda args, kwargs, **options: sent.append(options))
    with django_capture_on_commit_callbacks(execute=True):
        with caused_by(7):
            send_outbox.delay_on_commit()
        send_outbox.delay_on_commit()
    assert [options.get("headers") for options in sent] == [{CAUSE: 7}, None]

    seen: list[tuple[int | None, bool]] = []
    monkeypatch.setattr(send_outbox, "run", lambda: seen.append((current_cause(), send_outbox.request.called_directly)))
    send_outbox.apply(headers={CAUSE: 7})
    send_outbox.apply()
    send_outbox()
    assert seen == [(7, False), (None, False), (None, True)] and current_cause() is None


def test_an_acknowledgement_on_a_channel_that_was_closed_ends_no_worker() -> None:
    """Kombu raises an AttributeError there, which its callers do not expect; a worker's loop would end by it."""
    connection = Connection(settings.CELERY_BROKER_URL)
    channel = connection.channel()
    message = channel.Message({"body": "", "properties": {"delivery_tag": "1", "delivery_info": {}}}, channel=channel)
    connection.close()
    with pytest.raises(AttributeError):
        message.ack()
    message.ack_log_error(logger, connection.connection_errors)
    message.reject_log_error(logger, connection.connection_errors)
