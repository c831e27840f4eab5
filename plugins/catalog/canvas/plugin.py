"""Canvas: courses, modules, assignments with submissions, grades, announcements, files and the planner of a student.

Everything is read with as few requests as Canvas allows (100 items a page, what belongs together in one
answer) and handed over as records of our own, whose shape is declared in the manifest. A student whose school
allows no token connects with a calendar feed, which gives less (`canvas_feed`).
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from canvas_api import (
    ACCEPT,
    PER_PAGE,
    domain_of,
    fetch,
    fetch_all,
    fetch_pages,
    is_feed,
    read_json,
    unexpected,
)
from canvas_records import (
    TextBudget,
    an_object,
    announcement_record,
    assignment_record,
    comment_record,
    course_record,
    file_record,
    grade_record,
    group_record,
    identifier,
    listed_person,
    module_record,
    moment,
    objects,
    person_record,
    planner_record,
    text,
    web_address,
    whole,
)
from coreengine_sdk import Call, HttpError, Plugin, PluginError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    JSON = dict[str, Any]

plugin = Plugin("canvas-integration")

UTC = timezone.utc  # noqa: UP017, plugins run on Python 3.9 too

MAX_CONTEXT_CODES = 10
"""Canvas takes so many courses in one request for announcements."""

ANNOUNCEMENT_DAYS = 90
PLANNER_DAYS_BACK, PLANNER_DAYS_AHEAD = 28, 120
MAX_MODULE_FILES = 200
ENROLLMENT_STATES = {"active": "active", "invited": "invited_or_pending", "concluded": "completed"}
CLOSED = ("permission_denied", "not_found")
COURSE_PARTS = [
    "term",
    "total_scores",
    "current_grading_period_scores",
    "teachers",
    "syllabus_body",
    "concluded",
    "favorites",
    "grading_scheme",
]
READS = (
    *("courses", "assignments", "submissions", "grades", "announcements", "files", "modules", "people", "planner"),
    "marks",
)
FEED_READS = ("courses", "assignments", "planner")


def feed() -> Any:
    """The part that reads calendar feeds; most calls do without it, and pay nothing for it."""
    import canvas_feed

    return canvas_feed


# Connecting


@plugin.authenticate
def authenticate(call: Call) -> JSON:
    """Whose token it is; a feed says only whose calendar."""
    if is_feed(call):
        return feed().whose_calendar(call)
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


@plugin.action("get_scope")
def get_scope(call: Call) -> JSON:
    """What this connection can read, by the way it was made. Asks nothing of Canvas."""
    way = call.authentication.get("type") or "api_key"
    known = FEED_READS if is_feed(call) else READS
    note = ""
    if is_feed(call):
        note = (
            "Read from a calendar feed: due dates and events of the courses in it. It does not know points, "
            "submissions, grades, announcements, files and modules."
        )
    return {"way": way, "is_complete": not is_feed(call), "note": note, **{name: name in known for name in READS}}


# Courses and grades


@plugin.action("get_courses")
def get_courses(call: Call) -> list[JSON]:
    if is_feed(call):
        return feed().courses(call)
    state = call.params.get("enrollment_state")
    concluded_too = call.params.get("include_concluded", call.config.get("include_concluded")) is True
    wanted = [ENROLLMENT_STATES.get(state, "active")]
    if concluded_too and "completed" not in wanted and state is None:
        wanted.append("completed")
    found: dict[str, tuple[JSON, bool]] = {}
    for enrollment_state in wanted:
        query = {"enrollment_state": enrollment_state, "include[]": COURSE_PARTS}
        for raw in fetch_all(call, "/courses", "courses", query):
            if identifier(raw.get("id")) and raw.get("workflow_state") != "deleted":
                found.setdefault(identifier(raw["id"]), (raw, enrollment_state == "completed"))
    colors = own_choices(call, "/users/self/colors", "custom_colors") if found else {}
    places = own_choices(call, "/users/self/dashboard_positions", "dashboard_positions") if found else {}
    call.log(f"{len(found)} courses")
    return [
        course_record(
            raw,
            concluded=concluded,
            color=text(colors.get(f"course_{number}")),
            position=places.get(f"course_{number}"),
        )
        for number, (raw, concluded) in found.items()
    ]


def own_choices(call: Call, path: str, name: str) -> JSON:
    """The colours and the order that the student gave to courses; without them all is as well."""
    try:
        answer = fetch(call, path, "the look of your courses")
    except PluginError as error:
        if error.code not in CLOSED:
            raise
        return {}
    found = answer.get(name) if isinstance(answer, dict) else None
    return {text(code): value for code, value in found.items()} if isinstance(found, dict) else {}


@plugin.action("get_people")
def get_people(call: Call) -> list[JSON]:
    """Teachers and assistants with their mail, where students may see the list; else the names the course tells."""
    refuse_feed(call, "people")
    course_id = parameter(call, "course_id")
    query = {"enrollment_type[]": ["teacher", "ta"], "include[]": ["email", "enrollments"]}
    try:
        listed = fetch_all(call, f"/courses/{course_id}/users", f"the teachers of course {course_id}", query)
        people = [listed_person(raw) for raw in listed]
    except PluginError as error:
        if error.code not in CLOSED:
            raise
        course = fetch(call, f"/courses/{course_id}", f"course {course_id}", {"include[]": ["teachers"]})
        people = [person_record(raw, "teacher") for raw in objects(an_object(course).get("teachers"))]
    call.log(f"course {course_id}: {len(people)} people")
    return list({person["id"]: person for person in people if person["id"]}.values())


@plugin.action("get_grades")
def get_grades(call: Call) -> list[JSON]:
    """The grades of every course in one request."""
    refuse_feed(call, "grades")
    query = {"state[]": ["active", "completed"], "include[]": ["current_points"]}
    found = [
        grade_record(raw)
        for raw in fetch_all(call, "/users/self/enrollments", "your grades", query)
        if text(raw.get("type")).lower().startswith("student")
    ]
    return [record for record in found if record["course_id"]]


# Assignments


@plugin.action("get_assignments")
def get_assignments(call: Call) -> list[JSON]:
    """One request for a course: its groups, with their assignments, with the student's submissions."""
    course_id = parameter(call, "course_id")
    if is_feed(call):
        return feed().assignments(call, course_id)
    what = f"the assignments of course {course_id}"
    path, budget = f"/courses/{course_id}", TextBudget()
    query = {"include[]": ["assignments", "submission", "discussion_topic"], "override_assignment_dates": "true"}
    try:
        groups = fetch_pages(call, f"{path}/assignment_groups", what, {**query, "per_page": PER_PAGE})
    except HttpError as error:
        if error.code != "too_large":
            raise
        groups = groups_apart(call, course_id, what)
    comments = comments_of(call, course_id) if groups else None
    records = []
    for raw in groups:
        group = group_record(raw)
        for entry in objects(raw.get("assignments")):
            if identifier(entry.get("id")) and entry.get("workflow_state") != "deleted":
                record = assignment_record(entry, course_id, group if group["id"] else None, budget)
                if comments is not None and record["submission"] is not None:
                    record["submission"]["comments"] = comments.get(record["id"], [])
                records.append(record)
    call.log(f"course {course_id}: {len(records)} assignments in {len(groups)} groups")
    return records


