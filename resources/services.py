"""Everything that changes a vault. Pages, API, admin, tasks and imports come through here."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from coreengine.accounts.models import User
from coreengine.kernel.blobs import is_granted, open_blob, store
from coreengine.kernel.events import record
from coreengine.kernel.models import Blob
from resources import tasks
from resources.errors import DuplicateFile, EmptyFile, ForeignBlob, InTrash, NotInTrash, WrongKind
from resources.extract import kinds
from resources.extract.markdown import plain_markdown
from resources.extract.passages import split_passages
from resources.extract.result import Page
from resources.extract.runner import extract_text
from resources.models import Passage, Resource
from resources.rules import (
    check_address,
    check_body,
    check_tags,
    check_title,
    safe_file_name,
    title_from_name,
)

logger = logging.getLogger(__name__)

Extraction = Resource.Extraction
MAX_ATTEMPTS = 3
# A child is killed after 45 s, so a reading that is "running" for longer than this lost its worker.
LOST_AFTER = timedelta(minutes=3)


# --- Bringing things in ------------------------------------------------------------------------------------


def upload_file(
    file: IO[bytes],
    *,
    name: str,
    by: User,
    title: str = "",
    body: str = "",
    tags: str | Iterable[str] = (),
    allow_duplicate: bool = False,
) -> Resource:
    """Keep a file. Its type is told from its bytes; its text is read by a worker afterwards.

    Raises:
        EmptyFile, TooLarge: nothing is kept.
        DuplicateFile: the same bytes are in the vault or its trash already, and `allow_duplicate` is off.
        ValidationError: title, tags or note are out of bounds.
    """
    name = safe_file_name(name)
    title = check_title(title) if title.strip() else title_from_name(name)
    body, tags = check_body(body), check_tags(tags)
    content_type = sniff_file(file, name)
    blob = store(file, content_type=content_type, max_bytes=settings.MAX_UPLOAD_BYTES)
    if not blob.size_bytes:
        raise EmptyFile(f"“{name}” is empty: it has 0 bytes. Check that the file was saved before you upload it.")
    with transaction.atomic():
        # The lock makes two uploads of the same bytes wait for each other, so one of them is the duplicate.
        Blob.objects.select_for_update().get(pk=blob.pk)
        if not allow_duplicate:
            _refuse_duplicate(by, blob, name)
        resource = Resource.objects.create(
            owner=by,
            kind=Resource.Kind.FILE,
            title=title,
            body=body,
            tags=tags,
            **_file_fields(blob, name, content_type),
        )
        record("resource.created", actor=by, subject=resource, data=_facts(resource))
        _index(resource)
        _queue_reading(resource)
    return resource


@transaction.atomic
def write_note(*, by: User, title: str, body: str = "", tags: str | Iterable[str] = ()) -> Resource:
    """Keep a Markdown note."""
    return _create(
        by, Resource.Kind.NOTE, by=by, title=check_title(title), body=check_body(body), tags=check_tags(tags)
    )


@transaction.atomic
def save_link(*, by: User, url: str, title: str = "", body: str = "", tags: str | Iterable[str] = ()) -> Resource:
    """Keep a link with what the student says about it; nothing is fetched. Without a title, the address serves."""
    url = check_address(url)
    title = check_title(title if title.strip() else url.partition("://")[2].rstrip("/")[:255])
    return _create(by, Resource.Kind.LINK, by=by, url=url, title=title, body=check_body(body), tags=check_tags(tags))


def _create(owner: User, kind: str, *, by: User | None, **fields: Any) -> Resource:
    resource = Resource.objects.create(owner=owner, kind=kind, **fields)
    record("resource.created", actor=by, subject=resource, data=_facts(resource))
    _index(resource)
    return resource


def import_file(*, owner: User, source: str, record: dict[str, Any], by: User | None) -> tuple[Resource, str]:
    """Bring in or bring up to date a file that a source found; say "created", "changed" or "unchanged".

    `record` is an import record of a file with its `blob` (a digest, or the object with one). Identity is
    (owner, source, record["id"]). What the student changed stays: an own title, tags, notes, the trash.

    Raises:
        ForeignBlob: the bytes are unknown, or this student never fetched them.
        ValidationError: the record lacks its id or name.
    """
    external_id, name = str(record.get("id") or ""), safe_file_name(str(record.get("name") or ""))
    if not source or not external_id or len(external_id) > 200:
        raise ValidationError({"id": "The file has no usable id."})
    blob = _blob_of(owner, record)
    updated_at = _moment(record.get("updated_at"))
    with transaction.atomic():
        existing = (
            Resource.objects.select_for_update(of=("self",))
            .filter(owner=owner, source=source, external_id=external_id)
            .first()
        )
        if existing is None:
            return _import_new(owner, source, external_id, name, blob, updated_at, record, by), "created"
        return existing, _import_again(existing, name, blob, updated_at, by)


def import_link(*, owner: User, source: str, record: dict[str, Any], by: User | None) -> tuple[Resource, str]:
    """Bring in or bring up to date a link to a file that stays at its source; say how, as `import_file` does.

    Raises:
        ValidationError: the record lacks its id, or an address that a browser can follow.
    """
    external_id, name = str(record.get("id") or ""), safe_file_name(str(record.get("name") or ""))
    url = _web_address(record.get("html_url"))
    if not source or not external_id or len(external_id) > 200 or not url:
        raise ValidationError({"html_url": "The file has no page that a link could lead to."})
    title = title_from_name(name)
    with transaction.atomic():
        existing = (
            Resource.objects.select_for_update(of=("self",))
            .filter(owner=owner, source=source, external_id=external_id)
            .first()
        )
        if existing is None:
            fields = {"title": title, "url": url, "file_name": name, "source": source, "external_id": external_id}
            return _create(owner, Resource.Kind.LINK, by=by, **fields), "created"
        wanted = {"url": url, "file_name": name}
        if existing.title == title_from_name(existing.file_name):
            wanted["title"] = title
        changed = [field for field, value in wanted.items() if getattr(existing, field) != value]
        if existing.is_trashed or not changed:
            return existing, "unchanged"
        for field in changed:
            setattr(existing, field, wanted[field])
        existing.updated_at = timezone.now()
        existing.save(update_fields=[*changed, "updated_at"])
        _note_update(existing, changed, by)
        return existing, "changed"


def _note_update(resource: Resource, fields: list[str], by: User | None) -> None:
    record("resource.updated", actor=by, subject=resource, data={"fields": sorted(fields)})


def _import_new(
    owner: User,
    source: str,
    external_id: str,
    name: str,
    blob: Blob,
    updated_at: datetime | None,
    found: dict[str, Any],
    by: User | None,
) -> Resource:
    with open_blob(blob) as file:
        content_type = sniff_file(file, name)
    resource = Resource.objects.create(
        owner=owner,
        kind=Resource.Kind.FILE,
        title=title_from_name(name),
        url=_web_address(found.get("html_url")),
        source=source,
        external_id=external_id,
        external_updated_at=updated_at,
        **_file_fields(blob, name, content_type),
    )
    record("resource.created", actor=by, subject=resource, data={**_facts(resource), "source": source})
    _index(resource)
    _queue_reading(resource)
    return resource


def _import_again(resource: Resource, name: str, blob: Blob, updated_at: datetime | None, by: User | None) -> str:
    if resource.is_trashed or (resource.blob_id == blob.pk and resource.file_name == name):
        return "unchanged"
    changed = ["updated_at", "external_updated_at", "file_name"]
    if resource.title == title_from_name(resource.file_name):
        resource.title = title_from_name(name)
        changed.append("title")
    new_bytes = resource.blob_id != blob.pk
    if new_bytes:
        with open_blob(blob) as file:
            fields = {"kind": Resource.Kind.FILE, **_file_fields(blob, name, sniff_file(file, name))}
        for field, value in fields.items():
            setattr(resource, field, value)
        changed += fields
    resource.file_name, resource.external_updated_at, resource.updated_at = name, updated_at, timezone.now()
    resource.save(update_fields=sorted(set(changed)))
    record(
        "resource.updated",
        actor=by,
        subject=resource,
        data={"fields": ["file"] if new_bytes else ["file_name"]},
    )
    if new_bytes:
        _index(resource, [])
        _queue_reading(resource)
    return "changed"


# --- Changing and removing ---------------------------------------------------------------------------------


@transaction.atomic
def edit_resource(
    resource: Resource,
    *,
    by: User,
    title: str | None = None,
    body: str | None = None,
    url: str | None = None,
    tags: str | Iterable[str] | None = None,
) -> Resource:
    """Change what is given and leave the rest. Changing nothing leaves the time of change alone.

    Raises:
        InTrash: it has to be restored first.
        WrongKind: an address for something that is no link.
        ValidationError: by field.
    """
    resource = _locked(resource)
    if resource.is_trashed:
        raise InTrash(f"“{resource.title}” is in the trash. Restore it to change it.")
    wanted: dict[str, Any] = {}
    if title is not None:
        wanted["title"] = check_title(title)
    if body is not None:
        wanted["body"] = check_body(body)
    if tags is not None:
        wanted["tags"] = check_tags(tags)
    if url is not None and url != resource.url:
        if resource.kind != Resource.Kind.LINK:
            raise WrongKind("Only a link has an address that can be changed.")
        wanted["url"] = check_address(url)
    changed = [name for name, value in wanted.items() if getattr(resource, name) != value]
    if not changed:
        return resource
    for name in changed:
        setattr(resource, name, wanted[name])
    resource.updated_at = timezone.now()
    resource.save(update_fields=[*changed, "updated_at"])
    record("resource.updated", actor=by, subject=resource, data={"fields": sorted(changed)})
    if "body" in changed:
        _index(resource)
    return resource


@transaction.atomic
def trash_resource(resource: Resource, *, by: User) -> Resource:
    """Put it in the trash, where it stays until it is restored or deleted for good. Twice is harmless."""
    resource = _locked(resource)
    if not resource.is_trashed:
        resource.trashed_at = timezone.now()
        resource.save(update_fields=["trashed_at"])
        record("resource.trashed", actor=by, subject=resource, data={"title": resource.title})
    return resource


@transaction.atomic
def restore_resource(resource: Resource, *, by: User) -> Resource:
    """Take it out of the trash. Twice is harmless."""
    resource = _locked(resource)
    if resource.is_trashed:
        resource.trashed_at = None
        resource.save(update_fields=["trashed_at"])
        record("resource.restored", actor=by, subject=resource, data={"title": resource.title})
    return resource


@transaction.atomic
def delete_for_good(resource: Resource, *, by: User) -> None:
    """Delete what lies in the trash. Its bytes go with the next sweep unless something else has the same.

    Raises:
        NotInTrash: it has to be put in the trash first, so that no single slip loses anything.
    """
    resource = _locked(resource)
    if not resource.is_trashed:
        raise NotInTrash(f"“{resource.title}” is not in the trash. Put it there first.")
    record("resource.deleted", actor=by, subject=resource, data={"title": resource.title, "kind": resource.kind})
    resource.delete()  # a trigger of the database lets go of the bytes


def empty_trash(*, by: User) -> int:
    """Delete everything in this student's trash for good; return how many."""
    trashed = list(Resource.objects.editable_by(by).trashed().light())
    with transaction.atomic():
        for resource in trashed:
            delete_for_good(resource, by=by)
    return len(trashed)


