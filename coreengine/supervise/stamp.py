"""Telling whether the database was already prepared for exactly this code.

`manage.py prepare` boots all of Django to find out that nothing is pending, which is a fifth of a whole
start. So it leaves a stamp *in* the database (its comment), where it goes with the data: a new, restored or
replaced database has none, and is prepared before anything starts.
"""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "Core Engine, prepared for "


def of_code(environment: str) -> str:
    """A digest of everything that the shape of the database follows from."""
    digest = hashlib.sha256(environment.encode())
    migrations = [path for path in ROOT.glob("**/migrations/*.py") if not _foreign(path)]
    for path in sorted([*migrations, ROOT / "requirements.txt", ROOT / "constraints.txt"]):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def of_database(address: str) -> str:
    """The stamp that the database carries, or nothing. Never an error: then everything is prepared anew."""
    import psycopg

    question = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    try:
        with psycopg.connect(address, connect_timeout=5) as connection:
            row = connection.execute(question).fetchone()
    except psycopg.Error:
        return ""
    comment = row[0] if row and row[0] else ""
    return comment.removeprefix(PREFIX) if comment.startswith(PREFIX) else ""


def _foreign(path: Path) -> bool:
    return path.relative_to(ROOT).parts[0] in {".venv", "var"} or ".var-test" in path.parts
