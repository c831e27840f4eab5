"""PostgreSQL and Redis of this checkout, for machines that have none."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Addresses:
    """Where the embedded servers listen."""

    database_url: str
    redis_url: str


def addresses_for_process(var: Path, *, need_database: bool, need_redis: bool) -> Addresses:
    """Join this checkout's running servers, or start them for this process's duration."""
    raise SystemExit("Core Engine cannot start: DATABASE_URL and REDIS_URL are not set. See .env.example.")
