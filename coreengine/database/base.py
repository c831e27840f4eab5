"""The backend: all of Django's, but for the reading of moments.

Django reads each `timestamptz` in Python, 7 microseconds each: for a page with a thousand deadlines that is more than
its query. Connections here speak UTC, for which psycopg's own C reader gives the same values at a tenth of that.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.db.backends.postgresql import base
from psycopg.types.datetime import TimestamptzLoader

_OID = base.TIMESTAMPTZ_OID


class DatabaseWrapper(base.DatabaseWrapper):
    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor as Django makes it; where the connection is told another zone than UTC, unchanged."""
        cursor = super().create_cursor(name)
        if self.timezone is UTC:
            cursor.adapters.register_loader(_OID, TimestamptzLoader)
        return cursor
