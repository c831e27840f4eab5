"""What a Drive holds: files in folders, a log of changes with tokens, channels that are told, and faults to order."""

from __future__ import annotations

import hashlib
import itertools
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .query import Test

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"
DOCUMENT = "application/vnd.google-apps.document"
SHEET = "application/vnd.google-apps.spreadsheet"
SLIDES = "application/vnd.google-apps.presentation"
DRAWING = "application/vnd.google-apps.drawing"
FORM = "application/vnd.google-apps.form"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
PDF = "application/pdf"
EXPORTS = {
    DOCUMENT: (DOCX, PDF, "text/plain", "text/html", "text/markdown", "application/rtf"),
    SHEET: (XLSX, PDF, "text/csv"),
    SLIDES: (PPTX, PDF, "text/plain"),
    DRAWING: ("image/png", PDF, "image/svg+xml", "image/jpeg"),
}
EXPORT_LIMIT = 10 * 1024 * 1024
CHANNEL_LIFE_S, LONGEST_CHANNEL_S = 3_600, 604_800
ME = {"displayName": "Robin Keller", "emailAddress": "robin@example.edu", "permissionId": "107", "me": True}
OTHER = {"displayName": "Prof. Ada Lind", "emailAddress": "ada@example.edu", "permissionId": "108", "me": False}


