"""Files as Core Engine's records: what they are, what they become when they are fetched, and whether they should be."""

from __future__ import annotations

from coreengine_sdk import Call
from drive_api import key_in, objects, text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    JSON = dict[str, Any]

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"
GOOGLE = "application/vnd.google-apps."
OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = f"{OFFICE}wordprocessingml.document"
XLSX = f"{OFFICE}spreadsheetml.sheet"
PPTX = f"{OFFICE}presentationml.presentation"
KINDS = {
    FOLDER: "folder",
    SHORTCUT: "shortcut",
    f"{GOOGLE}document": "document",
    f"{GOOGLE}spreadsheet": "spreadsheet",
    f"{GOOGLE}presentation": "presentation",
    f"{GOOGLE}drawing": "drawing",
}
# Kind → wish → what to ask Google for, best first; each next one is what is asked when the one before is too large.
EXPORTS: dict[str, dict[str, tuple[str, ...]]] = {
    "document": {
        "office": (DOCX, "application/pdf", "text/plain"),
        "pdf": ("application/pdf", DOCX, "text/plain"),
        "text": ("text/plain",),
    },
    "spreadsheet": {
        "office": (XLSX, "application/pdf", "text/csv"),
        "pdf": ("application/pdf", XLSX, "text/csv"),
        "text": ("text/csv",),
    },
    "presentation": {
        "office": (PPTX, "application/pdf", "text/plain"),
        "pdf": ("application/pdf", PPTX, "text/plain"),
        "text": ("text/plain",),
    },
    "drawing": {
        "office": ("image/png", "application/pdf"),
        "pdf": ("application/pdf", "image/png"),
        "text": ("image/png",),
    },
}
ENDINGS = {
    DOCX: ".docx",
    XLSX: ".xlsx",
    PPTX: ".pptx",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "image/png": ".png",
}
DOCUMENTS = (
    *("text/", OFFICE, "application/pdf", "application/rtf", "application/msword", "application/vnd.ms-"),
    *("application/epub+zip", "application/json", "application/vnd.oasis.opendocument."),
)
FIELDS = (
    "id,name,mimeType,resourceKey,parents,trashed,starred,shared,ownedByMe,driveId,size,md5Checksum,createdTime,"
    "modifiedTime,webViewLink,owners(displayName),lastModifyingUser(displayName,me),capabilities(canDownload),"
    "appProperties,shortcutDetails(targetId,targetMimeType,targetResourceKey)"
)
MIB = 2**20
OURS = "coreEngine"
"""What a file that we put on Drive is marked with, so that it does not come back as another one."""


def kind_of(mime: str) -> str:
    """What a file is: folder, shortcut, document, spreadsheet, presentation, drawing, other (of Google's), or file."""
    return KINDS.get(mime) or ("other" if mime.startswith(GOOGLE) else "file")


def wish_of(call: Call) -> str:
    """What Google's documents become: office, pdf or text."""
    wish = text(call.config.get("google_docs_as"))
    return wish if wish in ("office", "pdf", "text") else "office"


def file_record(call: Call, raw: JSON, folder: str = "") -> JSON:
    """A file, in our words. `folder` is its path."""
    mime = text(raw.get("mimeType"))
    kind = kind_of(mime)
    shortcut = raw.get("shortcutDetails") if isinstance(raw.get("shortcutDetails"), dict) else {}
    real = text(shortcut.get("targetMimeType")) if kind == "shortcut" else mime
    exports = EXPORTS.get(kind_of(real), {}).get(wish_of(call), ())
    name = text(raw.get("name")) or "Untitled"
    updated = text(raw.get("modifiedTime"))
    owners = [text(owner.get("displayName")) for owner in objects(raw.get("owners"))]
    editor = raw.get("lastModifyingUser") if isinstance(raw.get("lastModifyingUser"), dict) else {}
    allowed = raw.get("capabilities") if isinstance(raw.get("capabilities"), dict) else {}
    properties = raw.get("appProperties") if isinstance(raw.get("appProperties"), dict) else {}
    link = text(raw.get("webViewLink"))
    return {
        "id": text(raw.get("id")),
        "name": named(name, exports[0]) if exports else name,
        "title": name,
        "kind": kind,
        "folder": folder,
        "folder_id": next((text(parent) for parent in raw.get("parents") or ()), ""),
        "content_type": exports[0] if exports else real or "application/octet-stream",
        "size_bytes": whole(raw.get("size")),
        "created_at": text(raw.get("createdTime")) or None,
        "updated_at": updated or None,
        # Same version, same bytes: what was fetched once is not fetched again.
        "version": text(raw.get("md5Checksum")) or f"{updated}/{exports[0] if exports else ''}",
        "html_url": link if link.startswith("https://") else "",
        "owner": owners[0] if owners else "",
        "editor": text(editor.get("displayName")),
        "is_edited_by_me": editor.get("me") is True,
        "is_shared": raw.get("shared") is True,
        "is_mine": raw.get("ownedByMe") is True,
        "is_starred": raw.get("starred") is True,
        "is_trashed": raw.get("trashed") is True,
        "is_downloadable": allowed.get("canDownload") is not False,
        "target_id": text(shortcut.get("targetId")),
        "target_type": text(shortcut.get("targetMimeType")),
        "resource_key": text(shortcut.get("targetResourceKey") or raw.get("resourceKey") or key_in(link)),
        "is_saved_by_us": OURS in properties,
        "keep": "nothing",
        "reason": "",
    }


def named(name: str, mime: str) -> str:
    """A name with the ending of its format, once."""
    ending = ENDINGS.get(mime, "")
    return name if not ending or name.lower().endswith(ending) else f"{name}{ending}"


def judge(call: Call, record: JSON, *, is_chosen: bool) -> JSON:
    """Say what is kept of a file: the file itself, a link to it with the reason why, or nothing."""
    if record["is_saved_by_us"]:
        return {**record, "reason": "It was saved from the vault."}
    rest = "link" if call.config.get("link_other_files") is True else "nothing"
    if not is_chosen:
        return {**record, "keep": rest, "reason": "It is in no folder that is brought in."}
    reason = why_not(call, record)
    return {**record, "keep": "link" if reason else "file", "reason": reason}


def why_not(call: Call, record: JSON) -> str:
    """Why a file of a chosen folder is not fetched; "" if it is."""
    mime = record["target_type"] or text(record["content_type"])
    kind = kind_of(mime) if record["kind"] == "shortcut" else record["kind"]
    if kind == "folder":
        return "It is a shortcut to a folder."
    if kind == "other" or kind == "shortcut":
        return "Google has no file of this kind to download."
    if not record["is_downloadable"]:
        return "Its owner has switched downloading off."
    largest = whole(call.config.get("max_file_mb")) or 25
    if record["size_bytes"] > largest * MIB:
        return f"It is larger than the {largest} MB that are brought in."
    wanted = text(call.config.get("file_kinds")) or "documents"
    is_document = kind in EXPORTS or mime.startswith(DOCUMENTS)
    is_picture = mime.startswith("image/")
    if wanted == "everything" or is_document or (is_picture and wanted == "documents_and_pictures"):
        return ""
    return "Files of this kind are not brought in."
