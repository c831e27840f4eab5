"""The frame of every page, and who is signed in."""

from __future__ import annotations

import time
from html import escape
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ..semester.model import STUDENT
from ..university import University

COOKIE = "demo_university"
SESSION_S = 14 * 24 * 3600
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'{targets}; base-uri 'none'; frame-ancestors 'none'"
)


def university_of(request: Request) -> University:
    return request.app.state.university


def is_signed_in(request: Request) -> bool:
    issued, _, signature = request.cookies.get(COOKIE, "").partition(".")
    fresh = issued.isdecimal() and int(issued) > time.time() - SESSION_S
    return fresh and university_of(request).is_signed(signature, "session", issued)


def sign_in(request: Request, response: Response) -> None:
    issued = str(int(time.time()))
    signature = university_of(request).sign("session", issued)
    response.set_cookie(COOKIE, f"{issued}.{signature}", max_age=SESSION_S, httponly=True, samesite="lax")


def comes_from_here(request: Request) -> bool:
    """Whether a form was sent from a page of ours; browsers say where a POST comes from."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def to_login(request: Request) -> Response:
    """Ask for a sign-in and come back to this page afterwards."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(here, safe='')}", 303)


def local_path(target: str, default: str = "/profile/settings") -> str:
    """A path on this server; an address of another one is refused."""
    is_local = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if is_local and target.isprintable() else default


def page(
    request: Request,
    title: str,
    body: str,
    *,
    status: int = 200,
    current: str = "",
    form_target: str = "",
) -> HTMLResponse:
    """A whole page. `form_target` is the origin to which a form may redirect (OAuth2 sends people away)."""
    links = [("/", "Home"), ("/courses", "Courses"), ("/calendar", "Calendar"), ("/profile/settings", "Access tokens")]
    nav = "".join(
        f'<a href="{path}"{" aria-current=page" if path == current else ""}>{name}</a>' for path, name in links
    )
    if is_signed_in(request):
        account = (
            f'<form method="post" action="/logout"><span class="who"><span class="avatar" aria-hidden="true">AR</span>'
            f'<span class="name">{escape(STUDENT["name"])}</span></span>'
            '<button class="quiet">Sign out</button></form>'
        )
    else:
        account = '<a class="button quiet" href="/login">Sign in</a>'
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{escape(title)} · Demo University</title>
<link rel="icon" href="/assets/crest.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/site.css">
<script type="module" src="/assets/copy.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top"><div class="wrap">
<a class="brand" href="/"><img src="/assets/crest.svg" alt="" width="34" height="40">
<span><strong>Demo University</strong><small>runs on this machine</small></span></a>
<nav aria-label="Main">{nav}</nav>
<div class="account">{account}</div>
</div></header>
<main id="main" class="wrap">
{body}
</main>
<footer><div class="wrap"><p>Demo University is a small server that speaks the Canvas REST API over a bundled semester,
so that Core Engine can be tried without an account anywhere. Its people and courses are invented.</p></div></footer>
</body>
</html>"""
    targets = f" {form_target}" if form_target else ""
    headers = {
        "Content-Security-Policy": POLICY.format(targets=targets),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(html, status, headers)


def refusal(request: Request, title: str, text: str, status: int) -> HTMLResponse:
    """A page that says why something was not done."""
    body = (
        f'<section class="card narrow"><h1>{escape(title)}</h1><p>{escape(text)}</p>'
        '<p><a class="button" href="/">To the front page</a></p></section>'
    )
    return page(request, title, body, status=status)
