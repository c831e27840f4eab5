"""Google Drive: find, fetch and export files, follow what changes, and write files where the student said yes.

Files are handed over as records of our own, whose shape is declared in the manifest. Source of the names: the Drive
API's reference, version 3.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from datetime import datetime, timedelta, timezone

from coreengine_sdk import Call, HttpError, Plugin, PluginError
from drive_api import (
    ALL_DRIVES,
    API,
    LISTED,
    UPLOAD,
    ask,
    fetch,
    identifier,
    key_in,
    objects,
    pages,
    quoted,
    resource_keys,
    text,
    whole,
)
from drive_changes import CURSOR, confirm, get_changes
from drive_records import EXPORTS, FIELDS, FOLDER, MIB, OURS, file_record, kind_of, named, wish_of
from drive_tree import Tree, whose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    JSON = dict[str, Any]

plugin = Plugin("google-drive-integration")

UTC = timezone.utc  # noqa: UP017, plugins run on Python 3.9 too
ORDERS = {
    "newest": "modifiedTime desc",
    "oldest": "modifiedTime",
    "name": "folder,name_natural",
    "largest": "quotaBytesUsed desc",
    "recent": "recency desc",
}
KIND_TERMS = {
    "folder": f"mimeType = '{FOLDER}'",
    "document": "mimeType = 'application/vnd.google-apps.document'",
    "spreadsheet": "mimeType = 'application/vnd.google-apps.spreadsheet'",
    "presentation": "mimeType = 'application/vnd.google-apps.presentation'",
    "drawing": "mimeType = 'application/vnd.google-apps.drawing'",
    "pdf": "mimeType = 'application/pdf'",
    "image": "mimeType contains 'image/'",
}
SMALL = 4 * MIB
"""Up to here a file goes up in one request with its name; beyond, in two."""
KEY, BLOB, COPY_OF = "coreEngineKey", "coreEngineBlob", "coreEngineCopyOf"
CHANNELS = "channels"
CHANNEL_LIFE = timedelta(days=7)
RENEW_BEFORE = timedelta(hours=48)


# Who, and how it is


@plugin.authenticate
def authenticate(call: Call) -> JSON:
    """Whose Drive it is."""
    user = about(call).get("user")
    if not isinstance(user, dict) or not text(user.get("permissionId")):
        raise PluginError("malformed_answer", "Google did not say whose Drive this is. Try again.", retryable=True)
    name, address = text(user.get("displayName")), text(user.get("emailAddress"))
    return {"id": text(user["permissionId"]), "name": f"{name} ({address})" if address else name}


@plugin.health
def health(call: Call) -> str:
    """How much room there is."""
    quota = about(call).get("storageQuota")
    quota = quota if isinstance(quota, dict) else {}
    used, limit = whole(quota.get("usage")), whole(quota.get("limit"))
    return f"{used / 2**30:.1f} of {limit / 2**30:.0f} GB are used." if limit else "Drive answers."


@plugin.validate
def validate(call: Call) -> dict[str, str]:
    """What the schema cannot say."""
    folders = text(call.config.get("folders"))
    if folders and not [part for part in folders.split(",") if part.strip(" /")]:
        return {"folders": "Write names of folders, with commas between them."}
    return {}


def about(call: Call) -> JSON:
    fields = "user(displayName,emailAddress,permissionId),storageQuota(limit,usage)"
    return fetch(call, "/about", "your account", {"fields": fields})


# Finding


@plugin.action("list_files")
def list_files(call: Call) -> JSON:
    """One page of files that fit."""
    params = call.params
    order = "" if params.get("text") else text(params.get("order_by")) or "newest"  # Drive sorts no full-text search
    query = {
        **LISTED,
        **whose(call),
        "q": search_of(call) or None,
        "orderBy": ORDERS.get(order) or None,
        "pageSize": min(max(whole(params.get("page_size")) or 100, 1), 1000),
        "pageToken": text(params.get("page_token")) or None,
        "fields": f"nextPageToken,incompleteSearch,files({FIELDS})",
    }
    page = fetch(call, "/files", "the list of your files", query)
    tree = Tree(call)
    files = []
    for raw in objects(page.get("files")):
        folder_id = next((text(parent) for parent in raw.get("parents") or ()), "")
        # The names that are known anyway; a list must not ask for the folders of every file.
        path = tree.path_to(folder_id) if folder_id in tree.folders else ""
        files.append(file_record(call, raw, path))
    incomplete = page.get("incompleteSearch") is True
    if incomplete:
        call.log("Google searched only a part of the drives", "warning")
    return {"files": files, "next_page_token": text(page.get("nextPageToken")), "incomplete": incomplete}


def search_of(call: Call) -> str:
    """The search that the parameters describe, in Drive's language; values are escaped."""
    params = call.params
    terms = [f"trashed = {'true' if params.get('trashed') is True else 'false'}"]
    if words := text(params.get("text")):
        terms.append(f"fullText contains {quoted(words)}")
    if name := text(params.get("name")):
        terms.append(f"name contains {quoted(name)}")
    if params.get("folder_id"):
        terms.append(f"{quoted(identifier(call, 'folder_id'))} in parents")
    if kind := KIND_TERMS.get(text(params.get("kind"))):
        terms.append(kind)
    if params.get("shared_with_me") is True:
        terms.append("sharedWithMe = true")
    since = text(params.get("modified_since"))
    if days := whole(params.get("within_days")):
        since = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    if since:
        terms.append(f"modifiedTime > {quoted(since)}")
    return " and ".join(terms)


