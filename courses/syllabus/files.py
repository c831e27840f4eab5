"""Imports out of files that have to be read first: they go into the vault, and a worker reads them there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from courses.models import Course, ImportDraft
from courses.services import attach_resource
from courses.syllabus.drafts import KEPT_FOR, forget_stale, read_text_into
from courses.syllabus.reading import check_text, is_table
from resources.errors import DuplicateFile
from resources.models import Resource
from resources.services import upload_file

GUESSED = "kind_is_guessed"


@dataclass(frozen=True)
class Waiting:
    """How far the reading of a file is; `problem` says why there is nothing to wait for."""

    title: str
    url: str
    problem: str


def begin_import_of_file(
    owner: User, file: IO[bytes], *, by: User, name: str, course: Course | None = None, **values: Any
) -> ImportDraft:
    """Put a file into the vault, attach it to the course, and begin an import that waits until it is read.

    A file that lies in the vault already is taken from there. `values` are those of `begin_import_of_resource`.

    Raises:
        EmptyFile, TooLarge: nothing is kept.
        ValidationError: by field.
    """
    _check_course(course, values.get("course_name", ""))
    try:
        resource = upload_file(file, name=name, by=by)
    except DuplicateFile as error:
        known = Resource.objects.visible_to(owner).kept().filter(pk=error.existing_id).first()
        if known is None:  # it lies in the trash: the new one stands beside it
            file.seek(0)
        resource = known or upload_file(file, name=name, by=by, allow_duplicate=True)
    if course is not None:
        attach_resource(course, resource, by=by)
    return begin_import_of_resource(owner, resource, by=by, course=course, **values)


@transaction.atomic
def begin_import_of_resource(
    owner: User,
    resource: Resource,
    *,
    by: User,
    kind: str = "",
    course: Course | None = None,
    course_name: str = "",
) -> ImportDraft:
    """Begin an import out of a file of the vault, at once where it is read already. Without `kind` it is guessed.

    Raises:
        ValidationError: by field.
    """
    _check_course(course, course_name)
    draft = ImportDraft.objects.create(
        owner=owner,
        course=course,
        course_name="" if course else course_name.strip()[:255],
        kind=kind or ImportDraft.Kind.SYLLABUS,
        file_name=(resource.file_name or resource.title)[:255],
        resource=resource,
        choices={} if kind else {GUESSED: True},
        expires_at=timezone.now() + KEPT_FOR,
    )
    forget_stale(owner)
    return read_when_ready(draft, by=by)


@transaction.atomic
def read_when_ready(draft: ImportDraft, *, by: User) -> ImportDraft:
    """Read the work out of the file's text, once there is one. Harmless before that, and a second time."""
    draft = ImportDraft.objects.select_for_update(of=("self",)).select_related("owner", "course__term").get(pk=draft.pk)
    resource = draft.resource
    if not draft.is_waiting or resource is None or not resource.text.strip():
        return draft
    try:
        text = check_text(resource.text)
    except ValidationError:
        return draft  # `waiting_for` says why
    choices = dict(draft.choices)
    # A word processor sets each line as a paragraph of its own; the rows of a table have no empty lines between them.
    rows = re.sub(r"\n\s*\n", "\n", text)
    if choices.pop(GUESSED, False) and is_table(rows, ""):
        draft.kind = ImportDraft.Kind.TABLE
    text = rows if draft.kind == ImportDraft.Kind.TABLE else text
    draft.choices = choices
    return read_text_into(draft, text)


def waiting_for(draft: ImportDraft) -> Waiting:
    """Say how far the reading is."""
    resource = draft.resource
    if resource is None or resource.is_trashed:
        return Waiting(draft.file_name, "", "The file is not in your vault any more.")
    problem = ""
    if resource.text.strip():
        try:
            check_text(resource.text)
        except ValidationError as error:
            problem = " ".join(error.messages)
    elif not resource.is_reading:
        problem = resource.extraction_reason or "There is no text in it: it may be a scan, which only shows a picture."
    return Waiting(resource.title, resource.get_absolute_url(), problem)


def _check_course(course: Course | None, course_name: str) -> None:
    if course is None and not course_name.strip():
        raise ValidationError({"course": "Choose a course, or name a new one."})
