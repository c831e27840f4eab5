"""Front page, sign-in and access tokens."""

from __future__ import annotations

import secrets
from datetime import datetime
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..semester.build import WEEKS_AFTER, WEEKS_BEFORE, ZONE
from ..semester.model import STUDENT
from ..store import MAX_TOKEN_DAYS, Token
from ..university import DOMAIN
from .layout import (
    COOKIE,
    comes_from_here,
    is_signed_in,
    local_path,
    page,
    refusal,
    sign_in,
    to_login,
    university_of,
)

PASSWORD = "demo"
LIFETIMES = {7: "7 days", 30: "30 days", MAX_TOKEN_DAYS: f"{MAX_TOKEN_DAYS} days (maximum)"}


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form, of at most 64 KB."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > 65536:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def foreign_form(request: Request) -> Response:
    return refusal(request, "Not sent from here", "This form came from another site, so nothing was done.", 403)


def day(moment: datetime) -> str:
    local = moment.astimezone(ZONE)
    return f"{local.day} {local:%B %Y}"


async def home(request: Request) -> Response:
    university = university_of(request)
    semester = university.semester
    courses = "".join(
        f'<li><a class="course hue-{n}" href="/courses/{course.id}"><small>{escape(course.code)}</small>'
        f"<strong>{escape(course.name)}</strong><span>{escape(', '.join(course.teachers))}</span></a></li>"
        for n, course in enumerate(semester.courses)
    )
    week = (university.today - semester.starts_at.astimezone(ZONE).date()).days // 7 + 1
    count = sum(len(course.assignments) for course in semester.courses)
    body = f"""
<section class="hero">
<div>
<p class="eyebrow">{escape(semester.name)} · week {week} of {WEEKS_BEFORE + WEEKS_AFTER}</p>
<h1>A whole semester to try things&nbsp;on</h1>
<p class="lead">{len(semester.courses)} courses, {count} assignments, grades, announcements and files, behind the same
API as a real Canvas. Connect it to Core Engine with an access token.</p>
<p class="actions"><a class="button primary" href="/profile/settings">Get an access token</a>
<a class="button" href="/courses">Look at the courses</a></p>
</div>
<ol class="steps card">
<li><h2>Sign in</h2><p>One click, as the student {escape(STUDENT["name"])}.</p></li>
<li><h2>Make a token</h2><p>Say what it is for and copy it. It is shown once.</p></li>
<li><h2>Connect</h2><p>In Core Engine choose Canvas, enter the domain
<code>{DOMAIN}</code> and paste the token.</p></li>
</ol>
</section>
<section aria-labelledby="term"><h2 id="term">This term</h2><ul class="courses">{courses}</ul></section>"""
    return page(request, "Welcome", body, current="/")


async def login(request: Request) -> Response:
    if request.method == "GET":
        target = local_path(request.query_params.get("next", ""))
        if is_signed_in(request):
            return RedirectResponse(target, 303)
        return _login_page(request, target)
    if not comes_from_here(request):
        return foreign_form(request)
    form = await form_of(request)
    target = local_path(form.get("next", ""))
    name = form.get("login", "").strip().lower()
    known = name in (STUDENT["login_id"], STUDENT["primary_email"]) and form.get("password") == PASSWORD
    if form.get("as") != "student" and not known:
        return _login_page(request, target, login=form.get("login", ""), failed=True)
    response = RedirectResponse(target, 303)
    sign_in(request, response)
    return response


def _login_page(request: Request, target: str, *, login: str = "", failed: bool = False) -> Response:
    hidden = f'<input type="hidden" name="next" value="{escape(target)}">'
    problem = (
        '<p class="problem" id="problem" role="alert">That name and password do not belong together. '
        "Both stand below the form.</p>"
        if failed
        else ""
    )
    described = ' aria-describedby="problem" aria-invalid="true"' if failed else ""
    body = f"""
<section class="card narrow sign-in">
<h1>Sign in</h1>
<form method="post" action="/login">{hidden}<input type="hidden" name="as" value="student">
<button class="primary wide"><span class="avatar" aria-hidden="true">AR</span>
Continue as {escape(STUDENT["name"])}</button>
<p class="hint">The demo student. No password needed.</p></form>
<p class="or"><span>or with a password</span></p>
{problem}
<form method="post" action="/login">{hidden}
<label for="login">Login</label>
<input id="login" name="login" autocomplete="username" required value="{escape(login)}"{described}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{described}>
<button class="wide">Sign in</button></form>
<p class="hint">Login <code>{STUDENT["login_id"]}</code>, password <code>{PASSWORD}</code></p>
</section>"""
    return page(request, "Sign in", body, status=422 if failed else 200)


async def logout(request: Request) -> Response:
    if not comes_from_here(request):
        return foreign_form(request)
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE)
    return response


