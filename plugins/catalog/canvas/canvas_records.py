"""Canvas's objects as records of our own, whose shape is declared in the manifest.

Source of the field names: the Canvas LMS REST API documentation. Every field may be missing, null or of another
type; ids are strings throughout.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    JSON = dict[str, Any]

UTC = timezone.utc  # noqa: UP017, plugins run on Python 3.9 too

SUBMISSION_STATES = ("unsubmitted", "submitted", "graded", "pending_review")
ITEM_KINDS = {
    "Assignment": "assignment",
    "Quiz": "quiz",
    "Discussion": "discussion",
    "File": "file",
    "Page": "page",
    "ExternalUrl": "link",
    "ExternalTool": "tool",
    "SubHeader": "subheader",
}


# Plain values from fields that may be missing, null or of another type


def text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def identifier(value: Any) -> str:
    """An id as a string, whatever Canvas sent; "" for none."""
    return "" if value is None or isinstance(value, (bool, float, dict, list)) else str(value)


def number(value: Any) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def whole(value: Any) -> int:
    found = number(value)
    return int(found) if found is not None else 0


def texts(value: Any) -> list[str]:
    return [text(entry) for entry in value if entry is not None] if isinstance(value, list) else []


def objects(value: Any) -> list[JSON]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def an_object(value: Any) -> JSON:
    return value if isinstance(value, dict) else {}


def moment(value: Any) -> str | None:
    """An ISO 8601 moment in UTC, to the second; None if there is none."""
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return None


def web_address(value: Any) -> str:
    """An address that a link may lead to, else nothing."""
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else ""


class TextBudget:
    """Cuts long texts so that an answer stays below what one message may hold, and its reader's memory.

    Every text gets at most `LONGEST` bytes; once `TOTAL` is spent, the rest get `SHORT`. Canvas has the whole text.
    """

    LONGEST, TOTAL, SHORT = 400_000, 3_500_000, 1_000
    NOTE = "… (The rest is on Canvas.)"

    def __init__(self) -> None:
        self.spent = 0

    def cut(self, value: str) -> str:
        limit = min(self.LONGEST, max(self.TOTAL - self.spent, self.SHORT))
        size = message_bytes(value) if 6 * len(value) > limit else len(value)
        is_cut = size > limit
        while size > limit:
            value = value[: int(len(value) * 0.9 * limit / size)]
            size = message_bytes(value)
        self.spent += size
        return value + self.NOTE if is_cut else value


def message_bytes(value: str) -> int:
    """What a text takes in a message: a quotation mark or a line break two bytes, a control character six."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


# Records


def course_record(raw: JSON, *, concluded: bool, color: str = "", position: Any = None) -> JSON:
    """Our record of a course; a stub (`access_restricted_by_date`) has little more than an id."""
    restricted = raw.get("access_restricted_by_date") is True
    enrollments = objects(raw.get("enrollments"))
    own = next((entry for entry in enrollments if text(entry.get("type")).lower().startswith("student")), {})
    grades = {} if raw.get("hide_final_grades") is True else grade_fields(own)
    term = raw.get("term") if isinstance(raw.get("term"), dict) else None
    state = text(raw.get("workflow_state")) or "available"
    if concluded or raw.get("concluded") is True or own.get("enrollment_state") == "completed":
        state = "completed"
    teachers = [text(entry.get("display_name") or entry.get("name")) for entry in objects(raw.get("teachers"))]
    # Where the student gave it a nickname, Canvas puts that into `name`.
    name, original = text(raw.get("name")), text(raw.get("original_name"))
    return {
        "id": identifier(raw.get("id")),
        "name": original or name or f"Course {identifier(raw.get('id'))}",
        "nickname": name if original and original != name else "",
        "color": color,
        "position": position if isinstance(position, int) and not isinstance(position, bool) else None,
        "is_favorite": raw.get("is_favorite") is True,
        "course_code": text(raw.get("course_code")),
        "enrollment_term_id": identifier(raw.get("enrollment_term_id")) or None,
        "term": term_record(term) if term else None,
        "start_at": moment(raw.get("start_at")),
        "end_at": moment(raw.get("end_at")),
        "time_zone": text(raw.get("time_zone")),
        "state": state if state in ("completed", "unpublished") else "available",
        "html_url": web_address(raw.get("html_url")),
        "syllabus_html": text(raw.get("syllabus_body")),
        "current_score": grades.get("current_score"),
        "current_grade": grades.get("current_grade"),
        "final_score": grades.get("final_score"),
        "final_grade": grades.get("final_grade"),
        "period_title": grades.get("period_title"),
        "period_score": grades.get("period_score"),
        "period_grade": grades.get("period_grade"),
        "weighs_groups": flag(raw.get("apply_assignment_group_weights")),
        "hides_total": raw.get("hide_final_grades") is True,
        "grading_scheme": scheme_rows(raw.get("grading_scheme")),
        "teachers": [name for name in teachers if name],
        "is_restricted": restricted,
    }