# --- Reading the text --------------------------------------------------------------------------------------


def read_text(resource_id: int) -> Resource | None:
    """Read the text of a file in a confined child and store it with its passages. Safe to run twice.

    1. Claim the row, or leave if there is nothing to read (any more). 2. Read without holding a lock.
    3. Store, unless the file was replaced meanwhile: then the new file has its own reading queued.
    """
    with transaction.atomic():
        resource = Resource.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=resource_id).first()
        if resource is None or not _may_start(resource):
            return resource
        if resource.extraction_attempts >= MAX_ATTEMPTS:
            return _finish(resource, Extraction.FAILED, "Reading the file was interrupted three times.", [], None)
        resource.extraction_status, resource.extraction_started_at = Extraction.RUNNING, timezone.now()
        resource.extraction_attempts += 1
        resource.save(update_fields=["extraction_status", "extraction_started_at", "extraction_attempts"])
    blob = resource.blob
    try:
        with open_blob(blob) as file:  # type: ignore[arg-type]
            outcome = extract_text(file, resource.content_type)
    except FileNotFoundError:
        outcome = None
    if outcome and outcome.error:
        logger.info("resource %s could not be read: %s (%s)", resource_id, outcome.reason, outcome.error)
    with transaction.atomic():
        resource = Resource.objects.select_for_update(of=("self",)).filter(pk=resource_id).first()
        if resource is None or resource.blob_id != blob.pk:  # type: ignore[union-attr]
            return resource
        if outcome is None:
            return _finish(resource, Extraction.FAILED, "The stored file is missing. Upload it again.", [], None)
        return _finish(resource, outcome.status, outcome.reason, outcome.pages, outcome.page_count)


