"""Courses that need courses: circles, ways, the longest chain."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from courses.maps.drawing import COLUMNS, MapNode, draw_map
from courses.maps.rules import longest_chain, needs_of, way_from

NEEDS = needs_of([(2, 1), (3, 2), (4, 2), (5, 3), (5, 4), (5, 1)])


@pytest.mark.parametrize(("course", "goal", "way"), [(5, 1, [5, 1]), (3, 1, [3, 2, 1]), (1, 5, []), (3, 3, [3])])
def test_the_shortest_way_from_a_course_to_what_it_needs(course: int, goal: int, way: list[int]) -> None:
    assert way_from(course, goal, NEEDS) == way


@pytest.mark.parametrize(
    ("goal", "done", "chain"),
    [(5, set(), [1, 2, 3, 5]), (5, {1, 2}, [3, 5]), (5, {1, 2, 3, 4}, [5]), (5, {5}, []), (1, set(), [1])],
)
def test_the_longest_chain_still_ahead(goal: int, done: set[int], chain: list[int]) -> None:
    assert longest_chain(goal, NEEDS, done) == chain


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40), st.sets(st.integers(0, 12)))
def test_no_chain_is_longer_than_the_longest(pairs: list[tuple[int, int]], done: set[int]) -> None:
    needs = needs_of((max(pair), min(pair)) for pair in pairs if pair[0] != pair[1])  # never a circle

    for goal in range(13):
        chain = longest_chain(goal, needs, done)
        assert all(required in needs.get(course, ()) for required, course in zip(chain, chain[1:], strict=False))
        assert not done & set(chain)
        if goal not in done:
            assert chain[-1] == goal
            assert len(chain) == 1 + max((len(longest_chain(n, needs, done)) for n in needs.get(goal, ())), default=0)


def node(name: str, *needs: str) -> MapNode:
    return MapNode(name, name, "Open", "lock", "", "#", needs)


class TestThePicture:
    def test_what_needs_something_stands_right_of_it_or_in_a_band_below(self) -> None:
        chain = [node("0"), *(node(str(n), str(n - 1)) for n in range(1, 10))]

        picture = draw_map(chain)

        for before, after in zip(chain, chain[1:], strict=False):
            assert (after.y, after.x) > (before.y, before.x)
        assert {box.y for box in chain[:COLUMNS]} == {chain[0].y}
        assert len(picture.lines) == 9

    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
    @given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=60))
    def test_boxes_never_lie_upon_each_other_and_stay_inside(self, pairs: list[tuple[int, int]]) -> None:
        needs: dict[int, list[str]] = {}
        for a, b in pairs:  # circles as well: a source may send them
            needs.setdefault(a, []).append(str(b))
        nodes = [node(str(n), *needs.get(n, [])) for n in range(21)]

        picture = draw_map(nodes)

        for number, one in enumerate(nodes):
            assert one.x >= 0 and one.x + one.width <= picture.width
            assert one.y >= 0 and one.y + one.height <= picture.height
            for other in nodes[number + 1 :]:
                is_apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
                assert is_apart_x or one.y + one.height <= other.y or other.y + other.height <= one.y
        assert all(
            0 <= x <= picture.width and 0 <= y <= picture.height for line in picture.lines for x, y in line.points
        )

    def test_what_stands_alone_comes_below_in_rows(self) -> None:
        alone = [node(f"alone{n}") for n in range(6)]
        joined = [node("a"), node("b", "a")]

        draw_map([*alone, *joined])

        assert min(box.y for box in alone) > max(box.y for box in joined)
        assert len({box.y for box in alone}) == 2