def scheme_rows(value: Any) -> list[list[Any]] | None:
    """Letters with their least percentage, from Canvas's pairs of letter and share of 1; None if it sent none."""
    pairs = [
        [text(entry[0]), round(100 * entry[1], 4)]
        for entry in (value if isinstance(value, list) else [])
        if isinstance(entry, list) and len(entry) == 2 and text(entry[0]) and number(entry[1]) is not None
    ]
    return pairs or None


def person_record(raw: JSON, role: str) -> JSON:
    return {
        "id": identifier(raw.get("id")),
        "name": text(raw.get("display_name") or raw.get("name") or raw.get("short_name")) or "Unnamed",
        "role": role,
        "email": text(raw.get("email")),
        "html_url": web_address(raw.get("html_url")),
    }


def listed_person(raw: JSON) -> JSON:
    """One of a course's list of users: an assistant is who has no enrolment as a teacher."""
    kinds = {text(entry.get("type")) for entry in objects(raw.get("enrollments"))}
    return person_record(raw, "assistant" if kinds and "TeacherEnrollment" not in kinds else "teacher")


def comment_record(raw: JSON) -> JSON:
    return {
        "id": identifier(raw.get("id")),
        "author": text(raw.get("author_name") or an_object(raw.get("author")).get("display_name")),
        "text": text(raw.get("comment"))[:20_000],
        "written_at": moment(raw.get("created_at")),
    }


def grade_fields(enrollment: JSON) -> JSON:
    """What an enrolment says of grades, in all and for the grading period that goes on."""
    period = text(enrollment.get("current_grading_period_title"))
    return {
        "current_score": grade_of(enrollment, "current_score", number),
        "current_grade": grade_of(enrollment, "current_grade", text) or None,
        "final_score": grade_of(enrollment, "final_score", number),
        "final_grade": grade_of(enrollment, "final_grade", text) or None,
        "period_title": period or None,
        "period_score": number(enrollment.get("current_period_computed_current_score")) if period else None,
        "period_grade": (text(enrollment.get("current_period_computed_current_grade")) or None) if period else None,
    }


def grade_of(enrollment: JSON, name: str, read: Any) -> Any:
    """A teacher's override first, then `computed_current_score` of course lists or `grades.current_score`."""
    grades = an_object(enrollment.get("grades"))
    override = enrollment.get(f"override_{name.rpartition('_')[2]}", grades.get(f"override_{name.rpartition('_')[2]}"))
    if override is not None:
        return read(override)
    return read(enrollment.get(f"computed_{name}", grades.get(name)))


def grade_record(raw: JSON) -> JSON:
    """Our record of the grades of one enrolment."""
    return {
        "course_id": identifier(raw.get("course_id")),
        "state": text(raw.get("enrollment_state")),
        "html_url": web_address(an_object(raw.get("grades")).get("html_url")),
        **grade_fields(raw),
    }


def term_record(raw: JSON) -> JSON:
    return {
        "id": identifier(raw.get("id")),
        "name": text(raw.get("name")),
        "start_at": moment(raw.get("start_at")),
        "end_at": moment(raw.get("end_at")),
    }


