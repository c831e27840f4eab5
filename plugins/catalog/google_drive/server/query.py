"""The search language of `files.list`: read into a tree, and answered for one file. Source: Drive's guide "Search"."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .drive import Drive, File

Test = Callable[["Drive", "File"], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\['\\])*')|(?P<word>[A-Za-z][A-Za-z0-9]*)|(?P<sign>!=|<=|>=|[()=<>{}]))", re.DOTALL
)
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_OPERATORS = {
    "name": {"contains", "=", "!="},
    "fullText": {"contains"},
    "mimeType": {"contains", "=", "!="},
    "modifiedTime": set(_COMPARED),
    "createdTime": set(_COMPARED),
    "trashed": {"=", "!="},
    "starred": {"=", "!="},
    "sharedWithMe": {"=", "!="},
    "visibility": {"=", "!="},
}
_COLLECTIONS = {"parents", "owners", "writers", "readers"}


class QueryInvalid(ValueError):
    """The text is not in the language."""


def read_query(text: str) -> Test:
    """Read a search.

    Raises:
        QueryInvalid: anything that Drive answers with 400 "Invalid Value".
    """
    if not text.strip():
        return lambda drive, file: True
    reader = _Reader(text)
    found = reader.either()
    if reader.kind:
        raise QueryInvalid(f"unexpected {reader.value!r}")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0
        self.kind: str | None = None
        self.value = ""
        self.step()

    def step(self) -> str:
        """Go to the next token; return the one that was."""
        before = self.value
        rest = self.text[self.place :]
        if not rest.strip():
            self.kind, self.value = None, ""
            return before
        found = _TOKEN.match(self.text, self.place)
        if found is None:
            raise QueryInvalid(f"cannot read {rest[:20]!r}")
        self.place, self.kind = found.end(), found.lastgroup
        self.value = found[found.lastgroup or 0]
        return before

    def take(self, value: str) -> None:
        if self.value != value or self.kind == "text":
            raise QueryInvalid(f"{value!r} is missing")
        self.step()

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.value == word

    def either(self) -> Test:
        left = self.both()
        while self.is_word("or"):
            self.step()
            left = _either(left, self.both())
        return left

    def both(self) -> Test:
        left = self.one()
        while self.is_word("and"):
            self.step()
            left = _both(left, self.one())
        return left

    def one(self) -> Test:
        if self.is_word("not"):
            self.step()
            inner = self.one()
            return lambda drive, file: not inner(drive, file)
        if self.value == "(" and self.kind == "sign":
            self.step()
            inner = self.either()
            self.take(")")
            return inner
        return self.inside() if self.kind == "text" else self.comparison()

    def inside(self) -> Test:
        """'ID' in parents"""
        value = _text(self.step())
        self.take("in")
        field = self.step()
        if field not in _COLLECTIONS:
            raise QueryInvalid(f"nothing can be in {field!r}")
        return lambda drive, file: drive.is_in(value, field, file)

    def comparison(self) -> Test:
        if self.kind != "word":
            raise QueryInvalid(f"unexpected {self.value!r}")
        field = self.step()
        if field in ("appProperties", "properties"):
            return self.having(field)
        operator = self.step()
        if operator not in _OPERATORS.get(field, ()):
            raise QueryInvalid(f"{field} knows no {operator!r}")
        kind, raw = self.kind, self.step()
        if field in ("trashed", "starred", "sharedWithMe"):
            if raw not in ("true", "false"):
                raise QueryInvalid(f"{field} is true or false")
            return lambda drive, file: _COMPARED[operator](drive.flag(field, file), raw == "true")
        if kind != "text":
            raise QueryInvalid("a value stands in quotes")
        value = _text(raw)
        if field in ("modifiedTime", "createdTime"):
            moment = _moment(value)
            return lambda drive, file: _COMPARED[operator](getattr(file, _TIMES[field]), moment)
        if operator == "contains":
            return _contains(field, value)
        return lambda drive, file: _COMPARED[operator](file.name if field == "name" else file.mime, value)

    def having(self, field: str) -> Test:
        """appProperties has { key='a' and value='b' }"""
        self.take("has")
        self.take("{")
        self.take("key")
        self.take("=")
        key = _text(self.step())
        self.take("and")
        self.take("value")
        self.take("=")
        value = _text(self.step())
        self.take("}")
        return lambda drive, file: file.app_properties.get(key) == value


_TIMES = {"modifiedTime": "modified", "createdTime": "created"}


def _either(left: Test, right: Test) -> Test:
    return lambda drive, file: left(drive, file) or right(drive, file)


def _both(left: Test, right: Test) -> Test:
    return lambda drive, file: left(drive, file) and right(drive, file)


def _text(token: str) -> str:
    if len(token) < 2 or token[0] != "'":
        raise QueryInvalid("a value stands in quotes")
    return re.sub(r"\\(['\\])", r"\1", token[1:-1])


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise QueryInvalid(f"{text!r} is no time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _contains(field: str, value: str) -> Test:
    if field == "mimeType":
        return lambda drive, file: file.mime.startswith(value)
    words = value.casefold().split()
    if field == "name":  # the beginnings of words
        return lambda drive, file: all(
            any(part.startswith(word) for part in re.split(r"[\W_]+", file.name.casefold()))
            or file.name.casefold().startswith(value.casefold())
            for word in words
        )
    return lambda drive, file: all(word in f"{file.name} {file.text}".casefold() for word in words)
