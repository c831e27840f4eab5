"""The one clock that decides: that of the database. Workers' clocks may be wrong by minutes."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """Return the time by the database, of this very moment rather than of the transaction's beginning."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now
