"""Who is served first where there are more calls than places."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.errors import SandboxBusy, SandboxUnavailable
from plugins.sandbox.process import ProcessSandbox
from plugins.sandbox.turns import Ticket, Turns
from plugins.tests.conftest import MakePlugin


@pytest.fixture
def ticket(make_plugin: MakePlugin) -> Any:
    sandbox = ProcessSandbox()
    return lambda owner, plugin="one", content="a": Ticket(make_plugin("", name=plugin), sandbox, owner, content)


def served(turns: Turns) -> list[tuple[int, str]]:
    order = []
    while (found := turns.next()) is not None:
        order.append((found.owner, found.plugin.name))
    return order


def test_a_student_with_many_calls_and_one_with_few_take_turns(ticket: Any) -> None:
    turns = Turns()
    for owner in (1, 1, 1, 1, 2, 2):
        turns.add(ticket(owner))

    assert [owner for owner, _ in served(turns)] == [1, 2, 1, 2, 1, 1]
    assert len(turns) == 0


def test_a_students_plugins_take_turns(ticket: Any) -> None:
    turns = Turns()
    for plugin in ("one", "one", "one", "two"):
        turns.add(ticket(1, plugin))

    assert [plugin for _, plugin in served(turns)] == ["one", "two", "one", "one"]


def test_who_comes_later_waits_for_one_call_of_the_others_and_not_for_all(ticket: Any) -> None:
    turns = Turns()
    for _ in range(5):
        turns.add(ticket(1))
    assert turns.next() is not None

    turns.add(ticket(2))

    assert [owner for owner, _ in served(turns)] == [1, 2, 1, 1, 1]


def test_a_child_that_is_ready_goes_to_a_call_that_it_fits(ticket: Any) -> None:
    turns = Turns()
    turns.add(ticket(1, "one", "old"))
    turns.add(ticket(1, "two"))
    turns.add(ticket(2, "one", "new"))

    found = turns.next_for("one", "new", "process")

    assert found is not None and (found.owner, found.content_hash) == (2, "new")
    assert turns.next_for("one", "new", "process") is None and len(turns) == 2


def test_who_waits_too_long_gives_up_in_words_and_leaves_the_line(ticket: Any) -> None:
    turns, mine = Turns(), ticket(1)
    turns.add(mine)

    with pytest.raises(SandboxBusy, match=r"no free place to run in within 0\.01 s") as busy:
        mine.wait(0.01, turns.remove)

    assert busy.value.retryable and len(turns) == 0


def test_what_went_wrong_reaches_the_one_who_waits(ticket: Any) -> None:
    mine = ticket(1)
    mine.settle(error=SandboxUnavailable("No engine."))

    with pytest.raises(SandboxUnavailable, match="No engine"):
        mine.wait(1, lambda ticket: False)
