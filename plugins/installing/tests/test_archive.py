"""Archives: what is unpacked, and that nothing a stranger packs gets out of its folder or fills the disk."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import struct
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from plugins.installing.archive import BOUNDS, Bounds, copy_folder, unpack
from plugins.installing.tests.conftest import PROGRAM, plugin_files, tarball, zipped

GOOD = plugin_files()
SMALL = replace(BOUNDS, archive_bytes=2**20, unpacked_bytes=3 * 2**20, file_bytes=2**20, entries=20)


def opened(tmp_path: Path, content: bytes, bounds: Bounds = SMALL) -> Path:
    archive, target = tmp_path / "archive", tmp_path / "target"
    archive.write_bytes(content)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    return unpack(archive, target, bounds)


def refusal_of(tmp_path: Path, content: bytes, bounds: Bounds = SMALL) -> str:
    before = set(tmp_path.rglob("*"))
    with pytest.raises(ValidationError) as refusal:
        opened(tmp_path, content, bounds)
    written = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(tmp_path / "target") or path.name in {"archive", "target"} for path in written)
    assert not any(path.is_symlink() for path in written)
    return str(refusal.value.message_dict["archive"][0])


@pytest.mark.parametrize("packed", [tarball, zipped])
@pytest.mark.parametrize("around", ["", "paper-box/", "./"])
def test_a_plugin_is_unpacked_with_or_without_a_folder_around_it(tmp_path: Path, packed: Any, around: str) -> None:
    root = opened(tmp_path, packed({f"{around}{name}": text for name, text in GOOD.items()}))

    assert (root / "plugin.py").read_text() == PROGRAM
    assert {path.name for path in root.iterdir()} == {"plugin-manifest.yaml", "plugin.py"}
    assert (root / "plugin.py").stat().st_mode & 0o777 == 0o644


def test_what_tools_leave_behind_is_left_out(tmp_path: Path) -> None:
    litter = {"__MACOSX/x": "", ".git/config": "", "__pycache__/plugin.pyc": "", "a.pyc": "", ".DS_Store": ""}

    root = opened(tmp_path, tarball({**litter, **GOOD}))

    assert sorted(path.name for path in root.rglob("*")) == ["plugin-manifest.yaml", "plugin.py"]


NAMES = [
    "../evil.py",
    "a/../../evil.py",
    "/etc/evil",
    "..\\evil.py",
    "C:evil",
    "a\x1b[31m",
    "a/b/c/d/e/f/g/h/i/j/k/l/m",
    "x" * 300,
    "cafe\u0301.py",
    "\u202egpj.py",
    "a /b",
    "a./b",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("packed", [tarball, zipped])
def test_a_name_that_could_mislead_is_refused(tmp_path: Path, packed: Any, name: str) -> None:
    assert "“" in refusal_of(tmp_path, packed({**GOOD, name: "x"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    entry = tarfile.TarInfo("lib")
    entry.type, entry.linkname = kind, "/etc"

    assert "link or a device" in refusal_of(tmp_path, tarball({"lib": entry, "lib/evil": "x", **GOOD}))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("lib")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc")

    assert "link or a device" in refusal_of(tmp_path, packed.getvalue())


@pytest.mark.parametrize("second", ["plugin.py", "Plugin.PY", "./plugin.py", "plugin.py/x"])
def test_one_name_has_one_content(tmp_path: Path, second: str) -> None:
    assert refusal_of(tmp_path, tarball({**GOOD, second: "x"}) if second != "plugin.py" else _twice())


def _twice() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("plugin.py"))
    return packed.getvalue()


def test_bombs_are_ended_while_they_go_off(tmp_path: Path) -> None:
    tight = {**GOOD, "zeros": b"\0" * (900 * 1024), "more": b"\0" * (900 * 1024)}
    loose = {**GOOD, **{str(number): random.Random(number).randbytes(700 * 1024) for number in range(6)}}
    roomy = replace(SMALL, archive_bytes=2**30)

    assert "over 100 times its size" in refusal_of(tmp_path, tarball(tight))
    assert "over 100 times its size" in refusal_of(tmp_path, zipped(tight))
    assert "Unpacked, this is larger than 3 MiB" in refusal_of(tmp_path, tarball(loose), roomy)
    assert "Unpacked, this is larger than 3 MiB" in refusal_of(tmp_path, zipped(loose), roomy)
    assert "The archive is larger than 1 MiB" in refusal_of(tmp_path, tarball(loose))


def test_a_bomb_in_a_header_is_ended_too(tmp_path: Path) -> None:
    header = tarfile.TarInfo("name")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 50 * 2**20

    assert "larger than 3 MiB" in refusal_of(tmp_path, gzip.compress(header.tobuf() + b"a" * header.size))


def test_a_header_that_promises_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped({**GOOD, "big": b"abc" * 500_000}))
    place = content.rfind(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 3)

    assert refusal_of(tmp_path, bytes(content))


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    many = {f"f{number}": "" for number in range(30)}

    assert "more than 20 files" in refusal_of(tmp_path, tarball(many))
    assert "more than 20 files" in refusal_of(tmp_path, zipped(many))
    assert "larger than 1 MiB" in refusal_of(
        tmp_path, tarball({"big": random.Random(1).randbytes(1100 * 1024)}), replace(SMALL, archive_bytes=2**24)
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "neither"),
        (b"MZ\x90", "neither"),
        (b"\x1f\x8b\x08\x00garbage", "damaged"),
        (b"PK\x03\x04garbage", "damaged"),
        (tarball(GOOD)[:60], "damaged"),
        (zipped(GOOD)[:-30], "damaged"),
        (tarball({"readme": "x"}), "There is no plugin-manifest.yaml"),
        (tarball({"a/plugin-manifest.yaml": "x", "b/x": ""}), "There is no plugin-manifest.yaml"),
    ],
    ids=["empty", "program", "half tar", "half zip", "cut tar", "cut zip", "no manifest", "manifest in a folder"],
)
def test_what_is_no_plugin_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal_of(tmp_path, content)


def test_random_damage_never_raises_anything_else(tmp_path: Path) -> None:
    chance = random.Random(4)
    for number in range(150):
        content = bytearray((tarball if number % 2 else zipped)(GOOD))
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            opened(folder, bytes(content))
        except ValidationError as refusal:
            assert refusal.message_dict["archive"]


def test_a_folder_is_copied_under_the_same_rules(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    for name, text in GOOD.items():
        (source / name).write_text(text)

    assert (copy_folder(source, target) / "plugin.py").read_text() == PROGRAM

    (source / "passwords").symlink_to("/etc/passwd")
    with pytest.raises(ValidationError, match="link or a device"):
        copy_folder(source, tmp_path / "other")
