"""What changed since the last sync, in batches: everything at first, then only what Drive's log of changes tells.

The cursor says where the next batch begins. It is handed out with each batch and kept only by `confirm`, which the
sync calls once the batch is in the vault: what fails half way comes again.
"""

from __future__ import annotations

import hashlib
import json
import uuid

from coreengine_sdk import Call, PluginError
from drive_api import LISTED, fetch, objects, text
from drive_records import FIELDS, FOLDER, file_record, judge
from drive_tree import PENDING, TooManyLookups, Tree, chosen_folders, whose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    JSON = dict[str, Any]

CURSOR = "cursor"
PAGE_SIZE = 500
MAX_SCANNED = 2_000
"""How many files one action looks at."""
BATCH = 40
BATCH_BYTES = 200 * 2**20
SETTINGS = ("folders", "google_docs_as", "file_kinds", "max_file_mb", "link_other_files", "shared_drives")
NEW_FOLDER_S = 120


class Batch:
    """What one action found, within its bounds."""

    def __init__(self, call: Call, tree: Tree, chosen: list[str]) -> None:
        self._call, self._tree, self._chosen = call, tree, set(chosen)
        most = call.params.get("max_files")
        self._most = most if isinstance(most, int) and 0 < most <= 200 else BATCH
        self.files: list[JSON] = []
        self.others: list[str] = []
        self.removed: list[JSON] = []
        self._bytes = 0
        self.scanned = 0

    @property
    def is_full(self) -> bool:
        """Whether the next file has to wait for the next batch."""
        return len(self.files) >= self._most or self._bytes >= BATCH_BYTES or self.scanned >= MAX_SCANNED

    def take(self, raw: JSON) -> None:
        """Put a file in."""
        folder_id = next((text(parent) for parent in raw.get("parents") or ()), "")
        is_chosen = self._tree.is_within(folder_id, self._chosen)
        record = judge(self._call, file_record(self._call, raw, self._tree.path_to(folder_id)), is_chosen=is_chosen)
        self.scanned += 1
        if record["keep"] == "nothing":
            self.others.append(record["id"])
            return
        self.files.append(record)
        if record["keep"] == "file":
            self._bytes += record["size_bytes"]

    def gone(self, identifier: str, reason: str) -> None:
        """Note that a file is there no more."""
        self.scanned += 1
        self.removed.append({"id": identifier, "reason": reason})


def get_changes(call: Call) -> JSON:
    """The next batch, with the cursor behind it. Nothing is stored but what was learnt of folders."""
    cursor = call.storage.get(CURSOR) or {}
    setup = setup_of(call)
    notes: list[str] = []
    is_first = cursor.get("setup") != setup or not cursor.get("changes")
    if is_first:
        cursor = start(call, setup)
    tree = Tree(call)
    try:
        if "sweep" in cursor:
            answer = sweep(call, cursor, tree)
        else:
            answer = follow(call, cursor, tree)
    except PluginError as error:
        if error.code not in ("token_too_old", "not_found"):
            raise
        call.log("the saved place is too old; everything is listed again", "warning")
        notes.append("Drive had forgotten the place of the last sync, so everything was compared again.")
        cursor = start(call, setup)
        tree = Tree(call)
        answer = sweep(call, cursor, tree) if "sweep" in cursor else follow(call, cursor, tree)
    if cursor.get("problems"):
        notes += cursor["problems"]
    if is_first and not cursor["chosen"]:
        notes.append("No folder is chosen yet: name the folders to bring in, in the connection's settings.")
    call.log(f"{len(answer['files'])} files, {len(answer['removed'])} gone, more: {answer['more']}")
    attach = call.config.get("attach_to_courses") is not False
    return {**answer, "attach_to_courses": attach, "notes": list(dict.fromkeys(notes))}


def confirm(call: Call) -> JSON:
    """Keep the cursor of a batch that is in the vault."""
    cursor = call.params.get("cursor")
    if not isinstance(cursor, dict) or not text(cursor.get("changes")) or not text(cursor.get("setup")):
        raise PluginError("invalid_params", "cursor must be what get_changes gave.")
    learnt = call.storage.get(PENDING) or {}
    if learnt:
        tree = Tree(call)
        tree.folders.update(learnt)
        tree.save()
        call.storage.delete(PENDING)
    call.storage.set(CURSOR, cursor)
    return {"confirmed": True, "is_complete": "sweep" not in cursor}


def start(call: Call, setup: str) -> JSON:
    """A cursor at the beginning: the place in the log first, so that nothing between falls through."""
    token = fetch(call, "/changes/startPageToken", "the log of changes", {"supportsAllDrives": "true"})
    tree = Tree(call)
    tree.read_all()
    chosen, problems = chosen_folders(call, tree)
    tree.save()  # everything is looked at again, so nothing depends on what was known before
    call.storage.delete(PENDING)
    cursor = {"changes": text(token.get("startPageToken")), "setup": setup, "chosen": chosen, "problems": problems[:5]}
    if not chosen and call.config.get("link_other_files") is not True:
        return cursor  # nothing would be kept of all that could be listed
    return {**cursor, "sweep": uuid.uuid4().hex, "page": "", "skip": 0}


