"""The university itself: its semester as of now, its store, its throttle, its faults."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from .faults import Faults, apply_change
from .semester import Semester, build_semester
from .semester.build import ZONE
from .store import Store, Token
from .throttle import Throttle

DOMAIN = "demo.university.edu"
KEEP_ANCHOR_DAYS = 28
"""After so many days the term is set back into its ninth week, so that there is always work ahead."""


@dataclass
class Options:
    port: int = 0
    host: str = "127.0.0.1"
    var: Path | None = None
    today: date | None = None
    """Hold the calendar at this day; None follows the real one."""
    public_url: str = ""
    """Where a browser reaches this server; links for people lead there."""
    allow_faults: bool = False
    high_water: float = 600.0
    throttle_status: int = 403
    redirect_hosts: list[str] = field(default_factory=list)


class University:
    def __init__(self, options: Options, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.options, self.clock = options, clock
        self.store = Store(options.var)
        self.throttle = Throttle(options.high_water)
        self.faults = Faults()
        self.changes: list[dict[str, Any]] = []
        self.nicknames: dict[int, str] = {}
        self.colors: dict[str, str] = {}
        self.requests: deque[dict[str, Any]] = deque(maxlen=5000 if options.allow_faults else 0)
        self.codes: dict[str, dict[str, Any]] = {}
        self.shown_once: dict[str, tuple[str, Token]] = {}
        self.public_url = options.public_url.rstrip("/")
        self._semester: Semester | None = None

    @property
    def today(self) -> date:
        return self.options.today or self.clock().astimezone(ZONE).date()

    @property
    def now(self) -> datetime:
        """The present; with a fixed day, noon of it."""
        if self.options.today:
            return datetime.combine(self.options.today, datetime.min.time(), ZONE).replace(hour=12).astimezone(UTC)
        return self.clock()

    @property
    def semester(self) -> Semester:
        """The semester as of today, with every change made to it; the same object for the whole day."""
        today = self.today
        if self._semester is None or self._semester.today != today:
            anchor = self.options.today or self.store.anchor(today, keep_days=KEEP_ANCHOR_DAYS)
            self._semester = build_semester(today, anchor)
            for change in self.changes:
                apply_change(self._semester, change)
        return self._semester

    def change(self, change: dict[str, Any]) -> None:
        """Make a teacher's change; it is kept, and made again on each new day's semester."""
        change = {"at": self.now.replace(microsecond=0).isoformat()} | change
        apply_change(self.semester, change)
        self.changes.append(change)

    def reset(self) -> None:
        """No faults, no changes, no record of requests: the university as it was bundled."""
        self.faults, self.changes, self._semester = Faults(), [], None
        self.nicknames.clear()
        self.colors.clear()
        self.store.drop_overrides()
        self.requests.clear()

    @property
    def feed_name(self) -> str:
        """The secret part of the address of the student's calendar feed."""
        return f"user_{self.sign('feed')}"

    def sign(self, *parts: object) -> str:
        """40 characters that only this university can make for these parts."""
        message = "\x1f".join(str(part) for part in parts).encode()
        return hmac.new(self.store.key, message, hashlib.sha256).hexdigest()[:40]

    def is_signed(self, signature: str, *parts: object) -> bool:
        return hmac.compare_digest(signature.encode(), self.sign(*parts).encode())
