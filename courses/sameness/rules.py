"""Which things of several sources are one: plain rules on plain values, the same whatever came first.

1. What the student said about two things holds.
2. One id at one host, or one web address, is one thing.
3. In one course, one title at one moment (within a minute) is one thing.

By rules 2 and 3 no two things of one source are ever joined (a source knows its own things apart), and nothing made by
hand is: that takes the student's word.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from urllib.parse import urlsplit

ONE_MOMENT = timedelta(minutes=1)
FULL, PARTIAL, BY_HAND = 0, 1, 2
"""How much a source tells, the richest first."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Thing:
    """A row, as far as the rules look at it.

    `keys` are equal only for the same thing (an id at a host, a web address). `sort` holds values of `title` at
    `moment` comparable: things of different `place` never meet by title. `rank` is `FULL`, `PARTIAL` or `BY_HAND`.
    """

    pk: int
    source: str
    external_id: str
    keys: tuple[Hashable, ...] = ()
    place: Hashable = None
    title: str = ""
    moment: datetime | None = None
    rank: int = FULL
    is_gone: bool = False

    @property
    def order(self) -> tuple[object, ...]:
        """Its place among others, by what it is and not by when it came; `pk` decides only among hand-made things."""
        return (_natural(self.source), _natural(self.external_id), self.pk)

    @property
    def worth(self) -> tuple[object, ...]:
        """Who is shown: what is still there, by what its source tells."""
        return (self.is_gone, self.rank, *self.order)


def same_things(
    things: Sequence[Thing],
    *,
    joined: Iterable[Pair] = (),
    parted: Iterable[Pair] = (),
    alike: Iterable[Pair] = (),
) -> dict[int, int]:
    """Say for each thing which one is shown for it (itself, where it is alone), as {pk: pk}.

    `joined` and `parted` are pairs of ids on which the student has spoken, `alike` those that a rule of the caller
    takes for one. The answer does not depend on the order in which things or pairs came.
    """
    known = {thing.pk: thing for thing in sorted(things, key=lambda thing: thing.order)}
    groups = _Groups(known, parted)
    for first, second in sorted(pair for pair in joined if pair[0] in known and pair[1] in known):
        groups.join(first, second, is_word=True)
    for first, second in (*_by_keys(known.values()), *alike, *_by_title(known.values())):
        groups.join(first, second)
    return groups.shown()


class _Groups:
    """Things that are one so far; refuses what must stay apart."""

    def __init__(self, known: dict[int, Thing], parted: Iterable[Pair]) -> None:
        self.known = known
        self.members = {pk: [pk] for pk in known}
        self.apart = {frozenset(pair) for pair in parted}

    def join(self, first: int, second: int, *, is_word: bool = False) -> None:
        ours, theirs = self.members[first], self.members[second]
        if ours is theirs or any(frozenset((a, b)) in self.apart for a in ours for b in theirs):
            return
        if not is_word and not self._may_meet(ours, theirs):
            return
        ours += theirs
        for pk in theirs:
            self.members[pk] = ours

    def _may_meet(self, ours: list[int], theirs: list[int]) -> bool:
        here, there = ({self.known[pk].source for pk in side} - {""} for side in (ours, theirs))
        return bool(here) and bool(there) and not here & there

    def shown(self) -> dict[int, int]:
        best = {
            id(group): min(group, key=lambda pk: self.known[pk].worth)
            for group in {id(group): group for group in self.members.values()}.values()
        }
        return {pk: best[id(group)] for pk, group in self.members.items()}


def _by_keys(things: Iterable[Thing]) -> list[Pair]:
    holders: dict[Hashable, list[int]] = defaultdict(list)
    for thing in things:
        for key in thing.keys if thing.source else ():
            holders[key].append(thing.pk)
    return [pair for pks in holders.values() for pair in combinations(pks, 2)]


def _by_title(things: Iterable[Thing]) -> list[Pair]:
    """Pairs of one title at one moment in one place, the nearest in time first."""
    holders: dict[Hashable, list[Thing]] = defaultdict(list)
    for thing in things:
        if thing.source and thing.title and thing.moment is not None:
            holders[thing.place, thing.title].append(thing)
    found = []
    for group in holders.values():
        if len({thing.source for thing in group}) > 1:
            found += [
                (abs(a.moment - b.moment), a.pk, b.pk)  # type: ignore[operator]
                for a, b in _near(group)
            ]
    found.sort(key=lambda each: each[0])
    return [(first, second) for _, first, second in found]


def _near(group: list[Thing]) -> Iterable[tuple[Thing, Thing]]:
    """Things within a minute of each other; a run of them is short, as times of one title are."""
    in_time = sorted(group, key=lambda thing: thing.moment)  # type: ignore[arg-type, return-value]
    start = 0
    for at, thing in enumerate(in_time):
        while thing.moment - in_time[start].moment > ONE_MOMENT:  # type: ignore[operator]
            start += 1
        for earlier in in_time[start:at]:
            if earlier.source != thing.source:
                yield earlier, thing


@dataclass(frozen=True)
class CourseThing:
    """A course, as far as the rules look at it. `host` is empty where the source does not say where it lives."""

    pk: int
    source: str
    external_id: str
    host: str
    keys: tuple[Hashable, ...]
    code: str
    name: str
    term: str
    rank: int = FULL
    is_gone: bool = False


def same_courses(
    courses: Sequence[CourseThing], *, joined: Iterable[Pair] = (), parted: Iterable[Pair] = ()
) -> dict[int, int]:
    """Say for each course which one is shown for it, as `same_things` does."""
    things = [Thing(c.pk, c.source, c.external_id, c.keys, rank=c.rank, is_gone=c.is_gone) for c in courses]
    return same_things(things, joined=joined, parted=parted, alike=_by_words(courses))


def _by_words(courses: Sequence[CourseThing]) -> list[Pair]:
    """Pairs that are one course by their words.

    At one host two ids are two courses unless code, name and term agree; at two hosts they are always two. Only where
    a host is not known (a calendar says no more than a code) does less suffice: code or name, and no other term.
    """
    named: dict[str, list[CourseThing]] = defaultdict(list)
    for course in sorted(courses, key=lambda c: (_natural(c.source), _natural(c.external_id))):
        for word in sorted({course.code, course.name} - {""}) if course.source else ():
            named[word].append(course)
    pairs = (pair for _, group in sorted(named.items()) for pair in combinations(group, 2))
    return [(a.pk, b.pk) for a, b in pairs if a.source != b.source and _is_one_course(a, b)]


def _is_one_course(a: CourseThing, b: CourseThing) -> bool:
    if a.host and b.host:
        agree = (a.code, a.name, a.term) == (b.code, b.name, b.term)
        return a.host == b.host and agree and bool(a.code and a.term)
    return not (a.term and b.term and a.term != b.term)


def plain(words: str) -> str:
    """Take a title to what matters of it: letters and digits, lower case, single spaces."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", words).casefold()))


def compact(words: str) -> str:
    """Take a course code to its letters and digits: "CS-101", "cs 101" and "CS101" are one."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", words).casefold())


def host_of(address: str) -> str:
    return (urlsplit(address).hostname or "") if address else ""


def address_key(address: str) -> str:
    """Take a web address to what tells it from others: no scheme, no fragment, no slash at its end."""
    if not address:
        return ""
    parts = urlsplit(address)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.hostname or ''}{parts.path.rstrip('/')}{query}"


def _natural(word: str) -> tuple[tuple[bool, int, str], ...]:
    """Order "connection:2" before "connection:10"."""
    return tuple(
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.findall(r"\d+|\D+", word)
    )
