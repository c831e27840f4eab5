"""Whose containers may be removed, and whose not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from django.core.cache import cache

from plugins.sandbox import owners
from plugins.sandbox.owners import (
    BOOT_LABEL,
    BORN_LABEL,
    INSTALLATION_LABEL,
    OWNER_LABEL,
    SPACE_LABEL,
    Owners,
    owner_labels,
)

ELSEWHERE = {SPACE_LABEL: "pid:[1]", OWNER_LABEL: "7:1"}


@pytest.fixture(autouse=True)
def _an_empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def test_a_container_of_this_process_is_not_abandoned() -> None:
    assert not Owners().is_gone(owner_labels())


@pytest.mark.parametrize(
    "change",
    [
        {OWNER_LABEL: "999999999:1"},
        {OWNER_LABEL: "1:0"},  # the number is in use again, by a younger process
        {OWNER_LABEL: ""},
        {BORN_LABEL: "0"},
        {BORN_LABEL: "x"},
        {**ELSEWHERE, BORN_LABEL: str(int(time.time()) - owners.MAX_CONTAINER_AGE_S - 1)},
    ],
)
def test_one_whose_owner_is_gone_is(change: dict[str, str]) -> None:
    assert Owners().is_gone({**owner_labels(), **change})


def test_one_of_a_process_that_was_killed_is() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    labels = {**owner_labels(), OWNER_LABEL: f"{child.pid}:{owners.started_ticks(child.pid)}"}
    assert not Owners().is_gone(labels)

    child.kill()
    child.communicate()

    assert Owners().is_gone(labels)


class TestElsewhere:
    """Where process numbers mean nothing: another container of the installation, or the time before a reboot."""

    @pytest.mark.parametrize("change", [ELSEWHERE, {BOOT_LABEL: "an earlier boot"}])
    def test_one_without_a_lease_is_gone_after_a_while(
        self, change: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen, labels = Owners(), {**owner_labels(), **change}
        assert not seen.is_gone(labels)  # an emptied cache says so of everyone, for the seconds of a renewal

        monkeypatch.setattr(owners, "MISSING_S", 0.0)

        assert seen.is_gone(labels)

    def test_one_with_a_lease_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(owners, "MISSING_S", 0.0)
        labels = {**owner_labels(), **ELSEWHERE}
        with monkeypatch.context() as there:
            there.setattr(owners, "owner_labels", lambda: labels)
            Owners().keep_lease()

        assert not Owners().is_gone(labels)

    def test_nobody_is_gone_while_the_cache_cannot_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(owners, "MISSING_S", 0.0)
        monkeypatch.setattr(cache, "get_many", lambda keys: {})

        assert not Owners().is_gone({**owner_labels(), **ELSEWHERE})

    def test_another_installation_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(owners, "MISSING_S", 0.0)
        foreign = {**owner_labels(), **ELSEWHERE, INSTALLATION_LABEL: "another"}

        assert not Owners().is_gone(foreign)


def test_labels_name_this_process_and_give_nothing_away(settings: object) -> None:
    labels = owner_labels()

    assert labels[OWNER_LABEL].startswith(f"{os.getpid()}:")
    assert settings.DATABASE_URL not in str(labels)  # type: ignore[attr-defined]
    assert len(labels[INSTALLATION_LABEL]) == 16