def group_record(raw: JSON) -> JSON:
    rules = an_object(raw.get("rules"))
    return {
        "id": identifier(raw.get("id")),
        "name": text(raw.get("name")),
        "position": whole(raw.get("position")),
        "weight": number(raw.get("group_weight")) or 0,
        "drop_lowest": whole(rules.get("drop_lowest")),
        "drop_highest": whole(rules.get("drop_highest")),
        "never_drop": [identifier(entry) for entry in rules.get("never_drop") or []],
    }


def assignment_record(raw: JSON, course_id: str, group: JSON | None, budget: TextBudget) -> JSON:
    submission = raw.get("submission")
    # A course may list several submissions where the caller is a teacher; a student has one.
    submission = submission[0] if isinstance(submission, list) and submission else submission
    return {
        "id": identifier(raw.get("id")),
        "course_id": identifier(raw.get("course_id")) or course_id,
        "name": text(raw.get("name")) or "Untitled assignment",
        "description_html": budget.cut(text(raw.get("description"))),
        "due_at": moment(raw.get("due_at")),
        "unlock_at": moment(raw.get("unlock_at")),
        "lock_at": moment(raw.get("lock_at")),
        "points_possible": number(raw.get("points_possible")),
        "grading_type": text(raw.get("grading_type")) or "points",
        "submission_types": texts(raw.get("submission_types")),
        "allowed_extensions": texts(raw.get("allowed_extensions")),
        "html_url": web_address(raw.get("html_url")),
        "position": whole(raw.get("position")),
        "state": text(raw.get("workflow_state")) or "published",
        "omit_from_final_grade": raw.get("omit_from_final_grade") is True,
        "planner_id": planner_id(raw),
        "group": group,
        "submission": submission_record(submission) if isinstance(submission, dict) else None,
    }


def planner_id(raw: JSON) -> str:
    """What the planner calls an assignment. Classic quizzes and graded discussions have ids of their own there."""
    if identifier(raw.get("quiz_id")) and raw.get("is_quiz_lti_assignment") is not True:
        return f"quiz:{identifier(raw['quiz_id'])}"
    topic = identifier(an_object(raw.get("discussion_topic")).get("id"))
    return f"discussion_topic:{topic}" if topic else ""


def submission_record(raw: JSON) -> JSON:
    state = text(raw.get("workflow_state"))
    attempt = number(raw.get("attempt"))
    return {
        "state": state if state in SUBMISSION_STATES else "unsubmitted",
        "submitted_at": moment(raw.get("submitted_at")),
        "graded_at": moment(raw.get("graded_at")),
        "posted_at": moment(raw.get("posted_at")),
        "score": number(raw.get("score")),
        "grade": text(raw.get("grade")) or None,
        "late": raw.get("late") is True,
        "missing": raw.get("missing") is True,
        "excused": raw.get("excused") is True,
        "attempt": int(attempt) if attempt is not None else None,
        "seconds_late": whole(raw.get("seconds_late")),
        "points_deducted": number(raw.get("points_deducted")),
        "html_url": web_address(raw.get("preview_url")),
    }


def announcement_record(raw: JSON, budget: TextBudget) -> JSON:
    return {
        "id": identifier(raw.get("id")),
        "course_id": text(raw.get("context_code")).partition("_")[2],
        "title": text(raw.get("title")) or "Untitled announcement",
        "message_html": budget.cut(text(raw.get("message"))),
        "posted_at": moment(raw.get("posted_at")),
        "author": text(an_object(raw.get("author")).get("display_name") or raw.get("user_name")),
        "html_url": web_address(raw.get("html_url")),
    }


def file_record(raw: JSON, course_id: str, folders: dict[str, str]) -> JSON:
    folder = folders.get(identifier(raw.get("folder_id")), "")
    return {
        "id": identifier(raw.get("id")),
        "course_id": course_id,
        "folder": folder[len("course files") :].lstrip("/") if folder.startswith("course files") else folder,
        "name": text(raw.get("display_name") or raw.get("filename")) or "Unnamed file",
        "content_type": text(raw.get("content-type")) or "application/octet-stream",
        "size_bytes": whole(raw.get("size")),
        "updated_at": moment(raw.get("modified_at") or raw.get("updated_at")),
        "html_url": web_address(raw.get("html_url") or raw.get("preview_url")),
        "locked": raw.get("locked_for_user") is True or raw.get("hidden_for_user") is True,
    }


