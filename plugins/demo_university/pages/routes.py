"""Which path shows which page."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from . import account, calendar, courses, oauth
from .layout import refusal

ASSETS = Path(__file__).parent.parent / "assets"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def routes() -> list[Route]:
    course = "/courses/{course_id:int}"
    return [
        Route("/", account.home),
        Route("/login", account.login, methods=["GET", "POST"]),
        Route("/logout", account.logout, methods=["POST"]),
        Route("/profile/settings", account.settings, methods=["GET", "POST"]),
        Route("/profile/tokens/{token_id:int}/delete", account.delete_token, methods=["POST"]),
        Route("/login/oauth2/auth", oauth.authorize, methods=["GET", "POST"]),
        Route("/login/oauth2/token", oauth.token, methods=["POST", "DELETE"]),
        Route("/courses", courses.course_list),
        Route(course, courses.course_page),
        Route(f"{course}/assignments/{{assignment_id:int}}", courses.assignment_page),
        Route(f"{course}/assignments/{{assignment_id:int}}/submissions/{{user_id:int}}", courses.assignment_page),
        Route(f"{course}/discussion_topics/{{announcement_id:int}}", courses.announcement_page),
        Route(f"{course}/files/{{file_id:int}}", courses.file_page),
        Route(f"{course}/modules/items/{{item_id:int}}", courses.module_item),
        Route(f"{course}/pages/{{url}}", courses.wiki_page),
        Route(f"{course}/grades", courses.to_course),
        Route(f"{course}/users/{{user_id:int}}", courses.to_course),
        Route("/calendar", calendar.calendar_page),
        Route("/feeds/calendars/{name}.ics", calendar.feed),
        Route("/assets/{name}", asset),
    ]


async def asset(request: Request) -> Response:
    """One of the three files that the pages load."""
    path = ASSETS / request.path_params["name"]
    if path.suffix not in TYPES or path.parent != ASSETS or not path.is_file():
        return PlainTextResponse("not found", 404)
    headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
    return Response(path.read_bytes(), 200, headers, TYPES[path.suffix])


async def not_found_page(request: Request, _: Exception) -> Response:
    if request.url.path.startswith("/api/"):
        return PlainTextResponse("not found", 404)
    return refusal(request, "Nothing here", "The university has no such page.", 404)
