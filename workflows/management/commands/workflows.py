"""`manage.py workflows`: what an admin does with executions from the command line."""

from __future__ import annotations

import argparse
import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive, make_aware

from coreengine.kernel.blobs import open_blob
from workflows.archive import archive_due
from workflows.archive_file import ArchiveDamaged, unpack, verify
from workflows.archive_words import in_words
from workflows.models import Execution, ExecutionArchive
from workflows.rebuild import Comparison, compare, rebuilt

LINES_OF_ONE = 20


class Command(BaseCommand):
    """Prove that the log tells what the tables say; archive what is long over, and read it again."""

    help = "Rebuild executions from their log and compare; archive old ones, and read archives."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        rebuild = commands.add_parser("rebuild", help="fold the log of every execution and compare it with the rows")
        rebuild.add_argument("--check", action="store_true", help="say what differs; exit code 1 when anything does")
        rebuild.add_argument("--since", type=_moment, help="only what was created then or later: 2026-11-22[T10:00]")
        rebuild.add_argument("--execution", type=int, help="only this one; without --check it is printed as JSON")
        rebuild.add_argument("--owner", help="only those of the student with this e-mail address")

        archive = commands.add_parser("archive", help="move executions that ended long ago into archive files")
        archive.add_argument("--older-than", type=int, metavar="DAYS", help="by default EXECUTION_RETENTION_DAYS")
        archive.add_argument("--dry-run", action="store_true", help="only say how much would be archived")
        archived = commands.add_parser("archived", help="verify an archive file and say in words what is in it")
        archived.add_argument("file", metavar="FILE", help="a path, or the number of an archive")
        archived.add_argument("--execution", type=int, help="everything about this one")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['command']}")(options)

    # --- rebuild ----------------------------------------------------------------------------------------

    def _rebuild(self, options: dict[str, Any]) -> None:
        executions = self._chosen(options)
        if options["check"]:
            self._check(executions)
        elif options["execution"] is not None:
            fold = rebuilt(executions.get())
            steps = [asdict(step) for step in sorted(fold.steps.values(), key=lambda step: (step.position, step.path))]
            told = {"execution": asdict(fold.execution), "steps": steps, "faults": fold.faults}
            self.stdout.write(json.dumps(told, indent=2, default=str, ensure_ascii=False))
        else:
            raise CommandError("Say --check, or --execution ID to see one execution as its log tells it.")

    def _check(self, executions: QuerySet[Execution]) -> None:
        total = Comparison()
        for number, found in compare(executions, total):
            self.stdout.write(f"execution {number}:")
            for line in found[:LINES_OF_ONE]:
                self.stdout.write(f"  {line}")
            if len(found) > LINES_OF_ONE:
                self.stdout.write(f"  … and {len(found) - LINES_OF_ONE:,} more")
        self.stdout.write(total.words)
        if total.differing:
            raise CommandError("Rows and log disagree.", returncode=1)

    # --- archive ----------------------------------------------------------------------------------------

    def _archive(self, options: dict[str, Any]) -> None:
        days = options["older_than"]
        if (settings.WORKFLOWS["RETENTION_DAYS"] if days is None else days) <= 0:
            raise CommandError("Say --older-than DAYS (1 or more), or set EXECUTION_RETENTION_DAYS.")
        is_dry = options["dry_run"]
        done = archive_due(days=days, dry_run=is_dry, at_most_s=float("inf"))
        verb = "would go" if is_dry else "went"
        self.stdout.write(f"{done.executions:,} executions {verb} into {done.files:,} archive files")

    def _archived(self, options: dict[str, Any]) -> None:
        with _opened(options["file"]) as file:
            try:
                found = verify(file)
            except ArchiveDamaged as damage:
                raise CommandError(f"{options['file']} is damaged. {damage}", returncode=1) from None
            file.seek(0)
            for line in in_words(found, unpack(file), execution=options["execution"]):
                self.stdout.write(line)

    # --- choices ----------------------------------------------------------------------------------------

    def _chosen(self, options: dict[str, Any]) -> QuerySet[Execution]:
        executions = Execution.objects.all()
        if options["since"]:
            executions = executions.filter(created_at__gte=options["since"])
        if options["owner"]:
            executions = executions.filter(owner__email__iexact=options["owner"])
        if options["execution"] is not None:
            executions = executions.filter(pk=options["execution"])
            if not executions:
                raise CommandError(f"There is no execution {options['execution']}.")
        return executions


def _opened(name: str) -> IO[bytes]:
    """The file of this path, or of the archive with this number."""
    if name.isdecimal() and (archive := ExecutionArchive.objects.select_related("blob").filter(pk=int(name)).first()):
        return open_blob(archive.blob)
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise CommandError(f"There is no archive {name}: {error.strerror}.") from None


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - made aware below
    except ValueError:
        moment = None
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day or a time such as 2026-11-22T10:00")
    return make_aware(moment) if is_naive(moment) else moment
