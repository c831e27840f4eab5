"""The folders of a Drive: where a file lies, in names, with few and bounded questions."""

from __future__ import annotations

import zlib

from coreengine_sdk import Call, PluginError
from drive_api import ALL_DRIVES, LISTED, fetch, id_in, key_in, objects, pages, quoted, resource_keys, text
from drive_records import FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    JSON = dict[str, Any]

SHARDS = 5
SHARD_ENTRIES = 450
"""A value that is stored has at most 64 KiB."""
MAX_DEPTH = 30
MAX_LOOKUPS = 80
MAX_FOLDER_PAGES = 5
MAX_CHOSEN = 50
PENDING = "folders.pending"


class TooManyLookups(Exception):
    """More folders would have to be asked for than one action may; the next one goes on."""


class Tree:
    """Folders by id: name and parent. What earlier actions learnt is in the connection's storage."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.folders: dict[str, list[str]] = {}
        for shard in range(SHARDS):
            self.folders.update(call.storage.get(f"folders.{shard}") or {})
        self.learnt: dict[str, list[str]] = {}
        self._lookups = 0
        self._root = ""

    @property
    def root(self) -> str:
        """The id of My Drive; "" where the student has allowed Core Engine its own files only."""
        if not self._root:
            self._root = text(self._call.storage.get("root"))
        if not self._root:
            try:
                self._root = text(fetch(self._call, "/files/root", "My Drive", {"fields": "id"}).get("id"))
            except PluginError as error:
                if error.code != "not_found":
                    raise
                self._root = "root"
        return self._root

    def read_all(self) -> None:
        """Learn every folder with one list; beyond its bound single folders are asked for."""
        query = {
            **LISTED,
            **whose(self._call),
            "q": f"mimeType = {quoted(FOLDER)} and trashed = false",
            "fields": "nextPageToken,files(id,name,parents)",
            "pageSize": 1000,
        }
        self.folders.clear()
        for page in pages(self._call, "/files", "folders", query, most=MAX_FOLDER_PAGES):
            for raw in objects(page.get("files")):
                self.note(raw)
        if self._call.config.get("shared_drives") is True:
            for page in pages(self._call, "/drives", "shared drives", {"pageSize": 100}, most=3):
                for raw in objects(page.get("drives")):
                    self.folders[text(raw.get("id"))] = [text(raw.get("name")), ""]

    def note(self, raw: JSON) -> None:
        """Learn one folder."""
        entry = [text(raw.get("name")), next((text(parent) for parent in raw.get("parents") or ()), "")]
        identifier = text(raw.get("id"))
        if self.folders.get(identifier) != entry:
            self.folders[identifier] = self.learnt[identifier] = entry

    def way_to(self, identifier: str) -> list[tuple[str, str]]:
        """The folders from the top down to this one, each as (id, name). My Drive itself is not among them."""
        way: list[tuple[str, str]] = []
        while identifier and identifier != self.root and len(way) < MAX_DEPTH:
            if identifier not in self.folders:
                self._look_up(identifier)
            name, parent = self.folders[identifier]
            if any(known == identifier for known, _ in way):
                break
            way.append((identifier, name))
            identifier = parent
        return [entry for entry in reversed(way) if entry[1]]

    def path_to(self, identifier: str) -> str:
        """The names of the folders down to this one, with slashes between."""
        return "/".join(name.replace("/", "\u2215") for _, name in self.way_to(identifier))

    def is_within(self, identifier: str, chosen: set[str]) -> bool:
        """Whether a folder is one of these, or lies inside one."""
        if not identifier or not chosen:
            return False
        if identifier in chosen:
            return True
        ids = [known for known, _ in self.way_to(identifier)]
        # Whatever lies in My Drive has a way that begins there; what others share has not.
        top = self.folders[ids[0]][1] if ids else identifier
        return any(known in chosen for known in (*ids, top))

    def save(self) -> None:
        """Keep what is known for the next action."""
        shards: list[dict[str, list[str]]] = [{} for _ in range(SHARDS)]
        for identifier, entry in self.folders.items():
            shard = shards[zlib.crc32(identifier.encode()) % SHARDS]
            if len(shard) < SHARD_ENTRIES:
                shard[identifier] = [entry[0][:60], entry[1]]
        for number, shard in enumerate(shards):
            self._call.storage.set(f"folders.{number}", shard)
        if self._root:
            self._call.storage.set("root", self._root)

    def _look_up(self, identifier: str) -> None:
        if self._lookups >= MAX_LOOKUPS:
            raise TooManyLookups
        self._lookups += 1
        try:
            raw = fetch(
                self._call, f"/files/{identifier}", "a folder", {**ALL_DRIVES, "fields": "id,name,parents,driveId"}
            )
        except PluginError as error:
            if error.code not in ("not_found", "permission_denied"):
                raise
            raw = {"id": identifier, "name": ""}  # it is not shared with us; what lies inside begins its path here
        self.note({**raw, "id": identifier})


def whose(call: Call) -> JSON:
    """Whose files a list is about."""
    return {"corpora": "allDrives"} if call.config.get("shared_drives") is True else {"corpora": "user"}


def chosen_folders(call: Call, tree: Tree) -> tuple[list[str], list[str]]:
    """The folders that the settings name, by id, and in words what could not be found."""
    ids: dict[str, None] = {}
    problems: list[str] = []
    wishes = [part.strip() for part in text(call.config.get("folders")).replace("\n", ",").split(",") if part.strip()]
    for wish in wishes[:MAX_CHOSEN]:
        if wish.strip("/").casefold() in ("my drive", "root"):
            ids[tree.root] = None
            continue
        found = _by_address(call, tree, wish) if "/folders/" in wish or "id=" in wish else _by_path(call, tree, wish)
        if not found and id_in(wish):
            found = _by_address(call, tree, wish)
        if not found:
            problems.append(f"Your Drive has no folder “{wish[:80]}”. Check the connection's settings.")
        ids.update(dict.fromkeys(found))
    if len(wishes) > MAX_CHOSEN:
        problems.append(f"More than {MAX_CHOSEN} folders are chosen; the first {MAX_CHOSEN} are brought in.")
    return list(ids), problems


def _by_address(call: Call, tree: Tree, wish: str) -> list[str]:
    identifier = id_in(wish)
    try:
        raw = fetch(
            call,
            f"/files/{identifier}",
            "that folder",
            {**ALL_DRIVES, "fields": "id,name,parents,mimeType"},
            resource_keys((identifier, key_in(wish))),
        )
    except PluginError as error:
        if error.code not in ("not_found", "permission_denied"):
            raise
        return []
    if raw.get("mimeType") != FOLDER:
        return []
    tree.note(raw)
    return [identifier]


def _by_path(call: Call, tree: Tree, wish: str) -> list[str]:
    """Every folder whose path ends so; names are compared without capitals."""
    names = [part.strip() for part in wish.strip("/").split("/") if part.strip()]
    if names and names[0].casefold() == "my drive":
        names = names[1:]
    if not names:
        return []
    wanted = [name.casefold() for name in names]
    known = [identifier for identifier, (name, _) in tree.folders.items() if name.casefold() == wanted[-1]]
    if found := [identifier for identifier in known if _ends_so(tree, identifier, wanted)]:
        return found
    query = {
        **LISTED,
        **whose(call),
        "q": f"name = {quoted(names[-1])} and mimeType = {quoted(FOLDER)} and trashed = false",
        "fields": "nextPageToken,files(id,name,parents)",
        "pageSize": 100,
    }
    for page in pages(call, "/files", f"folders named “{names[-1]}”", query, most=2):
        for raw in objects(page.get("files")):
            tree.note(raw)
            if _ends_so(tree, text(raw.get("id")), wanted):
                found.append(text(raw.get("id")))
    return found


def _ends_so(tree: Tree, identifier: str, names: list[str]) -> bool:
    way = [name.casefold() for _, name in tree.way_to(identifier)]
    return way[-len(names) :] == names