def comments_of(call: Call, course_id: str) -> dict[str, list[JSON]] | None:
    """What was written about the student's work, by assignment; None where Canvas does not tell."""
    what = f"the comments in course {course_id}"
    path = f"/courses/{course_id}/students/submissions"
    try:
        listed = fetch_all(call, path, what, {"include[]": ["submission_comments"]})
    except (PluginError, HttpError) as error:
        if getattr(error, "code", "") not in {*CLOSED, "too_large"}:
            raise
        return None
    found: dict[str, list[JSON]] = {}
    for raw in listed:
        found[identifier(raw.get("assignment_id"))] = [
            comment_record(entry) for entry in objects(raw.get("submission_comments")) if text(entry.get("comment"))
        ]
    return found


def groups_apart(call: Call, course_id: str, what: str) -> list[JSON]:
    """The same as groups with assignments, asked for one by one, where together they are more than the host takes."""
    groups = {
        identifier(raw.get("id")): raw for raw in fetch_all(call, f"/courses/{course_id}/assignment_groups", what)
    }
    query = {"include[]": ["submission", "discussion_topic"], "order_by": "position"}
    for entry in fetch_all(call, f"/courses/{course_id}/assignments", what, query):
        group = groups.setdefault(identifier(entry.get("assignment_group_id")), {})
        group.setdefault("assignments", []).append(entry)
    return list(groups.values())


