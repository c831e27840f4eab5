"""Importing courses and their terms."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record_many
from courses.importing.compare import (
    ImportResult,
    apply,
    differences,
    finish_import,
    lock_student,
    note_import,
    said,
    write_changed,
)
from courses.importing.records import Batch, CourseRecord, Problem, TermRecord, read_batch
from courses.models import Course, SourceImport, Term
from courses.models.courses import HUE_ANGLES, HUES
from courses.sameness.services import match_courses


@transaction.atomic
def import_courses(owner: User, *, source: str, courses: list[Any], by: Any, is_complete: bool = True) -> ImportResult:
    """Make a source's courses ours: create, update, mark the vanished, leave alone what the student wrote.

    `courses` are raw records (see `CourseRecord`); a malformed one is reported and changes nothing. Running it
    again with the same records changes nothing. `extra["ids"]` maps the source's ids to ours. What a list that is
    not complete leaves out has not vanished. The name, the colour and the place that the student gave a course at
    the source are taken over, and followed, for as long as the student has not chosen otherwise here.
    """
    lock_student(owner, source)
    note, is_baseline = note_import(owner, source=source, kind=SourceImport.Kind.COURSES)
    batch = read_batch(CourseRecord, courses)
    known = {course.external_id: course for course in Course.objects.filter(owner=owner).from_source(source)}
    terms = _import_terms(owner, source, batch)
    result = ImportResult(problems=batch.problems)
    drafts: list[EventDraft] = []

    created, changed, fields = _sort(owner, source, batch, known, terms, result)
    Course.objects.bulk_create(created)
    for course in created:
        drafts.append(EventDraft("course.created", course, {"name": course.name, "baseline": is_baseline}))
    for course, changes in changed:
        drafts.append(EventDraft("course.updated", course, {"name": course.name, "changes": said(changes)}))
        if changes.get("state", [""])[-1] == Course.State.COMPLETED:
            data = {"name": course.name, "course": course.pk, "by": "source"}
            drafts.append(EventDraft("course.concluded", course, data))
    write_changed(Course, [course for course, _ in changed], fields | {"updated_at"})

    vanished = [
        course
        for identity, course in known.items()
        if is_complete and identity not in batch.named_ids and course.missing_since is None
    ]
    now = timezone.now()
    Course.objects.filter(pk__in=[course.pk for course in vanished]).update(missing_since=now, updated_at=now)
    drafts += [EventDraft("course.missing", course, {"name": course.name}) for course in vanished]

    record_many(drafts, actor=by, owner=owner)
    match_courses(owner, by=by)
    result.created, result.changed, result.missing = len(created), len(changed), len(vanished)
    known.update({course.external_id: course for course in created})
    result.extra = {"ids": {record.id: known[record.id].pk for record in batch.records if record.id in known}}
    finish_import(note, result)
    return result


def _sort(
    owner: User,
    source: str,
    batch: Batch[CourseRecord],
    known: dict[str, Course],
    terms: dict[str, Term],
    result: ImportResult,
) -> tuple[list[Course], list[tuple[Course, dict[str, list[Any]]]], set[str]]:
    """Split the records into new courses and changed ones; count the rest as unchanged."""
    created: list[Course] = []
    changed: list[tuple[Course, dict[str, list[Any]]]] = []
    fields: set[str] = set()
    hues = Counter(Course.objects.filter(owner=owner, deleted_at__isnull=True).values_list("hue", flat=True))
    # Where the student put the courses in order here, a new one comes last until it is given its place.
    has_own_order = Course.objects.filter(owner=owner, position_is_own=True).exists()
    now = timezone.now()
    for index, record in enumerate(batch.records):
        course = known.get(record.id)
        if not record.name and not record.is_restricted:
            result.problems.append(Problem(index, record.id, "", "name: a course needs a name"))
            continue
        values = _values(record, terms, course)
        if course is None:
            hue = wanted_hue(record.color, hues)
            hues[hue] += 1
            place = None if has_own_order else record.position
            own = {"hue": hue, "nickname": record.nickname, "position": place, **_source_choices(record)}
            created.append(Course(owner=owner, source=source, external_id=record.id, **own, **values))
            continue
        values |= _own_look(record, course, hues)
        changes = differences(course, values)
        if not changes:
            result.unchanged += 1
            continue
        apply(course, values)
        course.updated_at = now
        fields |= changes.keys()
        changed.append((course, changes))
    return created, changed, fields


def _values(record: CourseRecord, terms: dict[str, Term], course: Course | None) -> dict[str, Any]:
    """Say which fields an import sets, and to what.

    Canvas gives a bare stub of a course whose dates shut the student out: it says so and wipes nothing.
    """
    if record.is_restricted and not record.name:
        stub = {"is_restricted": True, "missing_since": None}
        return stub if course else {**stub, "name": record.course_code or f"Course {record.id}"}
    term = terms.get(record.term.id) if record.term else None
    values = {
        "name": record.name,
        "code": record.course_code,
        "term_id": term.pk if term else None,
        "starts_at": record.start_at,
        "ends_at": record.end_at,
        "time_zone": record.time_zone,
        "state": record.known_state,
        "html_url": record.html_url,
        "syllabus_html": record.syllabus_html,
        "teachers": record.teachers,
        "current_score": record.current_score,
        "current_grade": record.current_grade,
        "final_score": record.final_score,
        "final_grade": record.final_grade,
        "period_title": record.period_title,
        "period_score": record.period_score,
        "period_grade": record.period_grade,
        "weighs_groups": record.weighs_groups,
        "hides_total": record.hides_total,
        "source_scale": record.grading_scheme,
        "is_favorite": record.is_favorite,
        "is_restricted": record.is_restricted,
        "missing_since": None,
    }
    if record.is_partial and course is not None:
        # A calendar knows a course by its code only: the name that the source itself gave is better.
        said = record.model_fields_set - {"name"}
        return {name: value for name, value in values.items() if SAID_AS.get(name, name) in said}
    return values


def _source_choices(record: CourseRecord) -> dict[str, Any]:
    return {
        "source_nickname": record.nickname,
        "source_color": record.color,
        "source_position": record.position,
    }


def _own_look(record: CourseRecord, course: Course, hues: Counter[int]) -> dict[str, Any]:
    """Say what becomes of a known course's name, colour and place: what differs from the source's is the student's.

    A source that tells nothing of a choice (a feed, a plugin of before) takes none back.
    """
    values: dict[str, Any] = {}
    told = record.model_fields_set
    if "nickname" in told and record.nickname != course.source_nickname:
        values["source_nickname"] = record.nickname
        if course.nickname == course.source_nickname:
            values["nickname"] = record.nickname
    if record.position is not None and record.position != course.source_position:
        values["source_position"] = record.position
        if not course.position_is_own:
            values["position"] = record.position
    if record.color and record.color != course.source_color:
        values["source_color"] = record.color
        # The colour of a first look may have been taken by another course then: it is no news.
        if course.source_color and not course.hue_is_own:
            others = hues - Counter([course.hue])
            values["hue"] = wanted_hue(record.color, others)
            hues[course.hue] -= 1
            hues[values["hue"]] += 1
    return values


# Fields of ours that records know by another name; what no record says is said by every record.
SAID_AS = {
    "code": "course_code",
    "term_id": "term",
    "starts_at": "start_at",
    "ends_at": "end_at",
    "source_scale": "grading_scheme",
    "missing_since": "id",
}


def _import_terms(owner: User, source: str, batch: Batch[CourseRecord]) -> dict[str, Term]:
    """Create or update the terms that the courses name; one that is no longer named stays as it is."""
    named: dict[str, TermRecord] = {record.term.id: record.term for record in batch.records if record.term}
    terms = {term.external_id: term for term in Term.objects.filter(owner=owner).from_source(source)}
    for identity, record in named.items():
        values = {"name": record.name, "starts_at": record.start_at, "ends_at": record.end_at}
        term = terms.get(identity)
        if term is None:
            terms[identity] = Term.objects.create(owner=owner, source=source, external_id=identity, **values)
        elif differences(term, values):
            apply(term, values)
            term.save(update_fields=list(values))
    return terms


def wanted_hue(color: str, taken: Counter[int]) -> int:
    """Pick the colour of ours that is nearest to the source's "#3b6fd4" and not taken, else a free one."""
    angle = hue_angle(color)
    if angle is None:
        return free_hue(taken)
    nearest = min(range(HUES), key=lambda hue: abs((HUE_ANGLES[hue] - angle + 180) % 360 - 180))
    return free_hue(taken) if taken[nearest] else nearest


def hue_angle(color: str) -> float | None:
    """Give the hue of a colour as an angle in the OKLCH circle; None for greys and for what is no colour.

    Source: Björn Ottosson, "A perceptual color space for image processing" (the matrices of OKLab).
    """
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        return None
    shares = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return None if math.hypot(a, b) < 0.02 else math.degrees(math.atan2(b, a)) % 360


def free_hue(taken: Counter[int]) -> int:
    """Pick the colour that the student's courses use least; the first ones of the palette differ most."""
    return min(range(HUES), key=lambda hue: taken[hue])
