"""The records that an import accepts: what a source may say, and what of it is believed.

Ids are strings whatever the source sends (ids of some universities exceed what a JSON number can hold), times come
out in UTC, texts without what no database stores, addresses only where a browser may follow them, and keys
that we do not know are ignored. A record that cannot be read is reported, and the others are imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

MAX_TEXT = 2_000_000


def _printable(value: str) -> str:
    """Make a text storable: half a surrogate pair and NUL are legal in JSON and in no database."""
    return value.encode("utf-8", "replace").decode().replace("\x00", "")


def as_text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return _printable(value).strip()
    return value


def as_digest(value: Any) -> Any:
    """Take a blob as its digest or as the object that a step's result has in its place."""
    return as_text(value.get("blob") if isinstance(value, dict) else value)


def as_list(value: Any) -> Any:
    return [] if value is None else value


def _false(value: Any) -> Any:
    return False if value is None else value


def as_zero(value: Any) -> Any:
    return 0 if value is None else value


def as_utc(value: datetime) -> datetime:
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if not 1970 <= value.year <= 2200:
        raise ValueError("the year is not between 1970 and 2200")
    return value.astimezone(UTC)


def _time(value: Any) -> Any:
    if value == "":
        return None
    if isinstance(value, (int, float)):
        raise ValueError("a time is written as 2026-11-23T17:00:00Z")
    return value


def _web_address(value: str) -> str:
    """Keep only what a link may point to: a script in the place of an address is dropped, not stored."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme in ("http", "https") and parts.netloc and len(value) <= 2000 else ""


def cut(length: int) -> Callable[[str], str]:
    return lambda value: value[:length]


Id = Annotated[str, BeforeValidator(as_text), Field(min_length=1, max_length=200)]
OptionalId = Annotated[str, BeforeValidator(as_text), Field(max_length=200)]
Name = Annotated[str, BeforeValidator(as_text), Field(min_length=1), AfterValidator(cut(255))]
Short = Annotated[str, BeforeValidator(as_text), AfterValidator(cut(255))]
Word = Annotated[str, BeforeValidator(as_text), AfterValidator(cut(64))]
LongText = Annotated[str, BeforeValidator(as_text), Field(max_length=MAX_TEXT)]
Time = Annotated[Annotated[datetime, AfterValidator(as_utc)] | None, BeforeValidator(_time)]
Address = Annotated[str, BeforeValidator(as_text), AfterValidator(_web_address)]
Number = Annotated[float, Field(allow_inf_nan=False)] | None
Flag = Annotated[bool, BeforeValidator(_false)]
Count = Annotated[int, BeforeValidator(as_zero), Field(ge=0, le=2_000_000_000)]
SmallCount = Annotated[int, BeforeValidator(as_zero), Field(ge=0, le=32_000)]
Names = Annotated[list[Short], BeforeValidator(as_list), Field(max_length=200)]
Words = Annotated[list[Word], BeforeValidator(as_list), Field(max_length=100)]


class Record(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, frozen=True)

    id: Id


@dataclass(frozen=True)
class Problem:
    """One record that was left out, with the reason in words."""

    index: int
    id: str
    name: str
    reason: str

    def as_json(self) -> dict[str, Any]:
        return {"index": self.index, "id": self.id, "name": self.name, "reason": self.reason}


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Batch(Generic[R]):
    """What could be read, what could not, and every id that the source named, readable or not."""

    records: list[R]
    problems: list[Problem]
    named_ids: set[str]


def read_batch(kind: type[R], raw: list[Any]) -> Batch[R]:
    """Read a list of raw records. The later of two with one id wins, as the source's later word."""
    records: dict[str, R] = {}
    problems: list[Problem] = []
    named: set[str] = set()
    for index, item in enumerate(raw):
        identity = _identity(item)
        if identity:
            named.add(identity)
        try:
            record = kind.model_validate(item)
        except ValidationError as error:
            name = _printable(str(item.get("name") or item.get("title") or ""))[:255] if isinstance(item, dict) else ""
            problems.append(Problem(index, identity, name, _reason(error, item)))
            continue
        if record.id in records:
            problems.append(Problem(index, record.id, "", f"id {record.id} is given twice; the later one was taken"))
        records[record.id] = record
    return Batch(list(records.values()), problems, named)


def _identity(item: Any) -> str:
    value = item.get("id") if isinstance(item, dict) else None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return _printable(str(value)).strip()[:200]


def _reason(error: ValidationError, item: Any) -> str:
    if not isinstance(item, dict):
        return f"a record is an object, this is {type(item).__name__}"
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "record"
    return f"{place}: {first['msg']}"