# Announcements


@plugin.action("get_announcements")
def get_announcements(call: Call) -> list[JSON]:
    refuse_feed(call, "announcements")
    course_ids = [identifier(entry) for entry in call.params.get("course_ids") or []]
    now = datetime.now(UTC)
    # Whole days, so that the same question has the same address all day and is answered "not modified".
    since = moment(call.params.get("since")) or (now - timedelta(days=ANNOUNCEMENT_DAYS)).date().isoformat()
    until = (now + timedelta(days=2)).date().isoformat()
    query = {"start_date": since, "end_date": until, "active_only": "true"}
    unique = [course_id for course_id in dict.fromkeys(course_ids) if course_id]
    found: dict[str, JSON] = {}
    budget = TextBudget()
    for start in range(0, len(unique), MAX_CONTEXT_CODES):
        for raw in announcements_of(call, unique[start : start + MAX_CONTEXT_CODES], query):
            record = announcement_record(raw, budget)
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
        if error.code not in CLOSED:
            raise
        if len(course_ids) == 1:
            call.log(f"no announcements of course {course_ids[0]}: {error.message}", "warning")
            return []
    return [raw for course_id in course_ids for raw in announcements_of(call, [course_id], query)]


# Modules


@plugin.action("get_modules")
def get_modules(call: Call) -> list[JSON]:
    """One request for a course, and one more for each module that is too large to come with its items."""
    refuse_feed(call, "modules")
    course_id = parameter(call, "course_id")
    try:
        modules = modules_of(call, course_id)
    except PluginError as error:
        if error.code not in CLOSED:
            raise
        call.log(f"no modules of course {course_id}: {error.message}", "warning")
        return []
    records = [
        module_record(raw, course_id, raw["items"])
        for raw in modules
        if identifier(raw.get("id")) and raw.get("workflow_state") != "deleted"
    ]
    call.log(f"course {course_id}: {len(records)} modules")
    return records


def modules_of(call: Call, course_id: str) -> list[JSON]:
    """The modules of a course, each with its `items`, or None where Canvas keeps those to itself."""
    what = f"the modules of course {course_id}"
    path = f"/courses/{course_id}/modules"
    modules = fetch_all(call, path, what, {"include[]": ["items", "content_details"]})
    for raw in modules:
        if isinstance(raw.get("items"), list):
            raw["items"] = objects(raw["items"])
            continue
        # Canvas leaves the items of a large module out. Its `items_url` is this address in full.
        raw["items"] = None
        try:
            more = {"include[]": ["content_details"]}
            raw["items"] = fetch_all(call, f"{path}/{identifier(raw.get('id'))}/items", what, more)
        except PluginError as error:
            if error.code not in CLOSED:
                raise
            call.log(f"module {identifier(raw.get('id'))}: {error.message}", "warning")
    return modules


# Planner


@plugin.action("get_planner")
def get_planner(call: Call) -> JSON:
    """What the student's planner lists between two days; announcements have an action of their own."""
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = moment(call.params.get("start")) or moment((now - timedelta(days=PLANNER_DAYS_BACK)).isoformat())
    end = moment(call.params.get("end")) or moment((now + timedelta(days=PLANNER_DAYS_AHEAD)).isoformat())
    window = {"start": start, "end": end}
    if is_feed(call):
        # A feed shows a window of its own, which it does not tell: nothing that it leaves out has vanished.
        return {"start": None, "end": None, "takes_marks": False, "items": feed().events(call)}
    query = {"start_date": start, "end_date": end}
    found: dict[str, JSON] = {}
    for raw in fetch_all(call, "/planner/items", "your planner", query):
        if text(raw.get("plannable_type")) in ("", "announcement") or not identifier(raw.get("plannable_id")):
            continue
        record = planner_record(raw)
        found[record["id"]] = record
    call.log(f"{len(found)} planner items")
    return {**window, "takes_marks": True, "items": list(found.values())}