@transaction.atomic
def read_again(resource: Resource, *, by: User) -> Resource:
    """Queue another reading of a file's text, for instance after a failure.

    Raises:
        WrongKind: it is no file.
    """
    resource = _locked(resource)
    if resource.kind != Resource.Kind.FILE:
        raise WrongKind("Only files have text to be read.")
    if resource.extraction_status not in {Extraction.PENDING, Extraction.RUNNING}:
        resource.extraction_status, resource.extraction_attempts, resource.extraction_reason = (
            Extraction.PENDING,
            0,
            "",
        )
        resource.save(update_fields=["extraction_status", "extraction_attempts", "extraction_reason"])
        record("resource.reading_requested", actor=by, subject=resource)
        tasks.read_text.delay_on_commit(resource.pk)
    return resource


def requeue_lost_readings(*, now: datetime | None = None) -> int:
    """Queue readings whose message or worker was lost; return how many. Safe to run at any time."""
    now = now or timezone.now()
    lost = Resource.objects.filter(
        extraction_status=Extraction.PENDING, updated_at__lt=now - timedelta(minutes=1)
    ) | Resource.objects.filter(extraction_status=Extraction.RUNNING, extraction_started_at__lt=now - LOST_AFTER)
    ids = list(lost.order_by("updated_at").values_list("pk", flat=True)[:200])
    for pk in ids:
        tasks.read_text.delay(pk)
    return len(ids)


