"""The text of a calendar file taken apart: bytes to letters, folded lines to whole ones, blocks with their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_LINE_END = re.compile("\r\n|\n|\r")
_PROPERTY = re.compile(r"[A-Za-z0-9-]+[;:]")
MOST_LINE = 100_000


@dataclass(frozen=True)
class Line:
    """One whole line; `number` is where it begins in the file."""

    number: int
    text: str

    @property
    def name(self) -> str:
        """The property's name, "" where the line is not one."""
        found = _PROPERTY.match(self.text)
        return found[0][:-1].upper() if found else ""

    @property
    def value(self) -> str:
        return self.text.partition(":")[2].strip()


@dataclass
class Block:
    """What stands between a BEGIN and its END; blocks within it are left out. `ended` is False where the END lacks."""

    kind: str
    number: int
    lines: list[Line] = field(default_factory=list)
    inner: list[Line] = field(default_factory=list)
    ended: bool = False

    def value(self, name: str) -> str:
        return next((line.value for line in self.lines if line.name == name), "")


def decoded(data: bytes) -> tuple[str, str]:
    """Read the letters of a file; the second text says what was odd about them, "" if nothing was.

    UTF-8 as the standard wants it, UTF-16 where the file says so. A file that is mostly UTF-8 keeps its good letters;
    any other is read as Windows-1252, which gives every byte a letter.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), ""
    try:
        return data.decode("utf-8-sig").replace("\x00", ""), ""
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", "replace")
    bad = text.count("\N{REPLACEMENT CHARACTER}")
    good = sum(1 for letter in text if letter > "\x7f") - bad
    if good > bad:
        return text.replace(
            "\x00", ""
        ), f"{bad} letters are not valid UTF-8 and are shown as \N{REPLACEMENT CHARACTER}."
    read = data.decode("cp1252", "replace").replace("\x00", "")
    return read, "The file is not UTF-8. It was read as Windows-1252: look at the names with accents."


def unfolded(text: str) -> Iterator[Line]:
    """Give whole lines: one that begins with a blank goes on from the line before. Empty lines are left out."""
    number, parts = 0, []
    for at, raw in enumerate(_LINE_END.split(text), 1):
        if raw[:1] in {" ", "\t"} and parts:
            parts.append(raw[1:])
            continue
        if parts:
            yield Line(number, "".join(parts)[:MOST_LINE])
        number, parts = at, [raw] if raw.strip() else []
    if parts:
        yield Line(number, "".join(parts)[:MOST_LINE])


def blocks(lines: Iterator[Line]) -> Iterator[Block]:
    """Give the blocks that lie directly in the calendar, and the calendar itself last (kind VCALENDAR).

    A block that begins where another has not ended ends that one, so that one lost line costs one event.
    """
    calendar, block, depth = Block("VCALENDAR", 0), None, 0
    for line in lines:
        name, kind = line.name, line.value.upper()
        if name == "BEGIN" and kind == "VCALENDAR":
            calendar.number = calendar.number or line.number
        elif name == "END" and kind == "VCALENDAR":
            calendar.ended = True
        elif name == "BEGIN" and (block is None or kind == block.kind):
            if block is not None:
                yield block
            block, depth = Block(kind, line.number), 0
        elif block is None:
            calendar.lines.append(line)
        elif name == "END" and kind == block.kind:
            block.ended = True
            yield block
            block, depth = None, 0
        elif name == "BEGIN":
            depth += 1
            block.inner.append(line)
        elif name == "END":
            depth = max(0, depth - 1)
            block.inner.append(line)
        else:
            (block.inner if depth else block.lines).append(line)
    if block is not None:
        yield block
    yield calendar