@plugin.action("get_file")
def get_file(call: Call) -> JSON:
    """One file with the path of its folder."""
    raw = read_file(call, identifier(call, "file_id"), key_in(text(call.params.get("file_id"))))
    tree = Tree(call)
    return file_record(call, raw, tree.path_to(next((text(parent) for parent in raw.get("parents") or ()), "")))


@plugin.action("get_folders")
def get_folders(call: Call) -> JSON:
    """The folders in a folder, or at the top: those of My Drive, shared ones, and shared drives."""
    parent = identifier(call, "parent_id", "root")
    query = {
        **LISTED,
        **whose(call),
        "q": f"{quoted(parent)} in parents and mimeType = {quoted(FOLDER)} and trashed = false",
        "orderBy": "name_natural",
        "fields": "nextPageToken,files(id,name,webViewLink,shared)",
        "pageSize": 200,
    }
    found = [raw for page in pages(call, "/files", "folders", query, most=5) for raw in objects(page.get("files"))]
    if parent == "root":
        shared = {**query, "q": f"sharedWithMe = true and mimeType = {quoted(FOLDER)} and trashed = false"}
        known = {raw.get("id") for raw in found}
        for page in pages(call, "/files", "shared folders", shared, most=2):
            found += [raw for raw in objects(page.get("files")) if raw.get("id") not in known]
    folders = [folder_record(raw) for raw in found]
    if parent == "root" and call.config.get("shared_drives") is True:
        for page in pages(call, "/drives", "shared drives", {"pageSize": 100}, most=2):
            folders += [{**folder_record(raw), "is_drive": True} for raw in objects(page.get("drives"))]
    return {"folders": folders}


def folder_record(raw: JSON) -> JSON:
    return {
        "id": text(raw.get("id")),
        "name": text(raw.get("name")) or "Untitled",
        "html_url": text(raw.get("webViewLink")),
        "is_shared": raw.get("shared") is True,
        "is_drive": False,
    }


def read_file(call: Call, file_id: str, key: str = "", what: str = "") -> JSON:
    return fetch(
        call,
        f"/files/{file_id}",
        what or f"file {file_id}",
        {**ALL_DRIVES, "fields": FIELDS},
        resource_keys((file_id, key)),
    )


# Fetching


@plugin.action("download_file")
def download_file(call: Call) -> JSON:
    """One file with its bytes."""
    file_id = identifier(call, "file_id")
    return download(call, read_file(call, file_id, key_in(text(call.params.get("file_id")))))


@plugin.action("download_files")
def download_files(call: Call) -> JSON:
    """Some files of a batch with their bytes. One that cannot be had comes without, with the reason in words."""
    wanted = [record for record in objects(call.params.get("files")) if text(record.get("id"))]
    files = []
    for done, record in enumerate(wanted, start=1):
        name = text(record.get("name")) or "a file"
        try:
            found = download(call, read_file(call, text(record["id"]), text(record.get("resource_key")), f"“{name}”"))
            files.append({**record, **found, "folder": text(record.get("folder")), "keep": "file", "reason": ""})
        except PluginError as error:
            if error.retryable or error.code in ("credential_rejected", "reconnect_needed", "not_configured"):
                raise  # the whole batch again later: the cursor stays where it is
            call.log(f"{name}: {error.message}", "warning")
            files.append({**record, "keep": "link", "reason": error.message, "blob": ""})
        call.progress(done, len(wanted), "files")
    return {"files": files}


