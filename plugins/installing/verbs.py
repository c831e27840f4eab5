"""What `manage.py plugins` can do to what is installed; a mixin of the command."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from coreengine.kernel.errors import DomainError
from plugins.installing import services
from plugins.installing.building import build, remove_images
from plugins.installing.models import InstalledPlugin, PluginVersion
from plugins.installing.nearness import near_names
from plugins.installing.permissions import Permission, consent_key, grouped
from plugins.installing.schedules import align


class InstallVerbs:
    """install | enable | disable | rollback | uninstall. What they ask can be answered beforehand with --yes."""

    stdout: Any

    def add_install_verbs(self, verbs: Any) -> None:
        """Declare the verbs."""
        install: ArgumentParser = verbs.add_parser("install", help="install or upgrade from an archive or a folder")
        install.add_argument("path", type=Path, help="a .tar.gz or .zip, or a plugin's folder")
        install.add_argument("--checksum", default="", help="the SHA-256 that the archive must have")
        install.add_argument("--signature", type=Path, help="a file with an Ed25519 signature of the archive")
        install.add_argument("--yes", action="store_true", help="consent to what it asks for")
        install.add_argument("--full-network", action="store_true", help="consent to any host, beside --yes")
        for verb, words in (("disable", "switch a plugin off: calls are refused"), ("enable", "switch it on again")):
            verbs.add_parser(verb, help=words).add_argument("name")
        rollback: ArgumentParser = verbs.add_parser("rollback", help="let an earlier version run again")
        rollback.add_argument("name")
        rollback.add_argument("version", nargs="?", default="", help="the one before the current one if left out")
        rollback.add_argument("--yes", action="store_true", help="consent to what it asks for beyond the current one")
        rollback.add_argument("--full-network", action="store_true", help="consent to any host, beside --yes")
        uninstall: ArgumentParser = verbs.add_parser("uninstall", help="remove an installed plugin for good")
        uninstall.add_argument("name")
        uninstall.add_argument("--yes", action="store_true", help="do not ask for the name to be typed")

    def _install(
        self, path: Path, checksum: str, signature: Path | None, yes: bool, full_network: bool, **_: Any
    ) -> None:
        with _in_words():
            try:
                signed = signature.read_bytes() if signature else b""
                version = services.propose(path, by=None, checksum=checksum, signature=signed)
            except OSError as error:
                raise CommandError(f"{error.filename or path} cannot be read: {error.strerror}.") from error
            self.stdout.write(f"{version}  sha256 {version.sha256}")
            self.stdout.write(f"signed by {version.signed_by}" if version.signed_by else "unsigned")
            for other in near_names(version.name):
                self.stdout.write(f"Careful: its name is close to {other}, which is here already.")
            self._consent(version, yes, full_network)

    def _enable(self, name: str, **_: Any) -> None:
        with _in_words():
            services.set_enabled(name, True, by=None)
        align(name)
        self.stdout.write(f"{name} is on.")

    def _disable(self, name: str, **_: Any) -> None:
        with _in_words():
            services.set_enabled(name, False, by=None)
        align(name)
        self.stdout.write(f"{name} is off: calls are refused, schedules rest, connections are kept.")

    def _rollback(self, name: str, version: str, yes: bool, full_network: bool, **_: Any) -> None:
        kept = PluginVersion.objects.of(name).installed()
        installed = InstalledPlugin.objects.filter(name=name).first()
        others = [item for item in kept if installed is None or item.pk != installed.current_id]
        wanted = next((item for item in others if not version or item.version == version), None)
        if wanted is None:
            known = ", ".join(item.version for item in others) or "none"
            raise CommandError(f"There is no such version of {name} to go back to; kept: {known}.")
        with _in_words():
            self._consent(wanted, yes, full_network)

    def _uninstall(self, name: str, yes: bool, **_: Any) -> None:
        going = services.removal_of(name)
        self.stdout.write(
            f"This removes {going.version_count} versions of {name}, {going.connection_count} connections of "
            f"{going.student_count} students with their tokens and {going.stored_count} stored values, and the record "
            f"of {going.call_count} calls. What it brought in stays."
        )
        typed = name if yes else input(f"Type {name} to confirm: ")
        with _in_words():
            services.uninstall(name, typed_name=typed, by=None)
        remove_images(name)
        self.stdout.write(f"{name} is uninstalled.")

    def _consent(self, version: PluginVersion, yes: bool, full_network: bool) -> None:
        """Show what a version asks for, get the yes, install it and build its image here."""
        installed = InstalledPlugin.objects.select_related("current").filter(name=version.name).first()
        before = installed.current if installed else None
        change = services.change_to(version, before)
        wanted = services.permissions_at(version)
        self._tell("It newly asks for" if before else "", change.added)
        if before is not None:
            self._tell("It no longer asks for", change.removed)
            self.stdout.write(f"Version {before.version} becomes {version.version}.")
        if change.grows and not yes and input("Consent to all of it? [y/N] ").strip().lower() != "y":
            raise CommandError("Nothing was installed. The proposal is kept for a day.")
        if change.opens_network and not full_network:
            answer = "" if yes else input("It may then reach any host on the internet. Is that so wanted? [y/N] ")
            full_network = answer.strip().lower() == "y"
        services.install(version, by=None, consent=consent_key(wanted), full_network=full_network)
        done = build(version.pk, lambda line: self.stdout.write(f"    {line}"))
        align(version.name)
        state = PluginVersion.objects.get(pk=version.pk) if done is None else done
        if state.image_state == PluginVersion.Image.FAILED:
            raise CommandError(f"{version} is installed, but its image could not be built; see above.")
        self.stdout.write(f"{version} is installed.")

    def _tell(self, heading: str, permissions: tuple[Permission, ...]) -> None:
        if heading and permissions:
            self.stdout.write(f"{heading}:")
        for group in grouped(permissions):
            self.stdout.write(group.title)
            for item in [*group.items, *group.hosts]:
                self.stdout.write(f"  - {item.words}")


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn what a service refuses into the command's own error."""
    try:
        yield
    except ValidationError as error:
        raise CommandError("\n".join(error.messages)) from error
    except DomainError as error:
        raise CommandError(str(error)) from error