def _may_start(resource: Resource) -> bool:
    if resource.extraction_status == Extraction.PENDING:
        return True
    started = resource.extraction_started_at
    return (
        resource.extraction_status == Extraction.RUNNING
        and started is not None
        and started < timezone.now() - LOST_AFTER
    )


def _finish(resource: Resource, status: str, reason: str, pages: list[Page], page_count: int | None) -> Resource:
    resource.text = "\n\n".join(page.text for page in pages)
    resource.extraction_status, resource.extraction_reason = status, reason[:500]
    resource.page_count = page_count
    resource.save(update_fields=["text", "extraction_status", "extraction_reason", "page_count"])
    _index(resource, pages)
    record(
        "resource.text_read",
        actor=None,
        subject=resource,
        data={"status": status, "reason": reason, "characters": len(resource.text)},
    )
    return resource


# --- Shared steps ------------------------------------------------------------------------------------------


def sniff_file(file: IO[bytes], name: str) -> str:
    """Tell the content type of an open file from its bytes, and leave it at its start."""
    file.seek(0)
    head = file.read(kinds.HEAD_BYTES)
    file.seek(0, 2)
    file.seek(max(0, file.tell() - kinds.TAIL_BYTES))
    tail = file.read(kinds.TAIL_BYTES)
    file.seek(0)
    return kinds.sniff(head, tail, name)


