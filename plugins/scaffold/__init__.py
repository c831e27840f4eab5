"""Writes a new plugin that works: manifest, program, tests with recorded answers, a workflow that syncs."""

from __future__ import annotations

from pathlib import Path
from string import Template

from django.core.exceptions import ValidationError

from plugins.formats import FORMATS
from plugins.manifest import parse_manifest
from plugins.registry import MANIFEST_NAME

TEMPLATES = Path(__file__).parent
ROOT = TEMPLATES.parent.parent
SUFFIX = ".txt"
"""Keeps linters and test runners of this project away from what belongs to the new one."""
TESTS = "_tests"
"""Becomes `tests`; container images leave folders of that name out."""


def write_plugin(name: str, parent: Path) -> list[Path]:
    """Write the folder `name` into `parent` and return its files.

    Raises:
        ValidationError: the name is not one, or the folder holds something already.
    """
    is_name, words = FORMATS["plugin-name"]
    if not is_name(name):
        raise ValidationError({"name": f"“{name}” {words}."})
    folder = parent / name
    if folder.exists() and any(folder.iterdir()):
        raise ValidationError({"directory": f"{folder} is there already and is not empty."})
    title = name.removesuffix("-integration").replace("-", " ").title()
    written = []
    for template in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
        place = template.relative_to(TEMPLATES).with_name(template.name.removesuffix(SUFFIX))
        file = folder / Path(*("tests" if part == TESTS else part for part in place.parts))
        file.parent.mkdir(parents=True, exist_ok=True)
        text = Template(template.read_text(encoding="utf-8"))
        file.write_text(text.substitute(name=name, title=title, root=ROOT), encoding="utf-8")
        written.append(file)
    parse_manifest((folder / MANIFEST_NAME).read_bytes(), source=str(folder / MANIFEST_NAME))
    return written
