"""Importing what was written about submissions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from courses.importing.compare import BATCH, apply, differences, write_changed
from courses.importing.records import CommentRecord, read_batch
from courses.models import Assignment, SubmissionComment


def import_comments(comments: Mapping[str, list[Any]], rows: Mapping[str, Assignment]) -> list[Assignment]:
    """Replace the comments of the assignments in `comments` (by the source's id); return those with new ones.

    One read and three statements, however many there are.
    """
    wanted = {rows[key].pk: (rows[key], given) for key, given in comments.items() if key in rows}
    known = {
        (row.assignment_id, row.external_id): row
        for row in SubmissionComment.objects.filter(assignment__in=list(wanted))
    }
    created: list[SubmissionComment] = []
    changed: list[SubmissionComment] = []
    fields: set[str] = set()
    news: list[Assignment] = []
    for pk, (assignment, given) in wanted.items():
        count = len(created)
        for record in read_batch(CommentRecord, given).records:
            values = record.model_dump(exclude={"id"})
            row = known.pop((pk, record.id), None)
            if row is None:
                created.append(SubmissionComment(assignment_id=pk, external_id=record.id, **values))
            elif found := differences(row, values):
                apply(row, values)
                changed.append(row)
                fields |= found.keys()
        if len(created) > count:
            news.append(assignment)
    SubmissionComment.objects.bulk_create(created, batch_size=BATCH)
    write_changed(SubmissionComment, changed, fields)
    SubmissionComment.objects.filter(pk__in=[row.pk for row in known.values()]).delete()
    return news
