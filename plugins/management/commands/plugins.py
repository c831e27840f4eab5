"""manage.py plugins new | list | check | build | install | enable | disable | rollback | uninstall | reap."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from plugins.errors import SandboxUnavailable
from plugins.faults import ManifestFaulty
from plugins.installing.verbs import InstallVerbs
from plugins.manifest import parse_manifest
from plugins.registry import MANIFEST_NAME, Plugin, all_plugins
from plugins.sandbox.choice import choose, docker_sandbox
from plugins.sandbox.docker import docker_client, engine_answers
from plugins.sandbox.images import BASE_IMAGE, build_image, image_name
from plugins.scaffold import write_plugin


class Command(InstallVerbs, BaseCommand):
    """Everything about plugins that an operator does on the command line."""

    help = "List, check, build, install, switch on and off, roll back and uninstall plugins; remove dead containers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        new = verbs.add_parser("new", help="write a new plugin that works, with tests and a workflow")
        new.add_argument("name", help="lower-case words with hyphens, such as campus-weather")
        new.add_argument("--directory", type=Path, default=Path(), help="where its folder is made; here if left out")
        verbs.add_parser("list", help="versions, faults, images and sandboxes")
        check = verbs.add_parser("check", help="validate manifests; exit code 1 if one is faulty")
        check.add_argument("paths", nargs="*", type=Path, help="manifest files or plugin folders; all if none")
        build = verbs.add_parser("build", help="make the container images, offline, from the local base image")
        build.add_argument("names", nargs="*", help="plugins; all if none")
        build.add_argument("--force", action="store_true", help="build again even if the image exists")
        self.add_install_verbs(verbs)
        verbs.add_parser("reap", help="remove containers whose owner is gone")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        """Run one verb."""
        getattr(self, f"_{verb}")(**options)

    def _new(self, name: str, directory: Path, **_: Any) -> None:
        try:
            files = write_plugin(name, directory)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from error
        folder = (directory / name).resolve()
        self.stdout.write(f"{len(files)} files written to {folder}. Now:")
        self.stdout.write(f"    cd {folder} && pytest")
        self.stdout.write(f"    manage.py plugins check {folder}")
        self.stdout.write(f"    manage.py plugins install {folder}")

    def _list(self, **_: Any) -> None:
        for plugin in all_plugins():
            if plugin.manifest is None:
                self.stdout.write(f"{plugin.name}  faulty  {plugin.folder}")
                for fault in plugin.faults:
                    self.stdout.write(f"    {fault}")
                continue
            if not plugin.is_enabled:
                self.stdout.write(f"{plugin.name}  {plugin.manifest.version}  switched off")
                continue
            try:
                sandbox, why = choose(plugin, build=False)
                where = f"{sandbox.name} ({why})" if why else sandbox.name
            except SandboxUnavailable as error:
                where = f"cannot run: {error}"
            image = f"  {image_name(plugin)}" if where == "docker" else ""
            origin = "shipped" if plugin.is_shipped else "installed" if plugin.is_installed else str(plugin.folder)
            self.stdout.write(f"{plugin.name}  {plugin.manifest.version}  {origin}  sandbox: {where}{image}")

    def _check(self, paths: list[Path], **_: Any) -> None:
        faulty = 0
        checked: list[tuple[str, tuple[Any, ...]]] = []
        if paths:
            checked = [_check_file(path) for path in paths]
        else:
            checked = [(str(plugin.folder / MANIFEST_NAME), plugin.faults) for plugin in all_plugins()]
        for name, faults in checked:
            self.stdout.write(f"{name}: {'good' if not faults else f'{len(faults)} faults'}")
            for fault in faults:
                self.stdout.write(f"    {fault}")
            faulty += bool(faults)
        if faulty:
            raise CommandError(f"{faulty} of {len(checked)} manifests are faulty.", returncode=1)

    def _build(self, names: list[str], force: bool, **_: Any) -> None:
        from docker.errors import DockerException, ImageNotFound

        if not engine_answers():
            raise CommandError("The Docker engine does not answer. Start it, then build again.")
        client = docker_client()
        try:
            client.images.get(BASE_IMAGE)
        except ImageNotFound as error:
            raise CommandError(f"The base image {BASE_IMAGE} is missing; script/base-image makes it.") from error
        wanted = _named(names)
        for plugin in wanted:
            name = image_name(plugin)
            try:
                client.images.get(name)
                if not force:
                    self.stdout.write(f"{name} is there.")
                    continue
            except ImageNotFound:
                pass
            try:
                build_image(client, plugin)
            except DockerException as error:
                raise CommandError(f"The image of {plugin.name} could not be built: {error}") from error
            self.stdout.write(f"{name} built.")

    def _reap(self, **_: Any) -> None:
        self.stdout.write(f"{docker_sandbox().reap()} abandoned containers removed.")


def _check_file(path: Path) -> tuple[str, tuple[Any, ...]]:
    file = path / MANIFEST_NAME if path.is_dir() else path
    try:
        parse_manifest(file.read_bytes(), source=str(file))
    except ManifestFaulty as error:
        return str(file), error.faults
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    return str(file), ()


def _named(names: list[str]) -> list[Plugin]:
    usable = {plugin.name: plugin for plugin in all_plugins() if plugin.is_usable}
    unknown = [name for name in names if name not in usable]
    if unknown:
        raise CommandError(f"There is no usable plugin {unknown[0]}; known: {', '.join(usable) or 'none'}.")
    return [usable[name] for name in names] if names else list(usable.values())
