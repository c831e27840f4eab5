"""Bring the database and the static files up to date before the processes start."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql


class Command(BaseCommand):
    help = "Migrate if something is pending, make the demo accounts in development, collect static files outside it."
    requires_system_checks = []  # half a second of every start; the tests run them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stamp", default="", help="a remark to leave with the database once it is prepared")

    def handle(self, *args: Any, **options: Any) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
        if settings.DEMO_ACCOUNTS:
            call_command("seed_demo", stdout=self.stdout if options["verbosity"] > 1 else _Silence())
        elif not settings.DEBUG and not _is_part_of_the_image(Path(settings.STATIC_ROOT)):
            call_command("collectstatic", interactive=False, verbosity=0)
        if options["stamp"]:
            self._leave(options["stamp"])

    def _leave(self, stamp: str) -> None:
        """Only the owner of a database may comment on it; where we are not, the next start prepares again."""
        try:
            with connection.cursor() as cursor:
                statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
                name = sql.Identifier(connection.settings_dict["NAME"])
                cursor.execute(statement.format(name, sql.Literal(stamp)))
        except DatabaseError as error:
            self.stderr.write(f"The database keeps no stamp: {error}")


def _is_part_of_the_image(folder: Path) -> bool:
    """The container image brings its static files along, where its user cannot write."""
    return (folder / "staticfiles.json").exists() and not os.access(folder, os.W_OK)


class _Silence:
    """An output that nobody reads: `script/server` prints the accounts itself."""

    def write(self, text: str) -> int:
        return len(text)
