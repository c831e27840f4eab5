"""The ASGI application: the API, the pages, the downloads and, for tests, the switches."""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import pages, rest
from .faults import BadSwitch
from .semester.documents import file_bytes
from .university import University


def make_app(university: University) -> Starlette:
    routes: list[Any] = [rest.routes(), Route("/files/{file_id:int}/download", download, methods=["GET"])]
    if university.options.allow_faults:
        routes += [
            Route("/__faults__", faults, methods=["GET", "POST", "DELETE"]),
            Route("/__changes__", changes, methods=["POST"]),
            Route("/__requests__", requests, methods=["GET", "DELETE"]),
        ]
    app = Starlette(routes=[*routes, *pages.routes()], exception_handlers={404: pages.not_found_page})
    app.state.university = university
    return app


async def download(request: Request) -> Response:
    """A file by its signed address: no token needed, and none looked at."""
    university: University = request.app.state.university
    await university.faults.wait()
    found = university.semester.find_file(request.path_params["file_id"])
    if found is None:
        return PlainTextResponse("not found", 404)
    file = found[1]
    verifier = request.query_params.get("verifier", "")
    if file.locked or not university.is_signed(verifier, "file", file.id, file.revision):
        return PlainTextResponse("unauthorized", 403)
    if forced := university.faults.forced_status(request.url.path):
        return PlainTextResponse("An error occurred.", forced)
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file_bytes(file), 200, headers, file.content_type)


async def faults(request: Request) -> Response:
    """GET shows what is switched on, POST switches, DELETE resets everything, changes included."""
    university: University = request.app.state.university
    if request.method == "DELETE":
        university.reset()
    if request.method == "POST":
        try:
            university.faults.update(await _body(request))
        except BadSwitch as problem:
            return JSONResponse({"error": str(problem)}, 400)
    return JSONResponse(university.faults.as_dict())


async def changes(request: Request) -> Response:
    university: University = request.app.state.university
    try:
        university.change(await _body(request))
    except BadSwitch as problem:
        return JSONResponse({"error": str(problem)}, 400)
    return JSONResponse({"changes": len(university.changes)})


async def requests(request: Request) -> Response:
    """The API calls since the last DELETE, oldest first."""
    university: University = request.app.state.university
    if request.method == "DELETE":
        university.requests.clear()
    return JSONResponse(list(university.requests))


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except json.JSONDecodeError as error:
        raise BadSwitch("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise BadSwitch("The body must be an object.")
    return body
