"""Every page that a student reaches by links asks as many queries for many rows as for few."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, resolve

from bench import pages_data

pytestmark = pytest.mark.django_db

LINK = re.compile(r'(?:href|hx-get)="(/[^"#]*)["#]')
NO_PAGES = ("/admin", "/api", "/static", "/accounts/logout", "/calendar/feeds/address")
_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
FEW, MANY = 4, 12
MOST = 15


def addresses(page: Any) -> Iterator[str]:
    """One address of each page, with the names of what its query says; views and parts are pages of their own."""
    found, waiting = set(), ["/"]
    while waiting:
        address = waiting.pop(0)
        path, _, query = address.partition("?")
        try:
            name = resolve(path).view_name
        except Resolver404:
            continue
        said = query if {"view", "part"} & set(re.findall(r"(\w+)=", query)) else re.sub("=[^&]*", "", query)
        if (name, said) in found or address.startswith(NO_PAGES):
            continue
        found.add((name, said))
        answer = page.get(address)
        if answer.status_code == 200 and "html" in answer.headers["Content-Type"] and not answer.streaming:
            yield address
            waiting += [link.replace("&amp;", "&") for link in LINK.findall(answer.content.decode())]


def count(page: Any, address: str) -> list[str]:
    page.get(address)  # what is kept is kept by then
    with CaptureQueriesContext(connection) as seen:
        assert page.get(address).status_code == 200, address
    return [query["sql"] for query in seen if not query["sql"].startswith(_CONTROL)]


def test_more_rows_ask_no_more_queries(page: Any, owner: Any) -> None:
    pages_data.fill(owner, courses=FEW, assignments=40, events=60)
    pages = list(addresses(page))
    assert len(pages) > 90, pages
    few = {address: count(page, address) for address in pages}
    pages_data.fill(owner, courses=MANY - FEW, assignments=200, events=300)
    grown, heavy = {}, {}
    for address, before in few.items():
        after = count(page, address)
        if len(after) > len(before):
            grown[address] = (len(before), len(after), [sql[:300] for sql in after if after.count(sql) > 1][:2])
        if len(after) > MOST:
            heavy[address] = len(after)
    assert not grown
    assert not heavy
