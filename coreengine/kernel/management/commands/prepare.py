"""Bring the database and the static files up to date before the processes start."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    help = "Migrate if something is pending, make the demo accounts in development, collect static files outside it."

    def handle(self, *args: Any, **options: Any) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
        if settings.DEMO_ACCOUNTS:
            call_command("seed_demo", stdout=self.stdout if options["verbosity"] > 1 else _Silence())
        elif not settings.DEBUG:
            call_command("collectstatic", interactive=False, verbosity=0)


class _Silence:
    """An output that nobody reads: `script/server` prints the accounts itself."""

    def write(self, text: str) -> int:
        return len(text)
