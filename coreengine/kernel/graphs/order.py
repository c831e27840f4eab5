"""The order of things that need each other, circles or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar


class Needing(Protocol):
    """Something with a name that needs others, by their names."""

    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> Iterable[str]: ...


N = TypeVar("N", bound=Needing)


def ranks(things: Sequence[N]) -> list[list[N]]:
    """Put each thing one rank behind the last that it needs; a circle is broken where it is first met."""
    by_name = {thing.name: thing for thing in things}
    place: dict[str, int] = {}
    waiting = {t.name: {n for n in t.needs if n in by_name and n != t.name} for t in things}
    followers: dict[str, list[str]] = {name: [] for name in by_name}
    for name, wanted in waiting.items():
        for need in wanted:
            followers[need].append(name)
    ready = [name for name in by_name if not waiting[name]]
    while len(place) < len(by_name):
        if not ready:
            ready = [next(name for name in by_name if name not in place)]
        name = ready.pop(0)
        place[name] = 1 + max((place[n] for n in by_name[name].needs if n in place), default=-1)
        for follower in followers[name]:
            waiting[follower].discard(name)
            if not waiting[follower] and follower not in place and follower not in ready:
                ready.append(follower)
    answer: list[list[N]] = [[] for _ in range(max(place.values(), default=-1) + 1)]
    for thing in things:
        answer[place[thing.name]].append(thing)
    return [rank for rank in answer if rank]


def in_order(things: Sequence[N]) -> list[N]:
    """Sort things so that each stands below what it needs, and otherwise as they are given."""
    place = {thing.name: number for number, rank in enumerate(ranks(things)) for thing in rank}
    by_name = {thing.name: thing for thing in things}
    answer: list[N] = []
    done: set[str] = set()
    for thing in things:  # depth first along what is needed, so that a chain stays together
        todo = [thing]
        while todo:
            current = todo[-1]
            missing = [
                by_name[n] for n in current.needs if n in by_name and n not in done and place[n] < place[current.name]
            ]
            if current.name in done:
                todo.pop()
            elif missing:
                todo.append(missing[0])
            else:
                done.add(current.name)
                answer.append(todo.pop())
    return answer
