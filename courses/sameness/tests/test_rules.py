"""Which things of several sources are one: the rules, and that no order of anything matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses.sameness.rules import (
    BY_HAND,
    FULL,
    PARTIAL,
    CourseThing,
    Thing,
    address_key,
    compact,
    plain,
    same_courses,
    same_things,
)

DUE = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)


def thing(pk: int, source: str = "connection:1", **fields: Any) -> Thing:
    values = {"external_id": f"a{pk}", "place": 1, "title": "homework 1", "moment": DUE, **fields}
    return Thing(pk=pk, source=source, **values)


def course(pk: int, source: str = "connection:1", **fields: Any) -> CourseThing:
    values = {
        "external_id": f"c{pk}",
        "host": "a.edu",
        "keys": (),
        "code": "cs101",
        "name": "algorithms",
        "term": "autumn",
    }
    return CourseThing(pk=pk, source=source, **{**values, **fields})


class TestWork:
    def test_one_title_at_one_moment_in_one_course_is_one(self) -> None:
        late = thing(2, "connection:2", moment=DUE + timedelta(seconds=59))

        assert same_things([thing(1), late]) == {1: 1, 2: 1}

    @pytest.mark.parametrize(
        "other",
        [
            {"moment": DUE + timedelta(seconds=61)},
            {"moment": None},
            {"title": "homework 2"},
            {"place": 2},
            {"source": "connection:1"},
            {"source": "", "rank": BY_HAND},
        ],
        ids=["another minute", "no date", "another title", "another course", "the same source", "made by hand"],
    )
    def test_what_differs_stays_two(self, other: dict[str, Any]) -> None:
        assert same_things([thing(1), thing(2, **{"source": "connection:2", **other})]) == {1: 1, 2: 2}

    def test_one_address_is_one_whatever_its_title_and_date(self) -> None:
        moved = thing(2, "connection:2", title="renamed", moment=None, place=9, keys=("a.edu/1",))

        assert same_things([thing(1, keys=("a.edu/1",)), moved]) == {1: 1, 2: 1}

    def test_an_address_goes_before_a_title(self) -> None:
        twin = thing(1, "connection:1", keys=("a.edu/1",))
        namesake = thing(2, "connection:1", title="x")
        other = thing(3, "connection:2", title="x", keys=("a.edu/1",))

        assert same_things([twin, namesake, other]) == {1: 1, 2: 2, 3: 1}

    def test_the_richer_source_is_shown_and_hand_made_work_only_where_nothing_else_is_left(self) -> None:
        things = [
            thing(1, "connection:1", rank=PARTIAL),
            thing(2, "connection:2", rank=FULL),
            thing(3, "", rank=BY_HAND),
        ]

        assert same_things(things, joined=[(1, 3)]) == {1: 2, 2: 2, 3: 2}

    def test_what_is_gone_gives_way_to_what_is_there(self) -> None:
        assert same_things([thing(1, is_gone=True), thing(2, "connection:2", rank=PARTIAL)]) == {1: 2, 2: 2}

    def test_the_students_word_goes_before_the_rules(self) -> None:
        pair = [thing(1, keys=("k",)), thing(2, "connection:2", keys=("k",))]

        assert same_things(pair, parted=[(1, 2)]) == {1: 1, 2: 2}
        assert same_things([thing(1), thing(2, title="x")], joined=[(1, 2)]) == {1: 1, 2: 1}

    def test_what_was_parted_is_not_joined_by_way_of_a_third(self) -> None:
        things = [thing(1), thing(2, "connection:2"), thing(3, "connection:3")]

        shown = same_things(things, parted=[(1, 2)])

        assert shown[1] != shown[2]

    def test_connection_2_goes_before_connection_10(self) -> None:
        assert same_things([thing(1, "connection:10"), thing(2, "connection:2")]) == {1: 2, 2: 2}


class TestCourses:
    def test_one_address_is_one_course(self) -> None:
        assert same_courses([course(1, keys=("k",)), course(2, "connection:2", keys=("k",), name="x")]) == {1: 1, 2: 1}

    def test_two_universities_never_share_a_course(self) -> None:
        assert same_courses([course(1), course(2, "connection:2", host="b.edu")]) == {1: 1, 2: 2}

    @pytest.mark.parametrize(("fields", "is_one"), [({}, True), ({"term": "spring"}, False), ({"name": "x"}, False)])
    def test_at_one_host_code_name_and_term_must_agree(self, fields: dict[str, str], is_one: bool) -> None:
        shown = same_courses([course(1), course(2, "connection:2", **fields)])

        assert (shown[2] == 1) is is_one

    def test_a_calendar_that_knows_only_a_code_is_matched_by_it(self) -> None:
        feed = course(2, "connection:2", host="", name="cs101", term="", rank=PARTIAL)

        assert same_courses([course(1), feed]) == {1: 1, 2: 1}

    def test_a_course_made_by_hand_is_joined_only_by_the_students_word(self) -> None:
        own = course(2, "", external_id="", host="", rank=BY_HAND)

        assert same_courses([course(1), own]) == {1: 1, 2: 2}
        assert same_courses([course(1), own], joined=[(1, 2)]) == {1: 1, 2: 1}


class TestWords:
    def test_titles_and_codes_are_taken_to_what_matters(self) -> None:
        assert plain("  Homework 1:  Sorting!") == plain("homework 1 – sorting")
        assert compact("CS-101") == compact("cs 101") == "cs101"
        assert (
            address_key("https://A.edu/x/1/#top") == address_key("http://a.edu/x/1") != address_key("http://a.edu/x/2")
        )


SOURCES = ["", "connection:1", "connection:2", "connection:10"]
THINGS = st.lists(
    st.tuples(
        st.sampled_from(SOURCES),
        st.sampled_from(["a", "b"]),
        st.integers(0, 3),
        st.sampled_from([(), ("k1",), ("k2",)]),
        st.booleans(),
        st.sampled_from([FULL, PARTIAL]),
    ),
    max_size=9,
)
PAIRS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] < pair[1]), max_size=3)


def _made(rows: list[tuple[Any, ...]]) -> list[Thing]:
    return [
        Thing(
            pk=pk,
            source=source,
            external_id=f"x{pk}" if source else "",
            keys=keys,
            place=1,
            title=title,
            moment=DUE + timedelta(seconds=40 * minute),
            rank=rank if source else BY_HAND,
            is_gone=is_gone,
        )
        for pk, (source, title, minute, keys, is_gone, rank) in enumerate(rows)
    ]


@given(THINGS, PAIRS, PAIRS, st.randoms())
def test_the_order_of_rows_and_of_what_was_said_changes_nothing(
    rows: list[Any], joined: list[Any], parted: list[Any], random: Any
) -> None:
    things = _made(rows)
    first = same_things(things, joined=joined, parted=parted)
    for each in (things, joined, parted):
        random.shuffle(each)

    assert same_things(things, joined=joined, parted=parted) == first


@given(THINGS, PAIRS, PAIRS)
def test_what_is_shown_is_shown_for_itself_and_rules_never_join_one_source(
    rows: list[Any], joined: list[Any], parted: list[Any]
) -> None:
    things = {thing.pk: thing for thing in _made(rows)}
    shown = same_things(list(things.values()), joined=joined, parted=parted)

    assert all(shown[main] == main for main in shown.values())
    assert all(shown[a] != shown[b] for a, b in parted if a in shown and b in shown)
    for a in things.values():
        for b in things.values():
            if a.pk < b.pk and shown[a.pk] == shown[b.pk] and not joined:
                assert a.source != b.source and "" not in (a.source, b.source)