@plugin.action("mark_complete")
def mark_complete(call: Call) -> JSON:
    """Mark something in the planner as complete or dismissed, or take the mark back. Doing it twice is harmless.

    Without `dismissed`, that part of the mark stays as it is.
    """
    refuse_feed(call, "marks")
    kind, _, number = text(call.params.get("id")).partition(":")
    if not (kind.replace("_", "").isalpha() and is_plain_id(number)):
        raise PluginError("invalid_params", "id must be a kind and an id of Canvas's planner, such as assignment:12.")
    complete = call.params.get("complete") is not False
    what = "the mark in your planner"
    body = {"plannable_type": kind, "plannable_id": number, "marked_complete": complete}
    if isinstance(call.params.get("dismissed"), bool):
        body["dismissed"] = call.params["dismissed"]
    override = identifier(call.params.get("override_id"))
    answer = change_override(call, override, body, what) if is_plain_id(override) else None
    if answer is None:
        answer = make_override(call, body, what)
    return {
        "id": f"{kind}:{number}",
        "override_id": identifier(answer.get("id")),
        "complete": answer.get("marked_complete") is True,
        "dismissed": answer.get("dismissed") is True,
    }


def make_override(call: Call, body: JSON, what: str) -> JSON:
    """Make the mark. Canvas refuses a second one for the same thing; then the first is found and changed."""
    response = call.http.post("/api/v1/planner/overrides", json=body, headers=dict(ACCEPT))
    if response.status not in (400, 409, 422):
        return written(call, response, what)
    for raw in fetch_all(call, "/planner/overrides", "the marks in your planner"):
        kind = text(raw.get("plannable_type")).lower()
        if kind == body["plannable_type"] and identifier(raw.get("plannable_id")) == body["plannable_id"]:
            answer = change_override(call, identifier(raw.get("id")), body, what)
            if answer is not None:
                return answer
    raise PluginError("refused", f"{domain_of(call)} did not take {what} (status {response.status}).")


def change_override(call: Call, override_id: str, body: JSON, what: str) -> JSON | None:
    """Change a mark that exists; None where it is gone."""
    changes = {name: body[name] for name in ("marked_complete", "dismissed") if name in body}
    path = f"/api/v1/planner/overrides/{override_id}"
    response = call.http.request("PUT", path, json=changes, headers=dict(ACCEPT))
    return None if response.status == 404 else written(call, response, what)


def written(call: Call, response: Any, what: str) -> JSON:
    answer = read_json(call, response, what, verb="write")
    if not isinstance(answer, dict):
        raise unexpected(call, what)
    return answer


# Files


@plugin.action("get_files")
def get_files(call: Call) -> list[JSON]:
    refuse_feed(call, "files")
    course_id = parameter(call, "course_id")
    try:
        raw = fetch_all(call, f"/courses/{course_id}/files", f"the files of course {course_id}")
    except PluginError as error:
        if error.code not in CLOSED:
            raise
        raw = files_in_modules(call, course_id)  # the Files tab is off in this course
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
        if error.code not in CLOSED:
            raise
        return {}
    return {identifier(entry.get("id")): text(entry.get("full_name")) for entry in raw}


def files_in_modules(call: Call, course_id: str) -> list[JSON]:
    """The files that the modules of a course lead to, each once."""
    content_ids: dict[str, None] = {}
    for module in modules_of(call, course_id):
        for item in module["items"] or []:
            if item.get("type") == "File" and identifier(item.get("content_id")):
                content_ids[identifier(item["content_id"])] = None
    found = []
    wanted = list(content_ids)[:MAX_MODULE_FILES]
    for done, file_id in enumerate(wanted, start=1):
        try:
            raw = fetch(call, f"/courses/{course_id}/files/{file_id}", f"file {file_id}")
        except PluginError as error:
            if error.code not in CLOSED:
                raise
            continue
        if isinstance(raw, dict):
            found.append(raw)
        call.progress(done, len(wanted), "files in modules")
    return found


@plugin.action("download_file")
def download_file(call: Call) -> JSON:
    refuse_feed(call, "files")
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


# Parameters


def parameter(call: Call, name: str) -> str:
    """An id among the parameters; only what can stand in a path as it is."""
    value = identifier(call.params.get(name))
    if not is_plain_id(value):
        raise PluginError("invalid_params", f"{name} must be the id of something on Canvas, not {value or 'empty'!r}.")
    return value


def is_plain_id(value: str) -> bool:
    return bool(value) and value.replace("~", "").isalnum()


def refuse_feed(call: Call, what: str) -> None:
    if is_feed(call):
        raise PluginError(
            "not_in_feed",
            f"A calendar feed has no {what}. Connect with an access token, or sign in at {domain_of(call)}, for them.",
        )


plugin.run()
