"""Which path of the API is answered by what."""

from __future__ import annotations

from starlette.routing import Mount, Route

from . import courses, planner, users
from .answers import Handler, endpoint


def _get(path: str, handler: Handler) -> Route:
    return Route(path, endpoint(handler), methods=["GET"])


def routes() -> Mount:
    course = "/courses/{course_id}"
    return Mount(
        "/api/v1",
        routes=[
            _get("/users/{user_id}/profile", users.profile),
            _get("/users/{user_id}/enrollments", users.enrollments),
            _get("/users/{user_id}/missing_submissions", users.missing_submissions),
            _get("/users/self/favorites/courses", courses.courses),
            _get("/users/self/course_nicknames", users.nicknames),
            _get("/users/self/colors", users.colors),
            _get("/users/self/dashboard_positions", users.dashboard_positions),
            _get("/users/{user_id}/dashboard_positions", users.dashboard_positions),
            _get("/users/self/todo", users.todo),
            _get("/users/self/upcoming_events", users.upcoming_events),
            _get("/users/{user_id}", users.user),
            _get("/dashboard_positions", users.dashboard_positions),
            _get("/planner/items", planner.planner_items),
            _get("/users/self/planner/items", planner.planner_items),
            _get("/planner/overrides", planner.overrides),
            Route("/planner/overrides", endpoint(planner.make_override, status=201), methods=["POST"]),
            _get("/planner/overrides/{override_id}", planner.override),
            Route("/planner/overrides/{override_id}", endpoint(planner.change_override), methods=["PUT"]),
            _get("/calendar_events", planner.calendar_events),
            _get("/announcements", courses.announcements),
            _get("/courses", courses.courses),
            _get(course, courses.course),
            _get(f"{course}/assignments", courses.assignments),
            _get(f"{course}/assignments/{{assignment_id}}", courses.assignment),
            _get(f"{course}/assignments/{{assignment_id}}/submissions/{{user_id}}", courses.own_submission),
            _get(f"{course}/assignment_groups", courses.assignment_groups),
            _get(f"{course}/students/submissions", courses.submissions),
            _get(f"{course}/users", courses.people),
            _get(f"{course}/enrollments", courses.course_enrollments),
            _get(f"{course}/modules", courses.modules),
            _get(f"{course}/modules/{{module_id}}", courses.module),
            _get(f"{course}/modules/{{module_id}}/items", courses.module_items),
            _get(f"{course}/pages", courses.pages),
            _get(f"{course}/pages/{{url}}", courses.page),
            _get(f"{course}/files", courses.files),
            _get(f"{course}/files/{{file_id}}", courses.file),
            _get(f"{course}/folders", courses.folders),
            _get("/folders/{folder_id}", courses.folder),
            _get("/files/{file_id}", courses.file),
            _get("/accounts", users.account),
            _get("/{path:path}", users.unknown),
        ],
    )