class Refusal(Exception):
    """An answer that is an error, as Drive writes it."""

    def __init__(self, status: int, reason: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.more = status, reason, message, more


@dataclass
class File:
    """One file, folder or shortcut. `text` is what a full-text search sees and an export says."""

    id: str
    name: str
    mime: str
    parent: str
    content: bytes = b""
    text: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    version: int = 1
    trashed: bool = False
    starred: bool = False
    shared_with_me: bool = False
    is_mine: bool = True
    is_made_by_app: bool = False
    can_download: bool = True
    can_edit: bool = True
    export_bytes: int = 0
    resource_key: str = ""
    drive_id: str = ""
    target: str = ""
    app_properties: dict[str, str] = field(default_factory=dict)

    @property
    def is_google(self) -> bool:
        """Whether it has no bytes of its own."""
        return self.mime.startswith("application/vnd.google-apps.")


@dataclass
class Channel:
    """Who is told of changes."""

    id: str
    resource_id: str
    address: str
    token: str
    expires: datetime
    number: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


@dataclass
class Faults:
    """Orders for what goes wrong; a count goes down with each answer it spoils."""

    throttle_next: int = 0
    throttle_status: int = 403
    throttle_reason: str = "userRateLimitExceeded"
    fail_next: int = 0
    fail_status: int = 503
    lose_answer_of_upload: int = 0
    """The file is made, and the answer is lost."""
    forget_tokens: bool = False
    quota_is_full: bool = False
    incomplete_search: bool = False
    expire_tokens: bool = False


class Drive:
    """One person's Drive. Every method is safe to call from many threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.files: dict[str, File] = {}
        self.changes: list[tuple[str, bool, datetime]] = []
        self.first_token = 1
        self.channels: dict[str, Channel] = {}
        self.given_ids: set[str] = set()
        self.faults = Faults()
        self.drives: dict[str, str] = {}
        self.told: list[Any] = []
        """Called after each change with (channel, state)."""
        self._numbers = itertools.count(1)
        self.root = self._new_id("0AROOT")
        self.files[self.root] = File(self.root, "My Drive", FOLDER, "")

    # --- what tests and the demonstration do -------------------------------------------------------------

    def add(self, name: str, *, parent: str = "", mime: str = "text/plain", content: Any = b"", **more: Any) -> File:
        """Put a file into a folder, as a person would."""
        data = content.encode() if isinstance(content, str) else content
        text = more.pop("text", content if isinstance(content, str) else "")
        with self.lock:
            identifier = more.pop("id", "") or self._new_id()
            file = File(identifier, name, mime, parent or self.root, data, text, **more)
            self.files[file.id] = file
            self._note(file.id)
        return file

    def folder(self, name: str, parent: str = "", **more: Any) -> File:
        """Make a folder."""
        return self.add(name, parent=parent, mime=FOLDER, **more)

    def shortcut(self, name: str, target: str, parent: str = "") -> File:
        """Make a shortcut to a file."""
        return self.add(name, parent=parent, mime=SHORTCUT, target=target)

    def change(self, identifier: str, **fields: Any) -> File:
        """Change a file: name, parent, content, trashed, …"""
        with self.lock:
            file = self.files[identifier]
            if isinstance(fields.get("content"), str):
                fields = {**fields, "text": fields["content"], "content": fields["content"].encode()}
            for name, value in fields.items():
                setattr(file, name, value)
            file.version += 1
            if set(fields) - {"parent", "trashed", "starred", "modified"}:
                file.modified = datetime.now(UTC)
            self._note(identifier)
        return file

    def remove(self, identifier: str) -> None:
        """Delete a file for good, with everything inside."""
        with self.lock:
            for child in [file.id for file in self.files.values() if file.parent == identifier]:
                self.remove(child)
            del self.files[identifier]
            self._note(identifier, removed=True)

    def names_in(self, parent: str = "") -> list[str]:
        """The names of what lies in a folder and is not trashed."""
        with self.lock:
            found = [file for file in self.files.values() if file.parent == (parent or self.root)]
            return sorted(file.name for file in found if not file.trashed)

    # --- reading -----------------------------------------------------------------------------------------

    def get(self, identifier: str, *, resource_keys: str = "", sees: Any = None) -> File:
        """Find a file, or refuse as Drive does."""
        with self.lock:
            file = self.files.get(self.root if identifier == "root" else identifier)
            missing_key = (
                file is not None and file.resource_key and f"{file.id}/{file.resource_key}" not in resource_keys
            )
            if file is None or missing_key or (sees is not None and not sees(file)):
                raise Refusal(404, "notFound", f"File not found: {identifier}.", location="fileId")
            return file

    def search(self, test: Test, *, sees: Any = None) -> list[File]:
        """Every file that passes; My Drive itself is in no list."""
        with self.lock:
            files = [file for file in self.files.values() if file.id != self.root and file.id not in self.drives]
            return [file for file in files if (sees is None or sees(file)) and test(self, file)]

    def is_in(self, value: str, collection: str, file: File) -> bool:
        """Whether 'value' is in a file's parents or owners."""
        if collection == "parents":
            return file.parent == (self.root if value == "root" else value)
        people = {"me", ME["emailAddress"]} if file.is_mine else {OTHER["emailAddress"]}
        return value in people

    def flag(self, name: str, file: File) -> bool:
        """A property that is true or false; what lies in a trashed folder is trashed as well."""
        if name == "trashed":
            return self.is_trashed(file)
        return file.starred if name == "starred" else file.shared_with_me

    def is_trashed(self, file: File) -> bool:
        """Whether it, or a folder around it, lies in the trash."""
        while file.parent in self.files and not file.trashed:
            file = self.files[file.parent]
        return file.trashed

    def as_json(self, file: File) -> dict[str, Any]:
        """A file with every field that this server knows."""
        owner = ME if file.is_mine else OTHER
        data: dict[str, Any] = {
            "kind": "drive#file",
            "id": file.id,
            "name": file.name,
            "mimeType": file.mime,
            "trashed": self.is_trashed(file),
            "explicitlyTrashed": file.trashed,
            "starred": file.starred,
            "parents": [file.parent] if file.parent else [],
            "version": str(file.version),
            "createdTime": _stamp(file.created),
            "modifiedTime": _stamp(file.modified),
            "webViewLink": f"https://drive.google.com/file/d/{file.id}/view",
            "shared": file.shared_with_me or bool(file.drive_id),
            "ownedByMe": file.is_mine and not file.drive_id,
            "appProperties": dict(file.app_properties),
            "lastModifyingUser": {"kind": "drive#user", **owner},
            "capabilities": {"canDownload": file.can_download, "canEdit": file.can_edit},
        }
        if not file.drive_id:
            data["owners"] = [{"kind": "drive#user", **owner}]
        if file.drive_id:
            data["driveId"] = file.drive_id
        if file.resource_key:
            data["resourceKey"] = file.resource_key
        if file.shared_with_me:
            data["sharedWithMeTime"] = _stamp(file.created)
            data["parents"] = [file.parent] if file.parent in self.files and file.parent != self.root else []
        if not file.is_google:
            data["size"] = str(len(file.content))
            data["md5Checksum"] = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
            data["originalFilename"] = file.name
        if file.mime == SHORTCUT:
            target = self.files.get(file.target)
            data["shortcutDetails"] = {
                "targetId": file.target,
                "targetMimeType": target.mime if target else "application/octet-stream",
            }
            if target and target.resource_key:
                data["shortcutDetails"]["targetResourceKey"] = target.resource_key
        return {key: value for key, value in data.items() if value != []}

    def media(self, file: File) -> bytes:
        """The bytes of a file, or why there are none."""
        if file.is_google:
            raise Refusal(
                403,
                "fileNotDownloadable",
                "Only files with binary content can be downloaded. Use Export with Docs Editors files.",
                location="alt",
            )
        if not file.can_download:
            raise Refusal(403, "cannotDownloadFile", "This file cannot be downloaded by the user.", location="alt")
        return file.content

    def export(self, file: File, mime: str) -> bytes:
        """A Google document in another format."""
        if not file.is_google:
            raise Refusal(403, "fileNotExportable", "Export only supports Docs Editors files.", location="fileId")
        if mime not in EXPORTS.get(file.mime, ()):
            raise Refusal(400, "badRequest", "The requested conversion is not supported.", location="convertTo")
        if not file.can_download:
            raise Refusal(403, "cannotExportFile", "This file cannot be exported by the user.", location="alt")
        data = exported(file, mime)
        if max(len(data), file.export_bytes if mime not in ("text/plain", "text/csv") else 0) > EXPORT_LIMIT:
            raise Refusal(403, "exportSizeLimitExceeded", "This file is too large to be exported.")
        return data

    # --- writing -----------------------------------------------------------------------------------------

    def give_ids(self, count: int) -> list[str]:
        """Ids that a file may be made with."""
        with self.lock:
            found = [self._new_id() for _ in range(count)]
            self.given_ids |= set(found)
            return found

    def create(self, body: dict[str, Any], *, content: bytes = b"", mime: str = "") -> File:
        """Make a file from what a request says."""
        with self.lock:
            identifier = body.get("id") or self._new_id()
            if identifier in self.files:
                raise Refusal(409, "fileIdInUse", "A file already exists with the provided ID.", location="file.id")
            if body.get("id") and identifier not in self.given_ids:
                raise Refusal(400, "invalid", "The provided file ID is not usable.", location="file.id")
            if self.faults.quota_is_full and content:
                raise Refusal(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")
            parents = body.get("parents") or [self.root]
            parent = self.get(parents[0])
            if not parent.can_edit:
                raise Refusal(
                    403,
                    "insufficientFilePermissions",
                    f"The user does not have sufficient permissions for file {parent.id}.",
                )
            file = File(
                identifier,
                str(body.get("name") or "Untitled"),
                str(body.get("mimeType") or mime or "application/octet-stream"),
                parent.id,
                content,
                content.decode("utf-8", "replace")[:10_000],
                is_made_by_app=True,
                drive_id=parent.drive_id,
                app_properties={str(k): str(v) for k, v in (body.get("appProperties") or {}).items()},
            )
            self.files[identifier] = file
            self._note(identifier)
            return file

    def update(self, file: File, body: dict[str, Any], content: bytes | None = None) -> File:
        """Change a file as a request says."""
        if not file.can_edit:
            raise Refusal(
                403, "insufficientFilePermissions", f"The user does not have sufficient permissions for file {file.id}."
            )
        fields: dict[str, Any] = {}
        if "name" in body:
            fields["name"] = str(body["name"])
        if "trashed" in body:
            fields["trashed"] = bool(body["trashed"])
        if "appProperties" in body:
            fields["app_properties"] = {**file.app_properties, **body["appProperties"]}
        if content is not None:
            if self.faults.quota_is_full:
                raise Refusal(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")
            fields |= {"content": content, "text": content.decode("utf-8", "replace")[:10_000]}
        return self.change(file.id, **fields)

    # --- changes -----------------------------------------------------------------------------------------

    @property
    def next_token(self) -> str:
        """The token of what has not happened yet."""
        return str(self.first_token + len(self.changes))

    def changes_from(self, token: str, size: int) -> tuple[list[tuple[str, bool, datetime]], str, bool]:
        """The changes from a token on, the next token, and whether there are more."""
        with self.lock:
            if not token.isdigit() or not self.first_token <= int(token) <= int(self.next_token):
                raise Refusal(400, "invalid", "Invalid Value", location="pageToken")
            start = int(token) - self.first_token
            page = self.changes[start : start + size]
            # Each file is told once a page, as it is now.
            newest = list({identifier: entry for entry in page for identifier in [entry[0]]}.values())
            following = start + len(page)
            return newest, str(self.first_token + following), following < len(self.changes)

    def forget_changes(self) -> None:
        """Make every token that was given out useless."""
        with self.lock:
            self.first_token = int(self.next_token) + 1_000
            self.changes.clear()

    def open_channel(self, body: dict[str, Any], resource: str, *, needs_https: bool, longest_s: int) -> Channel:
        """Tell an address of changes from now on."""
        address, identifier = str(body.get("address", "")), str(body.get("id", ""))
        if not identifier or not address:
            raise Refusal(400, "required", "Required parameter: id")
        if body.get("type") not in ("web_hook", "webhook"):
            raise Refusal(400, "channelUnknownType", "Unknown channel type")
        if needs_https and not address.startswith("https://"):
            raise Refusal(400, "push.webhookUrlNotHttps", f"WebHook callback must be HTTPS: {address}")
        now = datetime.now(UTC)
        with self.lock:
            if identifier in self.channels:
                raise Refusal(400, "channelIdNotUnique", f"Channel id {identifier} not unique")
            asked = body.get("expiration")
            expires = (
                datetime.fromtimestamp(int(asked) / 1000, UTC) if asked else now + timedelta(seconds=CHANNEL_LIFE_S)
            )
            expires = min(expires, now + timedelta(seconds=longest_s))
            resource_id = hashlib.sha256(resource.encode()).hexdigest()[:27]
            channel = Channel(identifier, resource_id, address, str(body.get("token", "")), expires)
            self.channels[identifier] = channel
        self._tell(channel, "sync")
        return channel

    def stop_channel(self, identifier: str, resource_id: str) -> None:
        """Tell an address no more."""
        with self.lock:
            channel = self.channels.get(identifier)
            if channel is None or channel.resource_id != resource_id:
                raise Refusal(404, "notFound", f"Channel '{identifier}' not found for project")
            del self.channels[identifier]

    def _note(self, identifier: str, removed: bool = False) -> None:
        self.changes.append((identifier, removed, datetime.now(UTC)))
        now = datetime.now(UTC)
        for channel in list(self.channels.values()):
            if channel.expires > now:
                self._tell(channel, "change")

    def _tell(self, channel: Channel, state: str) -> None:
        number = next(channel.number)
        for teller in self.told:
            teller(channel, state, number)

    def _new_id(self, prefix: str = "1") -> str:
        return f"{prefix}{next(self._numbers):04d}{uuid.uuid4().hex[:24]}"


def exported(file: File, mime: str) -> bytes:
    """The text of a Google document in a format that readers really accept."""
    from .formats import as_docx, as_pdf, as_png

    if mime == DOCX:
        return as_docx(file.text)
    if mime == PDF:
        return as_pdf(file.text)
    if mime in ("image/png", "image/jpeg"):
        return as_png()
    return file.text.encode()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
