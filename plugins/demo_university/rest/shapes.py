"""The objects of the semester in the words of the Canvas API."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

from ..semester import Announcement, Assignment, Course, File, Semester, Submission
from ..semester.build import ZONE
from ..semester.documents import file_bytes
from ..semester.grades import LETTERS, course_score, letter
from ..semester.model import STUDENT, CalendarEvent, Group, Module, ModuleItem
from ..university import DOMAIN, University


def iso(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def course_url(university: University, course: Course) -> str:
    return f"{university.public_url}/courses/{course.id}"


def teacher_of(course: Course, n: int) -> dict[str, Any]:
    return {
        "id": course.id % 10**13 * 10 + n,
        "anonymous_id": f"t{course.id % 1000}{n}",
        "display_name": course.teachers[n],
        "avatar_image_url": None,
        "html_url": None,
    }


def people(university: University, course: Course, includes: set[str]) -> list[tuple[str, dict[str, Any]]]:
    """The teachers and assistants of a course, each with the type of the enrolment. The first one leads it."""
    found = []
    for n, name in enumerate(course.teachers):
        kind = "TeacherEnrollment" if n == 0 else "TaEnrollment"
        shape = {"id": teacher_of(course, n)["id"], "name": name, "short_name": name, "sortable_name": name}
        if "email" in includes:
            letters = unicodedata.normalize("NFKD", name.split()[-1].lower()).encode("ascii", "ignore").decode()
            shape["email"] = f"{letters}@{DOMAIN}"
        if "enrollments" in includes:
            shape["enrollments"] = [{"type": kind, "role": kind, "course_id": course.id, "enrollment_state": "active"}]
        found.append((kind, shape))
    return found


def term(semester: Semester) -> dict[str, Any]:
    return {
        "id": semester.id,
        "name": semester.name,
        "start_at": iso(semester.starts_at),
        "end_at": iso(semester.ends_at),
        "workflow_state": "active",
    }


def course(university: University, course: Course, includes: set[str]) -> dict[str, Any]:
    if course.is_restricted:
        return {"id": course.id, "access_restricted_by_date": True}
    semester = university.semester
    nickname = university.nicknames.get(course.id)
    enrollment: dict[str, Any] = {
        "type": "student",
        "role": "StudentEnrollment",
        "role_id": 3,
        "user_id": STUDENT["id"],
        "enrollment_state": "completed" if course.is_concluded else "active",
    }
    shape: dict[str, Any] = {
        "id": course.id,
        "uuid": university.sign("course", course.id),
        "name": nickname or course.name,
        "course_code": course.code,
        "account_id": 1,
        "enrollment_term_id": semester.id,
        "workflow_state": "deleted" if course.is_deleted else "available",
        "start_at": None,
        "end_at": None,
        "created_at": iso(semester.starts_at),
        "time_zone": STUDENT["time_zone"],
        "default_view": "modules",
        "is_public": False,
        "hide_final_grades": False,
        "apply_assignment_group_weights": True,
        "restrict_enrollments_to_course_dates": False,
        "html_url": course_url(university, course),
        "calendar": {"ics": f"{university.public_url}/feeds/calendars/course_{course.id}.ics"},
        "enrollments": [enrollment],
    }
    if nickname:
        shape["original_name"] = course.name
    if "grading_scheme" in includes:
        shape["grading_scheme"] = [*([name, least / 100] for least, name in LETTERS), ["F", 0.0]]
    if "term" in includes:
        shape["term"] = term(semester)
    if "total_scores" in includes:
        current, final = course_score(course, final=False), course_score(course, final=True)
        enrollment |= {
            "computed_current_score": current,
            "computed_current_grade": letter(current),
            "computed_final_score": final,
            "computed_final_grade": letter(final),
        }
    if "current_grading_period_scores" in includes:
        enrollment |= current_period(semester, course)
    if "teachers" in includes:
        shape["teachers"] = [teacher_of(course, n) for n in range(len(course.teachers))]
    if "syllabus_body" in includes:
        shape["syllabus_body"] = course.syllabus
    if "concluded" in includes:
        shape["concluded"] = course.is_concluded
    if "favorites" in includes:
        shape["is_favorite"] = True
    if "course_image" in includes:
        shape["image_download_url"] = None
    if "sections" in includes:
        shape["sections"] = [{"id": course.id % 10**13 * 10 + 9, "name": f"{course.code} 001"}]
    if "course_progress" in includes:
        done = [found for found in course.modules if found.state == "completed"]
        shape["course_progress"] = {
            "requirement_count": len(course.modules),
            "requirement_completed_count": len(done),
            "next_requirement_url": None,
            "completed_at": None,
        }
    return shape


def current_period(semester: Semester, course: Course) -> dict[str, Any]:
    """The grading period that goes on: each half of the term is one."""
    middle = semester.starts_at + (semester.ends_at - semester.starts_at) / 2
    is_first = semester.today < middle.date()
    due = {found.id for found in course.assignments if found.due_at and (found.due_at < middle) == is_first}
    current, final = course_score(course, final=False, only=due), course_score(course, final=True, only=due)
    return {
        "has_grading_periods": True,
        "multiple_grading_periods_enabled": True,
        "totals_for_all_grading_periods_option": True,
        "current_grading_period_title": "First half" if is_first else "Second half",
        "current_grading_period_id": 31 if is_first else 32,
        "current_period_computed_current_score": current,
        "current_period_computed_current_grade": letter(current),
        "current_period_computed_final_score": final,
        "current_period_computed_final_grade": letter(final),
    }


def grade_of(assignment: Assignment) -> str | None:
    score = assignment.submission.visible_score
    if assignment.submission.excused:
        return None
    if score is None:
        return None
    if assignment.grading_type == "pass_fail":
        return "complete" if score > 0 else "incomplete"
    if assignment.grading_type == "percent":
        return f"{100 * score / assignment.points:g}%"
    return f"{score:g}"


def submission(
    university: University, course: Course, assignment: Assignment, includes: set[str] = frozenset()
) -> dict[str, Any]:
    made: Submission = assignment.submission
    url = f"{course_url(university, course)}/assignments/{assignment.id}"
    shape: dict[str, Any] = {
        "id": assignment.id * 10 + 1,
        "assignment_id": assignment.id,
        "user_id": STUDENT["id"],
        "attempt": 1 if made.submitted_at else None,
        "score": made.visible_score,
        "entered_score": made.visible_score,
        "grade": grade_of(assignment),
        "entered_grade": grade_of(assignment),
        "grade_matches_current_submission": True,
        "submitted_at": iso(made.submitted_at),
        "graded_at": iso(made.graded_at) if made.posted_at else None,
        "posted_at": iso(made.posted_at),
        "late": made.late,
        "missing": made.missing,
        "excused": made.excused,
        "late_policy_status": "late" if made.late else "missing" if made.missing else None,
        "points_deducted": made.points_deducted if made.posted_at else None,
        "seconds_late": made.seconds_late,
        "workflow_state": made.state,
        "submission_type": assignment.types[0] if made.submitted_at else None,
        "redo_request": False,
        "preview_url": f"{url}/submissions/{STUDENT['id']}?preview=1&version=1",
    }
    if "submission_comments" in includes:
        shape["submission_comments"] = [
            {
                "id": assignment.id * 10 + n,
                "author_id": course.id % 10**13 * 10,
                "author_name": said.author,
                "comment": said.text,
                "created_at": iso(said.written_at),
                "edited_at": None,
            }
            for n, said in enumerate(made.comments, start=2)
            if made.posted_at
        ]
    return shape


def assignment(university: University, course: Course, assignment: Assignment, includes: set[str]) -> dict[str, Any]:
    locked = bool(assignment.lock_at and assignment.lock_at < university.now)
    early = bool(assignment.unlock_at and assignment.unlock_at > university.now)
    shape: dict[str, Any] = {
        "id": assignment.id,
        "course_id": course.id,
        "name": assignment.name,
        "description": assignment.description + "x" * university.faults.big_descriptions,
        "due_at": iso(assignment.due_at),
        "unlock_at": iso(assignment.unlock_at),
        "lock_at": iso(assignment.lock_at),
        "points_possible": assignment.points,
        "grading_type": assignment.grading_type,
        "submission_types": assignment.types,
        "allowed_attempts": -1,
        "assignment_group_id": assignment.group.id,
        "position": assignment.position,
        "html_url": f"{course_url(university, course)}/assignments/{assignment.id}",
        "published": True,
        "workflow_state": "published",
        "locked_for_user": locked or early,
        "omit_from_final_grade": False,
        "hide_in_gradebook": False,
        "group_category_id": None,
        "peer_reviews": False,
        "important_dates": False,
        "is_quiz_assignment": "online_quiz" in assignment.types,
        "is_quiz_lti_assignment": assignment.is_new_quiz,
        "has_submitted_submissions": assignment.submission.submitted_at is not None,
        "module_ids": [
            found.id
            for found in course.modules
            if any(item.content_id and item.content_id in (assignment.id, assignment.quiz_id) for item in found.items)
        ],
        "created_at": iso(assignment.updated_at),
        "updated_at": iso(assignment.updated_at),
    }
    if assignment.quiz_id:
        shape["quiz_id"] = assignment.quiz_id
    if assignment.extensions:
        shape["allowed_extensions"] = assignment.extensions
    if locked or early:
        shape["lock_explanation"] = "This assignment is locked."
    if "submission" in includes:
        shape["submission"] = submission(university, course, assignment)
    return shape


def group(university: University, course: Course, found: Group, includes: set[str]) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": found.id,
        "name": found.name,
        "position": found.position,
        "group_weight": found.weight,
        "rules": {"drop_lowest": found.drop_lowest} if found.drop_lowest else {},
    }
    if "assignments" in includes:
        shape["assignments"] = [
            assignment(university, course, entry, includes) for entry in course.assignments if entry.group is found
        ]
    return shape


def announcement(university: University, course: Course, found: Announcement) -> dict[str, Any]:
    return {
        "id": found.id,
        "title": found.title,
        "message": found.message,
        "posted_at": iso(found.posted_at),
        "delayed_post_at": None,
        "context_code": f"course_{course.id}",
        "is_announcement": True,
        "read_state": "unread",
        "user_name": found.author,
        "author": {"id": course.id % 10**13 * 10, "display_name": found.author},
        "html_url": f"{course_url(university, course)}/discussion_topics/{found.id}",
        "url": f"{course_url(university, course)}/discussion_topics/{found.id}",
        "attachments": [],
    }


def folders_of(course: Course) -> list[tuple[int, str]]:
    """(id, full name) of every folder, the parents of nested ones included."""
    names = {"course files"}
    for file in course.files:
        parts = _folder(file).split("/")
        names |= {"/".join(parts[: n + 1]) for n in range(len(parts))}
    base = course.id // 10**13 * 10**13 + course.id % 10**13 * 1000 + 550
    return [(base + n, name) for n, name in enumerate(sorted(names))]


def _folder(file: File) -> str:
    return file.folder if file.folder.startswith("course files") else f"course files/{file.folder}"


def folder(course: Course, folder_id: int, full_name: str) -> dict[str, Any]:
    ids = {name: number for number, name in folders_of(course)}
    parent, _, name = full_name.rpartition("/")
    return {
        "id": folder_id,
        "name": name,
        "full_name": full_name,
        "context_id": course.id,
        "context_type": "Course",
        "parent_folder_id": ids.get(parent),
        "files_count": sum(1 for file in course.files if _folder(file) == full_name),
        "locked": False,
        "hidden": False,
    }


def file(university: University, course: Course, found: File, base: str) -> dict[str, Any]:
    signature = university.sign("file", found.id, found.revision)
    ids = {name: number for number, name in folders_of(course)}
    return {
        "id": found.id,
        "uuid": university.sign("uuid", found.id),
        "folder_id": ids[_folder(found)],
        "display_name": found.name,
        "filename": found.name,
        "content-type": found.content_type,
        "url": "" if found.locked else f"{base}/files/{found.id}/download?download_frd=1&verifier={signature}",
        "size": len(file_bytes(found)),
        "created_at": iso(found.updated_at),
        "updated_at": iso(found.updated_at),
        "modified_at": iso(found.updated_at),
        "unlock_at": None,
        "lock_at": None,
        "locked": found.locked,
        "hidden": False,
        "hidden_for_user": False,
        "locked_for_user": found.locked,
        "thumbnail_url": None,
        "mime_class": found.name.rsplit(".", 1)[1],
        "html_url": f"{course_url(university, course)}/files/{found.id}",
    }


def module(university: University, course: Course, found: Module, includes: set[str]) -> dict[str, Any]:
    api = f"https://{DOMAIN}/api/v1/courses/{course.id}/modules/{found.id}"
    shape: dict[str, Any] = {
        "id": found.id,
        "name": found.name,
        "position": found.position,
        "unlock_at": iso(found.unlock_at),
        "require_sequential_progress": found.is_sequential,
        "requirement_type": found.needs,
        "prerequisite_module_ids": found.requires,
        "items_count": len(found.items),
        "items_url": f"{api}/items",
        "state": found.state,
        "completed_at": None,
        "published": True,
    }
    # Canvas leaves the items of a large module out of the list of modules.
    if "items" in includes and not university.faults.module_items_left_out:
        shape["items"] = [
            module_item(university, course, found, item, n, includes) for n, item in enumerate(found.items, start=1)
        ]
    return shape


def module_item(
    university: University,
    course: Course,
    module: Module,
    item: ModuleItem,
    position: int,
    includes: set[str],
) -> dict[str, Any]:
    contents = [item.content_id] if item.content_id else []
    work = next((found for found in course.assignments if found.id in contents or found.quiz_id in contents), None)
    shape: dict[str, Any] = {
        "id": item.id,
        "module_id": module.id,
        "position": position,
        "title": item.title,
        "indent": item.indent,
        "type": item.type,
        "html_url": f"{course_url(university, course)}/modules/items/{item.id}",
        "published": True,
    }
    if item.type == "SubHeader":
        del shape["html_url"]
    if item.content_id:
        shape["content_id"] = item.content_id
    if item.is_new_quiz:
        shape["quiz_lti"] = True
    if item.page_url:
        shape["page_url"] = item.page_url
    if item.external_url:
        shape["external_url"] = item.external_url
    if work:
        made = work.submission
        done = bool(made.submitted_at or made.excused)
        shape["completion_requirement"] = {"type": "must_submit", "completed": done}
        if item.min_score is not None:
            reached = (made.visible_score or 0) >= item.min_score
            shape["completion_requirement"] = {"type": "min_score", "min_score": item.min_score, "completed": reached}
        if "content_details" in includes:
            shape["content_details"] = {
                "points_possible": work.points,
                "due_at": iso(work.due_at),
                "unlock_at": iso(work.unlock_at),
                "lock_at": iso(work.lock_at),
            }
    elif item.type in ("Page", "File"):
        # Read on the way: what the student handed in from a module, he has read about before.
        seen = {found.id for found in course.assignments if found.submission.submitted_at}
        seen |= {found.quiz_id for found in course.assignments if found.quiz_id and found.submission.submitted_at}
        is_seen = any(entry.content_id in seen for entry in module.items if entry.content_id)
        shape["completion_requirement"] = {"type": "must_view", "completed": is_seen}
    return shape


def assignment_event(university: University, course: Course, found: Assignment) -> dict[str, Any]:
    return {
        "id": f"assignment_{found.id}",
        "title": found.name,
        "type": "assignment",
        "context_code": f"course_{course.id}",
        "start_at": iso(found.due_at),
        "end_at": iso(found.due_at),
        "all_day": False,
        "workflow_state": "published",
        "html_url": f"{course_url(university, course)}/assignments/{found.id}",
        "assignment": assignment(university, course, found, set()),
    }


def calendar_event(university: University, course: Course, found: CalendarEvent) -> dict[str, Any]:
    day = found.starts_at.astimezone(ZONE).date().isoformat()
    return {
        "id": found.id,
        "title": found.title,
        "type": "event",
        "start_at": iso(found.starts_at),
        "end_at": iso(found.starts_at if found.is_all_day else found.ends_at),
        "all_day": found.is_all_day,
        "all_day_date": day if found.is_all_day else None,
        "description": found.description,
        "location_name": found.location,
        "context_code": f"course_{course.id}",
        "workflow_state": "active",
        "html_url": f"{university.public_url}/calendar?event_id={found.id}&include_contexts=course_{course.id}",
    }
