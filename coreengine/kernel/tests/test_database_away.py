"""What the doors say while the database is away."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from rest_framework.test import APIClient


@pytest.fixture(params=[OperationalError, InterfaceError])
def away(request: Any) -> Iterator[None]:
    """Every statement fails."""

    def fail(*_: Any) -> None:
        raise request.param("the server closed the connection unexpectedly")

    with connection.execute_wrapper(fail):
        yield


def test_the_api_says_503_and_when_to_ask_again(api: APIClient, away: None) -> None:
    answer = api.get("/api/v1/notifications/")

    assert answer.status_code == 503 and answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "unavailable" and answer["Retry-After"] == "5"


def test_a_page_says_503_in_words(client: Client, owner: Any, away: None) -> None:
    client.raise_request_exception = False
    client.cookies["sessionid"] = "a-session-that-must-be-looked-up"
    answer = client.get("/")

    assert answer.status_code == 503 and answer["Retry-After"] == "5"
    assert "Not available at the moment" in answer.content.decode()