def download(call: Call, raw: JSON) -> JSON:
    """Fetch a file's bytes, or those of what a shortcut leads to; a Google document in a format of its own."""
    record = file_record(call, raw)
    source, key = raw, record["resource_key"]
    if record["kind"] == "shortcut":
        if not record["target_id"]:
            raise PluginError("not_found", f"The shortcut “{record['title']}” leads nowhere.")
        source = read_file(call, record["target_id"], key, f"the file that the shortcut “{record['title']}” leads to")
    kind, what = kind_of(text(source.get("mimeType"))), f"“{record['title']}”"
    if kind in ("folder", "other", "shortcut"):
        raise PluginError("not_downloadable", f"{what} is no file that can be downloaded.")
    headers = resource_keys((text(source.get("id")), key))
    path = f"{API}/files/{text(source.get('id'))}"
    if kind not in EXPORTS:
        response = ask_blob(call, path, what, {**ALL_DRIVES, "alt": "media"}, headers)
        mime, name = text(source.get("mimeType")), record["title"]
    else:
        response, mime = export(call, path, kind, what, headers)
        name = named(record["title"], mime)
    blob = response.blob or {}
    return {
        **record,
        "name": name,
        "content_type": mime,
        "size_bytes": whole(blob.get("size_bytes")),
        "blob": text(blob.get("blob")),
    }


def export(call: Call, path: str, kind: str, what: str, headers: dict[str, str]) -> tuple[Any, str]:
    """A Google document as wished, or as the next format where the first is too large for Google to make."""
    wish = text(call.params.get("format")) or wish_of(call)
    formats = EXPORTS[kind].get(wish) or EXPORTS[kind]["office"]
    for number, mime in enumerate(formats):
        try:
            return ask_blob(call, f"{path}/export", what, {"mimeType": mime}, headers), mime
        except PluginError as error:
            if error.code not in ("export_too_large", "refused") or number == len(formats) - 1:
                raise
            call.log(f"{what} is too large as {mime}; trying {formats[number + 1]}", "warning")
    raise AssertionError("there is no format")


def ask_blob(call: Call, path: str, what: str, query: JSON, headers: dict[str, str]) -> Any:
    try:
        # Bytes of any kind are welcome, not JSON alone.
        response = ask(call, "GET", path, what, query=query, headers={"Accept": "*/*", **headers}, as_blob=True)
    except HttpError as error:
        if error.code != "too_large":
            raise
        raise PluginError("too_large", f"{what} is too large to be brought in.") from None
    if not response.blob:
        raise PluginError("unavailable", f"Drive did not hand out {what}. Try again.", retryable=True)
    return response


# Following


plugin.action("get_changes")(get_changes)
plugin.action("confirm_changes")(confirm)


@plugin.action("watch_changes")
def watch_changes(call: Call) -> JSON:
    """Have Drive tell us when something changes, where the settings wish it; renewed two days before its end.

    A new channel is open before the old one is closed, so for a moment both tell; a sync that is asked for twice is
    done once.
    """
    now = datetime.now(UTC)
    channels = [channel for channel in known_channels(call) if moment(channel["expires_at"]) > now]
    if text(call.config.get("sync_frequency")) != "realtime":
        for channel in channels:
            stop(call, channel)
        call.storage.delete(CHANNELS)
        return {"state": "not_wanted", "expires_at": None, "reason": "The settings ask for a sync at set times only."}
    fresh = [channel for channel in channels if moment(channel["expires_at"]) - now > RENEW_BEFORE]
    if fresh and not call.params.get("renew"):
        return {"state": "open", "expires_at": fresh[-1]["expires_at"], "reason": ""}
    try:
        opened = open_channel(call, now)
    except PluginError as error:
        if error.code not in ("address_not_accepted", "site_address_missing"):
            raise
        return {"state": "not_possible", "expires_at": None, "reason": error.message}
    call.storage.set(CHANNELS, [opened])
    for channel in channels:
        stop(call, channel)
    return {"state": "renewed" if channels else "open", "expires_at": opened["expires_at"], "reason": ""}