async def settings(request: Request) -> Response:
    """The student's tokens; a POST makes one."""
    if not is_signed_in(request):
        return to_login(request)
    university = university_of(request)
    if request.method == "GET":
        made = university.shown_once.pop(request.query_params.get("made", ""), None)
        return _settings_page(request, made=made)
    if not comes_from_here(request):
        return foreign_form(request)
    form = await form_of(request)
    purpose = " ".join(form.get("purpose", "").split())
    days = form.get("days", "")
    if not purpose or len(purpose) > 100:
        problem = "Say in a few words what the token is for." if not purpose else "Use at most 100 characters."
        return _settings_page(request, problem=problem, purpose=purpose)
    lifetime = int(days) if days.isdecimal() and int(days) in LIFETIMES else MAX_TOKEN_DAYS
    secret, token = university.store.make_token(purpose, days=lifetime)
    # The answer to the form is a redirect, so that a reload makes no second token; the secret waits for it.
    receipt = secrets.token_urlsafe(16)
    university.shown_once = {receipt: (secret, token)}
    return RedirectResponse(f"/profile/settings?made={receipt}", 303)


def _settings_page(
    request: Request, *, made: tuple[str, Token] | None = None, problem: str = "", purpose: str = ""
) -> Response:
    university = university_of(request)
    tokens = university.store.personal_tokens()
    options = "".join(
        f'<option value="{days}"{" selected" if days == MAX_TOKEN_DAYS else ""}>{label}</option>'
        for days, label in LIFETIMES.items()
    )
    invalid = ' aria-invalid="true" aria-describedby="purpose-problem"' if problem else ""
    fault = f'<p class="problem" id="purpose-problem" role="alert">{escape(problem)}</p>' if problem else ""
    rows = "".join(_token_row(request, token) for token in tokens)
    table = (
        f"""<div class="scroll"><table class="tokens"><thead><tr><th scope="col">Purpose</th><th scope="col">Token</th>
<th scope="col">Expires</th><th scope="col">Last used</th><th scope="col"><span class="hidden">Delete</span></th></tr>
</thead>
<tbody>{rows}</tbody></table></div>"""
        if tokens
        else '<p class="none">No tokens yet. The form above makes the first one.</p>'
    )
    body = f"""
<header class="page-head"><h1>Access tokens</h1>
<p>A token lets a program read what {escape(STUDENT["name"])} may read here. Programs send it as
<code>Authorization: Bearer</code>.</p></header>
{_made(made) if made else ""}
<section class="card"><h2>New access token</h2>
<form method="post" action="/profile/settings" class="token-form">
<p><label for="purpose">Purpose</label>
<input id="purpose" name="purpose" required maxlength="100" placeholder="Core Engine on my laptop" autocomplete="off"
value="{escape(purpose)}"{invalid}>{fault}</p>
<p><label for="days">Expires after</label><select id="days" name="days">{options}</select></p>
<p><button class="{"" if made else "primary"}">Make token</button></p>
</form></section>
<section class="card"><h2>Your tokens</h2>{table}</section>"""
    return page(request, "Access tokens", body, status=422 if problem else 200, current="/profile/settings")


def _made(made: tuple[str, Token]) -> str:
    secret, token = made
    return f"""
<section class="card made" aria-labelledby="made"><h2 id="made">Your new token</h2>
<p>Copy it now: it is shown this once. It works until {day(datetime.fromisoformat(token.expires_at))}.</p>
<div class="copy"><label class="hidden" for="token">Token</label>
<input id="token" class="secret" readonly spellcheck="false" value="{escape(secret)}">
<button class="primary" type="button" data-copy="token">Copy</button></div>
<p class="hint" role="status" data-copied hidden>Copied. Paste it into Core Engine, with the domain
<code>{DOMAIN}</code>.</p>
<dl class="facts"><dt>Canvas domain</dt><dd><code>{DOMAIN}</code></dd>
<dt>Purpose</dt><dd>{escape(token.purpose)}</dd></dl></section>"""


def _token_row(request: Request, token: Token) -> str:
    university = university_of(request)
    used = university.store.last_used.get(token.id)
    expires = datetime.fromisoformat(token.expires_at)
    state = '<span class="tag bad">expired</span>' if token.is_expired(university.clock()) else day(expires)
    kind = ' <span class="tag">app</span>' if token.kind == "oauth" else ""
    last = f"{day(used)}, {used.astimezone(ZONE):%H:%M}" if used else "not since the last start"
    return (
        f"<tr><th scope=row>{escape(token.purpose)}{kind}</th><td><code>{escape(token.hint)}…</code></td>"
        f'<td data-label="Expires">{state}</td><td data-label="Used">{last}</td>'
        f'<td><form method="post" action="/profile/tokens/{token.id}/delete">'
        f'<button class="quiet danger" aria-label="Delete the token for {escape(token.purpose)}">Delete</button>'
        "</form></td></tr>"
    )


async def delete_token(request: Request) -> Response:
    if not is_signed_in(request):
        return to_login(request)
    if not comes_from_here(request):
        return foreign_form(request)
    university_of(request).store.remove(request.path_params["token_id"])
    return RedirectResponse("/profile/settings", 303)
