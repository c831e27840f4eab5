"""Canvas: courses, assignments with submissions, announcements and files of the student who connected it.

Everything is read with as few requests as Canvas allows (100 items a page, what belongs together in one
answer) and handed over as records of our own, whose shape is declared in the manifest. Source of the field
names: the Canvas LMS REST API documentation.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from coreengine_sdk import Call, HttpError, Plugin, PluginError, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    JSON = dict[str, Any]

plugin = Plugin("canvas-integration")

UTC = timezone.utc  # noqa: UP017, plugins run on Python 3.9 too

API = "/api/v1"
# Ids may be larger than 2^53; as strings they survive every JSON reader on the way.
ACCEPT = {"Accept": "application/json+canvas-string-ids, application/json"}
PER_PAGE = 100
MAX_CONTEXT_CODES = 10
"""Canvas takes so many courses in one request for announcements."""

ANNOUNCEMENT_DAYS = 90
MAX_MODULE_FILES = 200
ENROLLMENT_STATES = {"active": "active", "invited": "invited_or_pending", "concluded": "completed"}
SUBMISSION_STATES = ("unsubmitted", "submitted", "graded", "pending_review")


# Reading from Canvas


def domain_of(call: Call) -> str:
    return str(call.config.get("canvas_domain") or "Canvas")


def fetch(call: Call, path: str, what: str, query: JSON | None = None) -> Any:
    """One object, or whatever else the path answers; `what` names it in messages."""
    return read_json(call, call.http.get(API + path, query=query, headers=ACCEPT), what)


def fetch_all(call: Call, path: str, what: str, query: JSON | None = None) -> list[JSON]:
    """Every object of a list, page after page; entries that are no objects are passed over."""

    def read(response: Response) -> list[Any]:
        items = read_json(call, response, what)
        if not isinstance(items, list):
            raise unexpected(call, what)
        return items

    pages = call.paginate(API + path, {"per_page": PER_PAGE, **(query or {})}, read=read, headers=ACCEPT)
    try:
        return [item for item in pages if isinstance(item, dict)]
    except PluginError as error:
        if error.code != "paging_never_ends":
            raise
        raise PluginError(
            "paging_never_ends",
            f"{domain_of(call)} never stops sending pages of {what}: they lead round in a circle. "
            "Nothing was taken over; try again later.",
        ) from None


def read_json(call: Call, response: Response, what: str) -> Any:
    """The JSON of a good answer; every other kind of answer in words for the student.

    Raises:
        PluginError: see the codes below.
    """
    domain = domain_of(call)
    if response.status == 401 and "www-authenticate" in response.headers:
        raise PluginError(
            "credential_rejected",
            "Canvas did not accept the token: it is wrong, has expired or was deleted. "
            f"Make a new one at https://{domain}/profile/settings and connect again.",
        )
    if response.status == 429 or (response.status == 403 and "rate limit exceeded" in response.text.lower()):
        raise PluginError("too_many_requests", f"{domain} asks to slow down. Try again in a minute.", retryable=True)
    if response.status in (401, 403):
        raise PluginError("permission_denied", f"Canvas does not let you read {what}.")
    if response.status in (404, 410):
        raise PluginError("not_found", f"Canvas has no {what} for you. It may have been removed.")
    if response.status >= 500:
        raise PluginError(
            "unavailable",
            f"{domain} has a problem of its own (status {response.status}). Try again later.",
            retryable=True,
        )
    if is_web_page(response):
        raise PluginError(
            "not_data",
            f"{domain} answered with a web page instead of data; is {domain} a Canvas address? "
            "Check the Canvas domain in the connection's settings.",
        )
    if not response.ok:
        raise PluginError("refused", f"{domain} refused to give {what} (status {response.status}).")
    try:
        return response.json()
    except PluginError:
        raise PluginError(
            "malformed_answer",
            f"{domain} sent {what} in a form that cannot be read (broken JSON). Try again later.",
            retryable=True,
        ) from None


def is_web_page(response: Response) -> bool:
    start = response.text.lstrip()[:15].lower()
    return response.content_type in ("text/html", "application/xhtml+xml") or start.startswith(("<!doctype", "<html"))


def unexpected(call: Call, what: str) -> PluginError:
    return PluginError(
        "malformed_answer", f"{domain_of(call)} sent {what} in an unexpected form. Try again later.", retryable=True
    )


# Plain values from fields that may be missing, null or of another type


def text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def identifier(value: Any) -> str:
    """An id as a string, whatever Canvas sent; "" for none."""
    return "" if value is None or isinstance(value, (bool, float, dict, list)) else str(value)


def number(value: Any) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def whole(value: Any) -> int:
    found = number(value)
    return int(found) if found is not None else 0


def texts(value: Any) -> list[str]:
    return [text(entry) for entry in value if entry is not None] if isinstance(value, list) else []


def objects(value: Any) -> list[JSON]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def moment(value: Any) -> str | None:
    """An ISO 8601 moment in UTC, to the second; None if there is none."""
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def web_address(value: Any) -> str:
    """An address that a link may lead to, else nothing."""
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else ""


# Records


def course_record(raw: JSON, *, concluded: bool) -> JSON:
    """Our record of a course; a stub (`access_restricted_by_date`) has little more than an id."""
    restricted = raw.get("access_restricted_by_date") is True
    enrollments = objects(raw.get("enrollments"))
    own = next((entry for entry in enrollments if text(entry.get("type")).lower().startswith("student")), {})
    hidden = raw.get("hide_final_grades") is True
    term = raw.get("term") if isinstance(raw.get("term"), dict) else None
    state = text(raw.get("workflow_state")) or "available"
    if concluded or raw.get("concluded") is True or own.get("enrollment_state") == "completed":
        state = "completed"
    teachers = [text(entry.get("display_name") or entry.get("name")) for entry in objects(raw.get("teachers"))]
    return {
        "id": identifier(raw.get("id")),
        "name": text(raw.get("name")) or f"Course {identifier(raw.get('id'))}",
        "course_code": text(raw.get("course_code")),
        "enrollment_term_id": identifier(raw.get("enrollment_term_id")) or None,
        "term": term_record(term) if term else None,
        "start_at": moment(raw.get("start_at")),
        "end_at": moment(raw.get("end_at")),
        "time_zone": text(raw.get("time_zone")),
        "state": state if state in ("completed", "unpublished") else "available",
        "html_url": web_address(raw.get("html_url")),
        "syllabus_html": text(raw.get("syllabus_body")),
        "current_score": None if hidden else grade_of(own, "current_score", number),
        "current_grade": None if hidden else grade_of(own, "current_grade", text) or None,
        "final_score": None if hidden else grade_of(own, "final_score", number),
        "final_grade": None if hidden else grade_of(own, "final_grade", text) or None,
        "teachers": [name for name in teachers if name],
        "is_restricted": restricted,
    }


def grade_of(enrollment: JSON, name: str, read: Any) -> Any:
    """`computed_current_score` in the list of courses, `grades.current_score` in an enrolment."""
    grades = enrollment.get("grades") if isinstance(enrollment.get("grades"), dict) else {}
    return read(enrollment.get(f"computed_{name}", grades.get(name)))


def term_record(raw: JSON) -> JSON:
    return {
        "id": identifier(raw.get("id")),
        "name": text(raw.get("name")),
        "start_at": moment(raw.get("start_at")),
        "end_at": moment(raw.get("end_at")),
    }


def group_record(raw: JSON) -> JSON:
    rules = raw.get("rules") if isinstance(raw.get("rules"), dict) else {}
    return {
        "id": identifier(raw.get("id")),
        "name": text(raw.get("name")),
        "position": whole(raw.get("position")),
        "weight": number(raw.get("group_weight")) or 0,
        "drop_lowest": whole(rules.get("drop_lowest")),
        "drop_highest": whole(rules.get("drop_highest")),
        "never_drop": [identifier(entry) for entry in rules.get("never_drop") or []],
    }


def assignment_record(raw: JSON, course_id: str, groups: dict[str, JSON]) -> JSON:
    submission = raw.get("submission")
    # A course may list several submissions where the caller is a teacher; a student has one.
    submission = submission[0] if isinstance(submission, list) and submission else submission
    return {
        "id": identifier(raw.get("id")),
        "course_id": identifier(raw.get("course_id")) or course_id,
        "name": text(raw.get("name")) or "Untitled assignment",
        "description_html": text(raw.get("description")),
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
        "group": groups.get(identifier(raw.get("assignment_group_id"))),
        "submission": submission_record(submission) if isinstance(submission, dict) else None,
    }


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


def announcement_record(raw: JSON) -> JSON:
    author = raw.get("author") if isinstance(raw.get("author"), dict) else {}
    return {
        "id": identifier(raw.get("id")),
        "course_id": text(raw.get("context_code")).partition("_")[2],
        "title": text(raw.get("title")) or "Untitled announcement",
        "message_html": text(raw.get("message")),
        "posted_at": moment(raw.get("posted_at")),
        "author": text(author.get("display_name") or raw.get("user_name")),
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


# Actions


@plugin.authenticate
def authenticate(call: Call) -> JSON:
    """Whose token it is."""
    user = fetch(call, "/users/self", "your profile")
    if not isinstance(user, dict) or not identifier(user.get("id")):
        raise unexpected(call, "your profile")
    return {"id": identifier(user["id"]), "name": text(user.get("name"))}


@plugin.validate
def validate(call: Call) -> dict[str, str]:
    """What the pattern of the manifest cannot say about the domain."""
    domain = text(call.config.get("canvas_domain"))
    if ".." in domain or domain.startswith((".", "-")):
        return {"canvas_domain": "This is not a host name. It looks like uncch.instructure.com."}
    return {}


@plugin.action("get_courses")
def get_courses(call: Call) -> list[JSON]:
    state = call.params.get("enrollment_state")
    concluded_too = call.params.get("include_concluded", call.config.get("include_concluded")) is True
    wanted = [ENROLLMENT_STATES.get(state, "active")]
    if concluded_too and "completed" not in wanted and state is None:
        wanted.append("completed")
    include = ["term", "total_scores", "teachers", "syllabus_body", "concluded"]
    found: dict[str, JSON] = {}
    for enrollment_state in wanted:
        query = {"enrollment_state": enrollment_state, "include[]": include}
        for raw in fetch_all(call, "/courses", "courses", query):
            record = course_record(raw, concluded=enrollment_state == "completed")
            if record["id"]:
                found.setdefault(record["id"], record)
    call.log(f"{len(found)} courses")
    return list(found.values())


@plugin.action("get_assignments")
def get_assignments(call: Call) -> list[JSON]:
    """Two requests for a course of up to a hundred assignments: its groups, and the assignments with submissions."""
    course_id = parameter(call, "course_id")
    what = f"the assignments of course {course_id}"
    query = {"include[]": ["submission"], "order_by": "position"}
    raw = fetch_all(call, f"/courses/{course_id}/assignments", what, query)
    groups = {}
    if raw:
        for entry in fetch_all(call, f"/courses/{course_id}/assignment_groups", f"the groups of course {course_id}"):
            record = group_record(entry)
            groups[record["id"]] = record
    records = [assignment_record(entry, course_id, groups) for entry in raw if identifier(entry.get("id"))]
    call.log(f"course {course_id}: {len(records)} assignments in {len(groups)} groups")
    return records


@plugin.action("get_announcements")
def get_announcements(call: Call) -> list[JSON]:
    course_ids = [identifier(entry) for entry in call.params.get("course_ids") or []]
    now = datetime.now(UTC)
    # Whole days, so that the same question has the same address all day and is answered "not modified".
    since = moment(call.params.get("since")) or (now - timedelta(days=ANNOUNCEMENT_DAYS)).date().isoformat()
    until = (now + timedelta(days=2)).date().isoformat()
    query = {"start_date": since, "end_date": until, "active_only": "true"}
    unique = [course_id for course_id in dict.fromkeys(course_ids) if course_id]
    found: dict[str, JSON] = {}
    for start in range(0, len(unique), MAX_CONTEXT_CODES):
        for raw in announcements_of(call, unique[start : start + MAX_CONTEXT_CODES], query):
            record = announcement_record(raw)
            if record["id"]:
                found.setdefault(record["id"], record)
    records = sorted(found.values(), key=lambda record: record["posted_at"] or "", reverse=True)
    call.log(f"{len(records)} announcements of {len(unique)} courses")
    return records


def announcements_of(call: Call, course_ids: list[str], query: JSON) -> list[JSON]:
    """The announcements of some courses. One that is closed must not hide those of the others."""
    codes = [f"course_{course_id}" for course_id in course_ids]
    try:
        return fetch_all(call, "/announcements", "announcements", {"context_codes[]": codes, **query})
    except PluginError as error:
        if error.code not in ("permission_denied", "not_found"):
            raise
        if len(course_ids) == 1:
            call.log(f"no announcements of course {course_ids[0]}: {error.message}", "warning")
            return []
    return [raw for course_id in course_ids for raw in announcements_of(call, [course_id], query)]


@plugin.action("get_files")
def get_files(call: Call) -> list[JSON]:
    course_id = parameter(call, "course_id")
    what = f"the files of course {course_id}"
    try:
        raw = fetch_all(call, f"/courses/{course_id}/files", what)
    except PluginError as error:
        # Many courses switch the Files tab off and hand their files out in modules.
        if error.code not in ("permission_denied", "not_found"):
            raise
        raw = files_in_modules(call, course_id)
        folders = {}
    else:
        folders = folders_of(call, course_id) if raw else {}
    records = [file_record(entry, course_id, folders) for entry in raw if identifier(entry.get("id"))]
    call.log(f"course {course_id}: {len(records)} files")
    return records


def folders_of(call: Call, course_id: str) -> dict[str, str]:
    """Full name of each folder by id; where Canvas keeps them to itself, files have no folder."""
    try:
        raw = fetch_all(call, f"/courses/{course_id}/folders", f"the folders of course {course_id}")
    except PluginError as error:
        if error.code not in ("permission_denied", "not_found"):
            raise
        return {}
    return {identifier(entry.get("id")): text(entry.get("full_name")) for entry in raw}


def files_in_modules(call: Call, course_id: str) -> list[JSON]:
    """The files that the modules of a course lead to, each once."""
    what = f"the modules of course {course_id}"
    content_ids: dict[str, None] = {}
    for module in fetch_all(call, f"/courses/{course_id}/modules", what, {"include[]": ["items"]}):
        items = module.get("items")
        if items is None and module.get("id"):  # Canvas leaves the items of a large module out
            path = f"/courses/{course_id}/modules/{identifier(module['id'])}/items"
            items = fetch_all(call, path, what)
        for item in objects(items):
            if item.get("type") == "File" and identifier(item.get("content_id")):
                content_ids[identifier(item["content_id"])] = None
    found = []
    wanted = list(content_ids)[:MAX_MODULE_FILES]
    for done, file_id in enumerate(wanted, start=1):
        try:
            raw = fetch(call, f"/courses/{course_id}/files/{file_id}", f"file {file_id}")
        except PluginError as error:
            if error.code not in ("permission_denied", "not_found"):
                raise
            continue
        if isinstance(raw, dict):
            found.append(raw)
        call.progress(done, len(wanted), "files in modules")
    return found


@plugin.action("download_file")
def download_file(call: Call) -> JSON:
    file_id = parameter(call, "file_id")
    raw = fetch(call, f"/files/{file_id}", f"file {file_id}")
    if not isinstance(raw, dict):
        raise unexpected(call, f"file {file_id}")
    record = file_record(raw, identifier(raw.get("course_id")), {})
    address = web_address(raw.get("url"))
    if record["locked"] or not address:
        raise PluginError("file_locked", f"Canvas keeps “{record['name']}” locked for you at the moment.")
    try:
        response = call.http.get(address, as_blob=True)
    except HttpError as error:
        if error.code != "too_large":
            raise
        raise PluginError("too_large", f"“{record['name']}” is too large to be brought in.") from None
    if not response.ok or not response.blob:
        # The address is signed for a short time and for this version of the file only.
        raise PluginError(
            "unavailable",
            f"Canvas did not hand out “{record['name']}” (status {response.status}). Try again.",
            retryable=True,
        )
    content_type = record["content_type"]
    if content_type == "application/octet-stream":
        content_type = text(response.blob.get("content_type")) or content_type
    return {
        **record,
        "content_type": content_type,
        "size_bytes": whole(response.blob.get("size_bytes")),
        "blob": text(response.blob.get("blob")),
    }


def parameter(call: Call, name: str) -> str:
    """An id among the parameters; only what can stand in a path as it is."""
    value = identifier(call.params.get(name))
    if not value or not value.replace("~", "").isalnum():
        raise PluginError("invalid_params", f"{name} must be the id of something on Canvas, not {value or 'empty'!r}.")
    return value


plugin.run()