def open_channel(call: Call, now: datetime) -> JSON:
    cursor = call.storage.get(CURSOR) or {}
    token = text(cursor.get("changes"))
    if not token:
        answer = fetch(call, "/changes/startPageToken", "the log of changes", {"supportsAllDrives": "true"})
        token = text(answer.get("startPageToken"))
    body = {
        "id": str(uuid.uuid4()),
        "type": "web_hook",
        "address": "webhook-url:changes",
        "token": "webhook-secret:changes",
        "expiration": str(int((now + CHANNEL_LIFE).timestamp() * 1000)),
    }
    query = {**LISTED, "pageToken": token, "includeRemoved": "true", "spaces": "drive"}
    answer = ask(call, "POST", f"{API}/changes/watch", "the watch on your Drive", query=query, json=body).json()
    until = datetime.fromtimestamp(whole(answer.get("expiration")) / 1000, UTC)
    return {
        "id": body["id"],
        "resource_id": text(answer.get("resourceId")),
        "expires_at": until.isoformat(timespec="seconds"),
    }


@plugin.action("stop_watching")
def stop_watching(call: Call) -> JSON:
    """Have Drive tell us nothing more."""
    channels = known_channels(call)
    for channel in channels:
        stop(call, channel)
    call.storage.delete(CHANNELS)
    return {"stopped": len(channels)}


def stop(call: Call, channel: JSON) -> None:
    """Close a channel; one that is closed already is as it should be, and any other ends by itself."""
    body = {"id": channel["id"], "resourceId": channel["resource_id"]}
    try:
        ask(call, "POST", f"{API}/channels/stop", "the watch on your Drive", json=body)
    except PluginError as error:
        call.log(f"a channel was not closed: {error.message}", "warning")


def known_channels(call: Call) -> list[JSON]:
    return [channel for channel in objects(call.storage.get(CHANNELS)) if channel.get("id")]


def moment(value: str) -> datetime:
    return datetime.fromisoformat(value)


@plugin.webhook("changes")
def changes_webhook(call: Call) -> JSON:
    """Drive tells that something changed; what, the sync asks. The host has checked the token already."""
    headers = call.headers
    state, channel = headers.get("x-goog-resource-state", ""), headers.get("x-goog-channel-id", "")
    known = [entry["id"] for entry in known_channels(call)]
    if known and channel not in known:
        return {"events": [], "sync": False, "note": "an old channel"}
    if state == "sync":  # a channel says hello
        return {"events": [], "sync": False, "note": "the channel is open"}
    number = whole(headers.get("x-goog-message-number"))
    data = {"state": state, "message_number": number, "changed": text(headers.get("x-goog-changed"))}
    return {"events": [{"type": "change", "data": data}], "sync": True}


# Writing: only after the student's yes, which the host asks for (`confirm` in the manifest)


@plugin.action("upload_file")
def upload_file(call: Call) -> JSON:
    """Put a file of the vault into a folder. Tried again under the same key, it is the same file."""
    name, blob = text(call.params.get("name")).strip(), text(call.params.get("blob"))
    if not name:
        raise PluginError("invalid_params", "name must not be empty.")
    what = f"“{name}”"
    key = key_of(call)
    if key and (made := made_before(call, key)):
        return {**made, "is_new": False}
    parent = identifier(call, "folder_id", "root")
    if copy := earlier_copy(call, parent):
        return {**bring_up_to_date(call, copy, name, blob), "is_new": False}
    metadata: JSON = {"name": name[:255], "parents": [parent], "appProperties": marks(call, blob, key)}
    metadata["id"] = new_id(call)
    try:
        raw = send(call, "POST", f"{UPLOAD}/files", metadata, blob, what)
    except PluginError as error:
        if error.code != "already_there":
            raise
        raw = read_file(call, metadata["id"], what=what)  # an answer was lost on its way, the file was not
    return {**file_record(call, raw), "is_new": True}


@plugin.action("replace_file")
def replace_file(call: Call) -> JSON:
    """Put new bytes into a file that is there; Drive keeps the old ones as a version."""
    file_id, blob = identifier(call, "file_id"), text(call.params.get("blob"))
    metadata: JSON = {"name": text(call.params["name"])[:255]} if text(call.params.get("name")) else {}
    raw = send(call, "PATCH", f"{UPLOAD}/files/{file_id}", metadata, blob, f"“{metadata.get('name') or file_id}”")
    return {**file_record(call, raw), "is_new": False}


@plugin.action("create_folder")
def create_folder(call: Call) -> JSON:
    """Make a folder, or find the one of this name that lies there already."""
    name = text(call.params.get("name")).strip()
    if not name:
        raise PluginError("invalid_params", "name must not be empty.")
    parent = identifier(call, "parent_id", "root")
    query = {
        **LISTED,
        "q": f"name = {quoted(name)} and {quoted(parent)} in parents and {KIND_TERMS['folder']} and trashed = false",
        "fields": "files(id,name,webViewLink,shared)",
        "pageSize": 1,
    }
    found = objects(fetch(call, "/files", "folders", query).get("files"))
    if found:
        return {**folder_record(found[0]), "is_new": False}
    body = {"id": new_id(call), "name": name[:255], "mimeType": FOLDER, "parents": [parent]}
    fields = {**ALL_DRIVES, "fields": "id,name,webViewLink,shared"}
    raw = ask(call, "POST", f"{API}/files", f"the folder “{name}”", query=fields, json=body).json()
    return {**folder_record(raw), "is_new": True}