def _index(resource: Resource, pages: list[Page] | None = None) -> None:
    """Write the passages anew: the student's own words first, then the pages of the file.

    Without `pages`, those that were read before are kept.
    """
    if pages is None:
        read_before = resource.passages.filter(is_own=False).order_by("ordinal")
        pages = [Page(text, number) for text, number in read_before.values_list("text", "page")]
    own = [Page(plain_markdown(resource.body))] if resource.body else []
    pieces = [(True, piece) for piece in split_passages(own)] + [(False, piece) for piece in split_passages(pages)]
    resource.passages.all().delete()
    Passage.objects.bulk_create(
        [
            Passage(
                resource=resource,
                owner_id=resource.owner_id,
                ordinal=ordinal,
                page=piece.number,
                is_own=is_own,
                text=piece.text,
            )
            for ordinal, (is_own, piece) in enumerate(pieces)
        ],
        batch_size=500,
    )


def _file_fields(blob: Blob, name: str, content_type: str) -> dict[str, Any]:
    is_readable = kinds.is_readable(content_type)
    return {
        "blob": blob,
        "file_name": name,
        "content_type": content_type,
        "size_bytes": blob.size_bytes,
        "text": "",
        "page_count": None,
        "extraction_status": Extraction.PENDING if is_readable else Extraction.SKIPPED,
        "extraction_reason": "" if is_readable else "The text of this kind of file cannot be read.",
        "extraction_attempts": 0,
    }


def _queue_reading(resource: Resource) -> None:
    if resource.extraction_status == Extraction.PENDING:
        tasks.read_text.delay_on_commit(resource.pk)


def _refuse_duplicate(owner: User, blob: Blob, name: str) -> None:
    existing = Resource.objects.visible_to(owner).filter(blob=blob).light().order_by("trashed_at", "pk").last()
    kept = Resource.objects.visible_to(owner).kept().filter(blob=blob).light().first()
    if kept is not None:
        raise DuplicateFile(f"“{name}” is in your vault already, as “{kept.title}”.", existing_id=kept.pk)
    if existing is not None:
        raise DuplicateFile(
            f"“{name}” is in your trash, as “{existing.title}”. Restore it instead.", existing_id=existing.pk
        )


def _blob_of(owner: User, found: dict[str, Any]) -> Blob:
    reference = found.get("blob")
    digest = reference.get("blob") if isinstance(reference, dict) else reference
    blob = Blob.objects.filter(sha256=digest).first() if isinstance(digest, str) else None
    # Who merely knows the digest of another student's file gets nothing by it.
    is_theirs = blob is not None and (
        is_granted(blob, owner=owner) or Resource.objects.filter(owner=owner, blob=blob).exists()
    )
    if blob is None or not is_theirs:
        raise ForeignBlob(f"The content of “{found.get('name', 'the file')}” was not fetched.")
    return blob


def _moment(value: Any) -> datetime | None:
    moment = parse_datetime(value) if isinstance(value, str) else value if isinstance(value, datetime) else None
    return timezone.make_aware(moment) if moment and timezone.is_naive(moment) else moment


def _web_address(value: Any) -> str:
    try:
        return check_address(str(value)) if value else ""
    except ValidationError:
        return ""  # the file counts, its page at the source is an extra


def _locked(resource: Resource) -> Resource:
    return Resource.objects.select_for_update(of=("self",)).get(pk=resource.pk)


def _facts(resource: Resource) -> dict[str, Any]:
    return {"title": resource.title, "kind": resource.kind, "size_bytes": resource.size_bytes}
