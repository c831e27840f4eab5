"""The file that finished executions are kept in: gzipped JSON Lines, which can be verified without a database.

The first line says what it is; then come versions, executions, steps, loop items, whatever else refers to an
execution, and its events; the last line counts the lines of each kind and has the SHA-256 of all lines before it.
Rows are as PostgreSQL's `to_jsonb` gives them, so a new column is in the next archive without further ado. The data
of an event is kept as the text that its digest was taken of: whoever has the file can follow the hash chain.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import IO, Any

FORMAT = 1
FLUSH_BYTES = 256 * 1024

Line = dict[str, Any]


class ArchiveDamaged(Exception):
    """The file is not what was written; the message says where it shows."""


def pack(lines: Iterable[Line]) -> Iterator[bytes]:
    """Write lines and the one that counts them, compressed, piece by piece."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    digest, counts = sha256(), Counter[str]()
    kept = b""
    for line in lines:
        text = _text(line)
        digest.update(text)
        counts[line["kind"]] += 1
        kept += packer.compress(text)
        if len(kept) >= FLUSH_BYTES:
            yield kept
            kept = b""
    end = _text({"kind": "end", "counts": dict(counts), "sha256": digest.hexdigest()})
    yield kept + packer.compress(end) + packer.flush()


def _text(line: Line) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@dataclass
class Verified:
    """What a file that passed every test holds."""

    header: Line = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    ends: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Execution → how many events it has, and the last hash of their chain."""


def unpack(file: IO[bytes]) -> Iterator[Line]:
    """The lines of a file, all but the last, one at a time. Raises `ArchiveDamaged` where something is wrong."""
    digest, counts = sha256(), Counter[str]()
    ended = False
    try:
        with gzip.open(file, "rb") as lines:
            for number, text in enumerate(lines, 1):
                line = json.loads(text)
                if ended:
                    raise ArchiveDamaged(f"Line {number} comes after the end.")
                if number == 1 and (line.get("kind"), line.get("format")) != ("archive", FORMAT):
                    raise ArchiveDamaged("This is not an archive of executions in a format that is known here.")
                if line["kind"] == "end":
                    ended = True
                    if line["sha256"] != digest.hexdigest() or line["counts"] != dict(counts):
                        raise ArchiveDamaged("The lines are not those that were counted and digested at its making.")
                    continue
                digest.update(text)
                counts[line["kind"]] += 1
                yield line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ArchiveDamaged(f"The file cannot be read: {error}.") from error
    if not ended:
        raise ArchiveDamaged("The file ends before its last line.")


def verify(file: IO[bytes]) -> Verified:
    """Read a whole file and test its counts, its digest and the hash chain of every log in it.

    Raises:
        ArchiveDamaged: with the first fault.
    """
    found, counts = Verified(), Counter[str]()
    for line in unpack(file):
        counts[line["kind"]] += 1
        if line["kind"] == "archive":
            found.header = line
        elif line["kind"] == "event":
            number = line["execution"]
            found.ends[number] = _follow(line, *found.ends.get(number, (0, "")))
    found.counts = dict(counts)
    missing = set(found.header.get("executions", ())) ^ set(found.ends)
    if missing:
        raise ArchiveDamaged(f"The logs do not belong to the executions: {sorted(missing)}.")
    return found


def _follow(event: Line, count: int, previous: str) -> tuple[int, str]:
    """Test that an event follows from the one before, as the database's own function chains them."""
    place = f"Event {event['sequence']} of execution {event['execution']}"
    if event["sequence"] != count + 1:
        raise ArchiveDamaged(f"{place} follows event {count}.")
    if event["salt"] and sha256((event["salt"] + event["data"]).encode()).hexdigest() != event["data_digest"]:
        raise ArchiveDamaged(f"{place} has other data than its digest was taken of.")
    parts = (previous, event["subject_type"], str(event["execution"]), str(event["sequence"]), event["type"])
    if sha256("|".join((*parts, event["data_digest"])).encode()).hexdigest() != event["hash"]:
        raise ArchiveDamaged(f"{place} does not follow from the one before: its hash is another.")
    return event["sequence"], event["hash"]