def send(call: Call, method: str, path: str, metadata: JSON, blob: str, what: str) -> JSON:
    """Send metadata and bytes: together where the file is small, else one after the other."""
    query = {**ALL_DRIVES, "fields": FIELDS}
    mime = text(call.params.get("content_type")) or "application/octet-stream"
    if whole(call.params.get("size_bytes")) <= SMALL:
        parts = [{"json": metadata}, {"headers": {"Content-Type": mime}, "blob": blob}]
        query["uploadType"] = "multipart"
        return again(call, lambda: ask(call, method, path, what, query=query, body_parts=parts).json())
    query["uploadType"] = "resumable"

    def whole_upload() -> JSON:
        headers = {"X-Upload-Content-Type": mime}
        session = ask(call, method, path, what, query=query, json=metadata, headers=headers).headers.get("location")
        if not session:
            raise PluginError("malformed_answer", "Drive did not say where the file goes. Try again.", retryable=True)
        return ask(call, "PUT", session, what, headers={"Content-Type": mime}, body_blob=blob).json()

    return again(call, whole_upload)


def again(call: Call, do: Any) -> JSON:
    """Do something that has an id of its own, so that it may be done twice: once more where Drive had a problem."""
    for pause in (0.5, 2.0, None):
        try:
            return do()
        except PluginError as error:
            if pause is None or error.code not in ("unavailable", "unreachable", "timeout"):
                raise
            call.log(f"trying again: {error.message}", "warning")
            time.sleep(pause)
    raise AssertionError("the last try raises")


def marks(call: Call, blob: str, key: str) -> dict[str, str]:
    """What a file of ours carries unseen: that it is ours, by which step, with which bytes, as a copy of what."""
    found = {OURS: "1", KEY: key, BLOB: blob, COPY_OF: text(call.params.get("copy_of"))}
    return {name: value for name, value in found.items() if value}


def earlier_copy(call: Call, parent: str) -> JSON | None:
    """The copy of the same thing that lies in the same folder."""
    copy_of = text(call.params.get("copy_of"))
    return find_marked(call, COPY_OF, copy_of, f" and {quoted(parent)} in parents") if copy_of else None


def bring_up_to_date(call: Call, raw: JSON, name: str, blob: str) -> JSON:
    """Give an earlier copy the bytes of now, unless it has them."""
    properties = raw.get("appProperties") if isinstance(raw.get("appProperties"), dict) else {}
    if properties.get(BLOB) != blob:
        metadata = {"name": name[:255], "appProperties": {BLOB: blob}}
        raw = send(call, "PATCH", f"{UPLOAD}/files/{text(raw.get('id'))}", metadata, blob, f"“{name}”")
    return file_record(call, raw)


def key_of(call: Call) -> str:
    """What the file of this call is known by, on every attempt."""
    return hashlib.sha256(call.idempotency_key.encode()).hexdigest()[:40] if call.idempotency_key else ""


def made_before(call: Call, key: str) -> JSON | None:
    """The file that an earlier attempt made."""
    raw = find_marked(call, KEY, key)
    return file_record(call, raw) if raw else None


def find_marked(call: Call, name: str, value: str, more: str = "") -> JSON | None:
    """A file of ours by one of its marks."""
    query = {
        **LISTED,
        "q": f"appProperties has {{ key={quoted(name)} and value={quoted(value)} }} and trashed = false{more}",
        "fields": f"files({FIELDS})",
        "pageSize": 1,
    }
    return next(iter(objects(fetch(call, "/files", "the list of your files", query).get("files"))), None)


def new_id(call: Call) -> str:
    """An id of Drive's for a file that does not exist yet: sent twice, it makes one file."""
    answer = fetch(call, "/files/generateIds", "a new id", {"count": 1, "space": "drive"})
    ids = answer.get("ids")
    if not isinstance(ids, list) or not ids:
        raise PluginError("malformed_answer", "Drive gave no id for the new file. Try again.", retryable=True)
    return text(ids[0])


plugin.run()