def sweep(call: Call, cursor: JSON, tree: Tree) -> JSON:
    """The next batch of everything."""
    batch = Batch(call, tree, cursor["chosen"])
    page_token, skip, incomplete = text(cursor.get("page")), int(cursor.get("skip") or 0), False
    query = {
        **LISTED,
        **whose(call),
        "q": f"trashed = false and mimeType != '{FOLDER}'",
        "orderBy": "folder,createdTime",
        "fields": f"nextPageToken,incompleteSearch,files({FIELDS})",
        "pageSize": PAGE_SIZE,
    }
    following: JSON | None = None
    while following is None:
        page = fetch(call, "/files", "the list of your files", {**query, "pageToken": page_token or None})
        incomplete = incomplete or page.get("incompleteSearch") is True
        files = objects(page.get("files"))
        for raw in files[skip:]:
            if batch.is_full:
                break
            try:
                batch.take(raw)
            except TooManyLookups:
                following = {"page": page_token, "skip": skip}
                break
            skip += 1
        if following is not None or skip < len(files):
            following = {"page": page_token, "skip": skip}
        elif page.get("nextPageToken"):
            page_token, skip = text(page["nextPageToken"]), 0
            following = {"page": page_token, "skip": 0} if batch.is_full else None
        else:
            following = {}
    tree.save()
    is_over = not following
    kept = {key: value for key, value in cursor.items() if key not in ("page", "skip", "sweep", "problems")}
    after = kept if is_over else {**cursor, **following}
    return {
        **_found(batch),
        "cursor": after,
        "is_full": True,
        "sweep": cursor["sweep"],
        # A list that Google says is incomplete proves nothing about what is not on it.
        "is_sweep_over": is_over and not incomplete,
        "incomplete": incomplete,
        "more": True,
    }


def follow(call: Call, cursor: JSON, tree: Tree) -> JSON:
    """The next batch of what changed."""
    batch = Batch(call, tree, cursor["chosen"])
    token, newest, rescan = text(cursor["changes"]), "", bool(cursor.get("rescan"))
    query = {
        **LISTED,
        "includeRemoved": "true",
        "spaces": "drive",
        "pageSize": 100,
        "fields": f"nextPageToken,newStartPageToken,changes(changeType,fileId,removed,time,file({FIELDS}))",
    }
    while not newest and not batch.is_full:
        page = fetch(call, "/changes", "the log of changes", {**query, "pageToken": token})
        for change in objects(page.get("changes")):
            if change.get("changeType", "file") == "file":
                rescan = _take_change(batch, change, tree, set(cursor["chosen"])) or rescan
        newest, following = text(page.get("newStartPageToken")), text(page.get("nextPageToken"))
        if not newest and (not following or following == token):
            raise PluginError(
                "malformed_answer", "Drive's log of changes does not go on. Try again later.", retryable=True
            )
        token = newest or following
    call.storage.set(PENDING, dict(list(tree.learnt.items())[:400]))
    after: JSON = {**{key: value for key, value in cursor.items() if key != "rescan"}, "changes": token}
    if rescan and newest:
        # Files do not tell when a folder around them moves or is renamed: look at all of them again.
        after = {**after, "setup": "again"}
    elif rescan:
        after = {**after, "rescan": True}
    return {
        **_found(batch),
        "cursor": after,
        "is_full": False,
        "sweep": "",
        "is_sweep_over": False,
        "incomplete": False,
        "more": not newest or rescan,
    }


def _take_change(batch: Batch, change: JSON, tree: Tree, chosen: set[str]) -> bool:
    """Take one entry of the log; true if it moves files that the log does not name."""
    identifier = text(change.get("fileId"))
    raw = change.get("file") if isinstance(change.get("file"), dict) else None
    if change.get("removed") is True or raw is None:
        batch.gone(identifier, "deleted")
        return False  # what lay in a deleted folder is told on its own
    if raw.get("mimeType") == FOLDER:
        return _folder_moves_files(change, raw, tree, chosen)
    if raw.get("trashed") is True:
        batch.gone(identifier, "trashed")
        return False
    try:
        batch.take(raw)
    except TooManyLookups:
        return True  # the sweep asks for all folders at once
    return False


def _folder_moves_files(change: JSON, raw: JSON, tree: Tree, chosen: set[str]) -> bool:
    identifier = text(raw.get("id"))
    before = tree.folders.get(identifier)
    try:
        was_within = before is not None and tree.is_within(identifier, chosen)
        tree.note(raw)
        is_within = tree.is_within(identifier, chosen)
    except TooManyLookups:
        return True
    if raw.get("trashed") is True:
        return was_within or is_within
    if before is None:
        return is_within and not _is_new(change, raw)
    return before != tree.folders[identifier] and (was_within or is_within)


def _is_new(change: JSON, raw: JSON) -> bool:
    """Whether a folder was made just before its change was told, so that nothing can lie in it that is not told."""
    from datetime import datetime

    try:
        made = datetime.fromisoformat(text(raw.get("createdTime")).replace("Z", "+00:00"))
        told = datetime.fromisoformat(text(change.get("time")).replace("Z", "+00:00"))
    except ValueError:
        return False
    return abs((told - made).total_seconds()) < NEW_FOLDER_S


def _found(batch: Batch) -> JSON:
    return {"files": batch.files, "others": batch.others, "removed": batch.removed}


def setup_of(call: Call) -> str:
    """A mark of the settings that decide what is brought in: when they change, everything is looked at again."""
    shown = json.dumps([call.config.get(name) for name in SETTINGS], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()[:16]