def module_record(raw: JSON, course_id: str, items: list[JSON] | None) -> JSON:
    """Our record of a module; `items` is None where Canvas did not give them."""
    return {
        "id": identifier(raw.get("id")),
        "course_id": course_id,
        "name": text(raw.get("name")) or "Untitled module",
        "position": whole(raw.get("position")),
        "state": text(raw.get("state")),
        "unlock_at": moment(raw.get("unlock_at")),
        "completed_at": moment(raw.get("completed_at")),
        "is_sequential": raw.get("require_sequential_progress") is True,
        "requirement_type": "one" if raw.get("requirement_type") == "one" else "all",
        "prerequisite_ids": [identifier(entry) for entry in raw.get("prerequisite_module_ids") or []],
        "items": None if items is None else [item_record(entry) for entry in items if identifier(entry.get("id"))],
    }


def item_record(raw: JSON) -> JSON:
    kind = ITEM_KINDS.get(text(raw.get("type")), "other")
    details = an_object(raw.get("content_details"))
    needed = raw.get("completion_requirement")
    content_id = identifier(raw.get("content_id"))
    return {
        "id": identifier(raw.get("id")),
        "title": text(raw.get("title")) or "Untitled item",
        "kind": kind,
        "position": whole(raw.get("position")),
        "indent": whole(raw.get("indent")),
        "content_id": "" if content_id == "0" else content_id,
        "planner_ids": item_planner_ids(kind, content_id, is_new_quiz=raw.get("quiz_lti") is True),
        "html_url": web_address(raw.get("html_url")),
        "external_url": web_address(raw.get("external_url")),
        "requirement": requirement_record(needed) if isinstance(needed, dict) else None,
        "points_possible": number(details.get("points_possible")),
        "due_at": moment(details.get("due_at")),
        "unlock_at": moment(details.get("unlock_at")),
        "lock_at": moment(details.get("lock_at")),
    }


def item_planner_ids(kind: str, content_id: str, *, is_new_quiz: bool) -> list[str]:
    """What the work behind an item may be called in the planner. A New Quiz is an assignment, whatever its icon."""
    if not content_id:
        return []
    if kind == "assignment" or is_new_quiz:
        return [f"assignment:{content_id}"]
    names = {"quiz": "quiz", "discussion": "discussion_topic", "page": "wiki_page"}
    return [f"{names[kind]}:{content_id}"] if kind in names else []


def requirement_record(raw: JSON) -> JSON:
    score = number(raw.get("min_score"))
    return {
        "type": text(raw.get("type")) or "must_view",
        "min_score": number(raw.get("min_percentage")) if score is None else score,
        "completed": raw.get("completed") is True,
    }


def planner_record(raw: JSON) -> JSON:
    """Our record of one planner item. Its address is relative at Canvas, and stays so."""
    plannable, override = an_object(raw.get("plannable")), an_object(raw.get("planner_override"))
    kind, number_there = text(raw.get("plannable_type")), identifier(raw.get("plannable_id"))
    url = text(raw.get("html_url"))
    is_course = text(raw.get("context_type") or "Course") == "Course"
    all_day = plannable.get("all_day") is True and text(plannable.get("all_day_date"))
    return {
        "id": f"{kind}:{number_there}",
        "course_id": identifier(raw.get("course_id")) if is_course else "",
        "assignment_id": number_there if kind == "assignment" else identifier(plannable.get("assignment_id")),
        "kind": kind,
        "title": text(plannable.get("title") or plannable.get("name")) or "Untitled",
        "starts_at": None if all_day else moment(raw.get("plannable_date") or plannable.get("start_at")),
        "ends_at": None if all_day else moment(plannable.get("end_at")),
        "starts_on": all_day or None,
        "location": text(plannable.get("location_name")),
        "details_html": text(plannable.get("description") or plannable.get("details"))[:20_000],
        "html_url": web_address(url),
        "html_path": url if url.startswith("/") and not url.startswith("//") else "",
        "override_id": identifier(override.get("id")),
        "marked_complete": override.get("marked_complete") is True,
        "dismissed": override.get("dismissed") is True,
    }
