"""GitHub: repositories, commits, issues, pull requests, workflow runs and files of the student who connected it.

Lists are read newest first and at a fixed address, so that an unchanged one is answered "not modified", which costs
nothing of GitHub's hourly limit; reading stops where the last one ended. Records are of our own shape, declared in
the manifest. Source of the field names: docs.github.com/en/rest and /en/webhooks.
"""

from __future__ import annotations

import base64
import re
import time
from urllib.parse import quote

from coreengine_sdk import Call, HttpError, Plugin, PluginError, Response
from github_records import (
    MAX_PUSHED,
    TOLD,
    commit_record,
    entry_record,
    issue_record,
    moment,
    objects,
    part,
    repository_record,
    run_record,
    text,
    web_address,
    whole,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    JSON = dict[str, Any]

plugin = Plugin("github-integration")

VERSION = {"X-GitHub-Api-Version": "2022-11-28"}
AS_JSON = {"Accept": "application/vnd.github+json", **VERSION}
AS_BYTES = {"Accept": "application/vnd.github.raw+json", **VERSION}
PER_PAGE = 100
MAX_PAGES = 30
LIMIT_WAIT_S = 60.0
"""GitHub asks for at least so much patience where it does not say for how long."""

WEBHOOK = "push"
EVENTS = ["push", "pull_request", "issues", "workflow_run", "check_suite", "repository"]
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


# Reading from GitHub


def fetch(call: Call, path: str, what: str, query: JSON | None = None) -> Any:
    """Whatever a path answers; `what` names it in messages."""
    return good(call.http.get(path, query=query, headers=AS_JSON), what).json()


def fetch_all(
    call: Call,
    path: str,
    what: str,
    query: JSON | None = None,
    *,
    key: str = "",
    until: Callable[[JSON], bool] | None = None,
    max_pages: int = MAX_PAGES,
) -> list[JSON]:
    """Every object of a list, page after page; no page after the first whose last object `until` holds for.

    `key` is where the list stands in an answer that is an object. Where there is no `last` link, and pages are named
    by cursors, only `next` is followed.
    """
    count, ends_at = 0, -1

    def read(response: Response) -> list[Any]:
        nonlocal ends_at
        found = good(response, what).json()
        items = found.get(key) if key and isinstance(found, dict) else found
        if not isinstance(items, list):
            raise unexpected(what)
        if until is not None and items and isinstance(items[-1], dict) and until(items[-1]):
            ends_at = count + len(items)
        return items

    found: list[JSON] = []
    pages = call.paginate(
        path, {"per_page": PER_PAGE, **(query or {})}, read=read, headers=AS_JSON, limit=max_pages * PER_PAGE
    )
    for item in pages:
        count += 1
        if isinstance(item, dict):
            found.append(item)
        if count == ends_at:
            break
    return found


def good(response: Response, what: str) -> Response:
    """The response if it is a good one; every other kind in words for the student.

    Raises:
        PluginError: see the codes below.
    """
    if response.ok:
        return response
    status, words = response.status, message_of(response)
    if status == 401:
        raise PluginError(
            "credential_rejected",
            "GitHub did not accept the token: it is wrong, has expired or was revoked. "
            "Make a new one at https://github.com/settings/tokens and put it in here.",
        )
    if status in (403, 429) and (wait_s := limited_for(response, words)) is not None:
        when = f"in {round(wait_s / 60)} minutes" if wait_s >= 90 else "in a minute"
        raise PluginError(
            "too_many_requests",
            f"GitHub's limit is used up; {what} can be read again {when}.",
            retryable=True,
            retry_after_s=wait_s,
        )
    if status == 403 and "too_large" in response.text:
        raise PluginError("too_large", f"GitHub does not hand out {what}: it is larger than 100 MB.")
    if status == 403:
        raise PluginError("permission_denied", denied(response, what))
    if status == 404:
        raise PluginError(
            "not_found",
            f"GitHub has no {what} for you. It was deleted, or the token may not see it: a private repository "
            "looks like one that does not exist.",
        )
    if status == 409:
        raise PluginError("repository_empty", f"GitHub has no {what}: the repository is empty.")
    if status == 410:
        raise PluginError("switched_off", f"GitHub has no {what}: they are switched off in this repository.")
    if status == 451:
        raise PluginError("blocked", f"GitHub may not give {what}: the repository is blocked for legal reasons.")
    if status >= 500:
        raise PluginError(
            "unavailable", f"GitHub has a problem of its own (status {status}). Try again later.", retryable=True
        )
    raise PluginError("refused", f"GitHub refused to give {what} (status {status}). {words}".strip())


def message_of(response: Response) -> str:
    """What GitHub says about an error, in its own words, with those of the first detail."""
    try:
        found = response.json()
    except PluginError:
        return ""
    if not isinstance(found, dict):
        return ""
    details = [text(entry.get("message")) for entry in objects(found.get("errors"))]
    return " ".join(part for part in [text(found.get("message")), *details[:1]] if part)[:300]


def limited_for(response: Response, words: str) -> float | None:
    """How many seconds to leave GitHub alone; None where an answer is about something else.

    In this order: what it asks for, the end of the used-up hour, a minute.
    """
    is_used_up = response.headers.get("x-ratelimit-remaining") == "0"
    asked = response.headers.get("retry-after", "")
    if response.status != 429 and not is_used_up and not asked and "rate limit" not in words.lower():
        return None
    if asked.isdigit():
        return float(asked)
    reset = response.headers.get("x-ratelimit-reset", "")
    if is_used_up and reset.isdigit():
        return max(1.0, float(reset) - time.time())
    return LIMIT_WAIT_S


def denied(response: Response, what: str) -> str:
    """Why GitHub says no, and what to do about it."""
    single_sign_on = response.headers.get("x-github-sso", "")
    if "required" in single_sign_on:
        address = web_address(single_sign_on.partition("url=")[2])
        where = f"at {address}" if address else "in your token's settings on GitHub"
        return f"The organisation wants single sign-on before it shows {what}: authorise the token {where}."
    wanted = response.headers.get("x-accepted-github-permissions", "")
    hint = f" The token needs the permission {wanted}." if wanted else ""
    return f"GitHub does not let you use {what} with this token.{hint}"


def unexpected(what: str) -> PluginError:
    return PluginError(
        "malformed_answer", f"GitHub sent {what} in an unexpected form. Try again later.", retryable=True
    )


# Which repository


def repository_path(call: Call) -> tuple[str, str]:
    """(its path, its name in messages) of the repository that the parameters name."""
    owner, name = text(call.params.get("owner")), text(call.params.get("repo"))
    for value in (owner, name):
        if not NAME.fullmatch(value) or set(value) == {"."}:
            raise PluginError("invalid_params", "Name a repository by its owner and its name, as in octo-org/hello.")
    return f"/repos/{owner}/{name}", f"{owner}/{name}"


def page_limit(call: Call) -> int:
    return max(1, min(MAX_PAGES, -(-whole(call.params.get("limit") or MAX_PAGES * PER_PAGE) // PER_PAGE)))


def before(since: str | None, *names: str) -> Callable[[JSON], bool] | None:
    """A test that holds from the first item on that changed before `since`, in a list of newest first."""
    if since is None:
        return None

    def is_older(raw: JSON) -> bool:
        value: Any = raw
        for name in names:
            value = part(value, name) if name != names[-1] else value.get(name)
        found = moment(value)
        return found is not None and found < since

    return is_older


# Actions


@plugin.authenticate
def authenticate(call: Call) -> JSON:
    """Whose token it is."""
    user = fetch(call, "/user", "your profile")
    if not isinstance(user, dict) or not user.get("id"):
        raise unexpected("your profile")
    return {"id": text(user["id"]), "name": text(user.get("login"))}


@plugin.health
def health(call: Call) -> str:
    """How much of the hour's limit is left; asking costs nothing of it."""
    core = part(part(fetch(call, "/rate_limit", "the limit"), "resources"), "core")
    return f"{whole(core.get('remaining')):,} of {whole(core.get('limit')):,} requests are left in this hour."


@plugin.action("get_repositories")
def get_repositories(call: Call) -> list[JSON]:
    affiliation = "owner,collaborator"
    if call.config.get("include_organizations") is not False:
        affiliation += ",organization_member"
    found = fetch_all(call, "/user/repos", "your repositories", {"affiliation": affiliation, "sort": "full_name"})
    records = [repository_record(raw) for raw in found if raw.get("id")]
    if call.config.get("include_archived") is not True:
        records = [record for record in records if not record["is_archived"]]
    call.log(f"{len(records)} repositories")
    return records


@plugin.action("get_repository")
def get_repository(call: Call) -> JSON:
    path, name = repository_path(call)
    return repository_record(fetch(call, path, f"repository {name}"))


@plugin.action("get_commits")
def get_commits(call: Call) -> list[JSON]:
    path, name = repository_path(call)
    branch = text(call.params.get("branch"))
    query = {"sha": branch or None, **{key: call.params.get(key) for key in ("since", "until", "path", "author")}}
    query = {key: value for key, value in query.items() if value}
    found = fetch_all(call, f"{path}/commits", f"commits of {name}", query, max_pages=page_limit(call))
    return [commit_record(raw, branch) for raw in found]


@plugin.action("get_issues")
def get_issues(call: Call) -> list[JSON]:
    """GitHub lists pull requests among the issues; they carry the key `pull_request`."""
    path, name = repository_path(call)
    query = {"state": call.params.get("state") or "all", "sort": "updated"}
    if call.params.get("since"):
        query["since"] = call.params["since"]
    found = fetch_all(call, f"{path}/issues", f"issues of {name}", query, max_pages=page_limit(call))
    return [issue_record(raw) for raw in found if "pull_request" not in raw]


@plugin.action("get_pull_requests")
def get_pull_requests(call: Call) -> list[JSON]:
    path, name = repository_path(call)
    query = {"state": call.params.get("state") or "all", "sort": "updated", "direction": "desc"}
    until = before(moment(call.params.get("since")), "updated_at")
    found = fetch_all(call, f"{path}/pulls", f"pull requests of {name}", query, until=until, max_pages=page_limit(call))
    return [issue_record(raw) for raw in found if until is None or not until(raw)]


@plugin.action("get_workflow_runs")
def get_workflow_runs(call: Call) -> list[JSON]:
    path, name = repository_path(call)
    query = {"branch": call.params["branch"]} if call.params.get("branch") else {}
    until = before(moment(call.params.get("since")), "created_at")
    found = fetch_all(
        call,
        f"{path}/actions/runs",
        f"workflow runs of {name}",
        query,
        key="workflow_runs",
        until=until,
        max_pages=page_limit(call),
    )
    return [run_record(raw) for raw in found if until is None or not until(raw)]


@plugin.action("get_activity")
def get_activity(call: Call) -> JSON:
    """All of a repository that a sync wants, in four requests if not much happened; unchanged ones are free.

    What a repository does not have, or does not show with this token, is told in `note` and hides nothing else.
    """
    path, name = repository_path(call)
    since = moment(call.params.get("since"))
    branch = text(call.params.get("branch"))
    # Without a beginning, the newest page of each is plenty.
    pages = MAX_PAGES if since else 1
    notes: list[str] = []

    def some(what: str, path: str, query: JSON, until: Callable[[JSON], bool] | None, key: str = "") -> list[JSON]:
        try:
            return fetch_all(call, path, f"{what} of {name}", query, key=key, until=until, max_pages=pages)
        except PluginError as error:
            if error.code not in ("repository_empty", "switched_off", "permission_denied", "not_found"):
                raise
            # With the repository gone there is nothing to tell.
            if error.code == "not_found" and what == "commits":
                raise
            notes.append(error.message)
            return []

    commits = some(
        "commits", f"{path}/commits", {"sha": branch} if branch else {}, before(since, "commit", "committer", "date")
    )
    newest = {"state": "all", "sort": "updated", "direction": "desc"}
    issues = some("issues", f"{path}/issues", newest, before(since, "updated_at"))
    pulls = some("pull requests", f"{path}/pulls", newest, before(since, "updated_at"))
    runs = some("workflow runs", f"{path}/actions/runs", {}, before(since, "created_at"), key="workflow_runs")
    return {
        "commits": [commit_record(raw, branch) for raw in commits],
        "issues": [issue_record(raw) for raw in issues if "pull_request" not in raw],
        "pulls": [issue_record(raw) for raw in pulls],
        "runs": [run_record(raw) for raw in runs],
        "branch": branch,
        "head_sha": text(commits[0].get("sha")) if commits else "",
        "note": " ".join(notes),
    }


@plugin.action("get_contents")
def get_contents(call: Call) -> JSON:
    """A file with its text, a folder with its list, or what a link or submodule points to."""
    path, name = repository_path(call)
    raw, what = contents(call, path, name)
    if isinstance(raw, list):
        entries = [entry_record(entry) for entry in objects(raw)]
        folder = text(call.params.get("path")).strip("/")
        return {"type": "directory", "name": folder.rpartition("/")[2] or name, "path": folder, "entries": entries}
    if not isinstance(raw, dict):
        raise unexpected(what)
    record = entry_record(raw)
    if record["type"] == "file":
        record["text"], record["is_inline"] = inline_text(raw)
    return record


def contents(call: Call, path: str, name: str) -> tuple[Any, str]:
    inside = text(call.params.get("path")).strip("/")
    if any(piece in (".", "..") for piece in inside.split("/")):
        raise PluginError("invalid_params", "A path goes down from the top of the repository, without “..”.")
    what = f"{inside or 'the top folder'} in {name}"
    query = {"ref": call.params["ref"]} if call.params.get("ref") else None
    return fetch(call, f"{path}/contents/{quote(inside)}", what, query), what


def inline_text(raw: JSON) -> tuple[str, bool]:
    """(the text of a file, whether it is all there): from 1 MB on GitHub leaves it out, and bytes are no text."""
    if raw.get("encoding") != "base64":
        return "", False
    try:
        return base64.b64decode(text(raw.get("content"))).decode("utf-8"), True
    except ValueError:
        return "", False


@plugin.action("download_file")
def download_file(call: Call) -> JSON:
    path, name = repository_path(call)
    raw, what = contents(call, path, name)
    if not isinstance(raw, dict) or raw.get("type") != "file":
        raise PluginError("not_a_file", f"{what} is not a file.")
    return downloaded(call, path, name, raw, entry_record(raw)["name"])


@plugin.action("download_readme")
def download_readme(call: Call) -> JSON:
    path, name = repository_path(call)
    raw = fetch(call, f"{path}/readme", f"README of {name}")
    if not isinstance(raw, dict):
        raise unexpected(f"README of {name}")
    return downloaded(call, path, name, raw, f"{name.partition('/')[2]} {entry_record(raw)['name']}")


def downloaded(call: Call, path: str, name: str, raw: JSON, shown_name: str) -> JSON:
    """A file with its bytes as a blob; the raw media type serves up to 100 MB."""
    record = entry_record(raw)
    query = {"ref": call.params["ref"]} if call.params.get("ref") else None
    address = f"{path}/contents/{quote(record['path'])}"
    return {
        **file_of(blob(call, address, f"{record['path']} in {name}", query), shown_name, record["html_url"]),
        "id": f"file:{record['path']}",
        "sha": record["sha"],
    }


@plugin.action("download_archive")
def download_archive(call: Call) -> JSON:
    """The whole of a branch or commit as a zip file; GitHub redirects to another host for it."""
    path, name = repository_path(call)
    ref = text(call.params.get("ref"))
    found = blob(call, f"{path}/zipball/{quote(ref)}" if ref else f"{path}/zipball", f"archive of {name}")
    # One name whatever the commit: the file in the vault is brought up to date, not doubled.
    record = file_of(found, f"{name.partition('/')[2]}.zip", f"https://github.com/{name}")
    return {**record, "id": "archive", "sha": ref}


def blob(call: Call, address: str, what: str, query: JSON | None = None) -> JSON:
    try:
        response = good(call.http.get(address, query=query, headers=AS_BYTES, as_blob=True), what)
    except HttpError as error:
        if error.code != "too_large":
            raise
        raise PluginError("too_large", f"{what} is too large to be brought in.") from None
    if not response.blob:
        raise unexpected(what)
    return response.blob


def file_of(found: JSON, name: str, html_url: str) -> JSON:
    return {
        "name": name,
        "content_type": text(found.get("content_type")) or "application/octet-stream",
        "size_bytes": whole(found.get("size_bytes")),
        "html_url": html_url,
        "blob": text(found.get("blob")),
    }


# Webhooks


@plugin.action("create_webhook")
def create_webhook(call: Call) -> JSON:
    """Have GitHub tell what happens in a repository. Twice is harmless: the webhook there is kept and set right."""
    path, name = repository_path(call)
    if call.config.get("follow_live") is False:
        raise PluginError("switched_off", "Following at once is switched off in the connection's settings.")
    key = f"webhook:{text(call.params.get('repository_id'))}"
    # The host puts in the address and the secret; they are not ours to see.
    config = {
        "url": f"webhook-url:{WEBHOOK}",
        "content_type": "json",
        "secret": f"webhook-secret:{WEBHOOK}",
        "insecure_ssl": "0",
    }
    wanted = {"active": True, "events": EVENTS, "config": config}
    known = text(call.storage.get(key))
    if known:
        response = call.http.request("PATCH", f"{path}/hooks/{known}", headers=AS_JSON, json=wanted)
        if response.status != 404:
            good(response, f"webhook of {name}")
            return {"webhook_id": known}
    response = call.http.post(f"{path}/hooks", headers=AS_JSON, json={"name": "web", **wanted})
    if response.status == 422 and "already exists" in message_of(response):
        return {"webhook_id": known or "existing"}  # an earlier attempt made it; its first message says its id
    if response.status == 404:
        raise PluginError("permission_denied", f"Only who administers {name} may make a webhook there.")
    made = text(good(response, f"webhook of {name}").json().get("id"))
    call.storage.set(key, made)
    return {"webhook_id": made}


@plugin.action("remove_webhook")
def remove_webhook(call: Call) -> JSON:
    """Have GitHub stop telling; harmless where it does not."""
    path, name = repository_path(call)
    key = f"webhook:{text(call.params.get('repository_id'))}"
    known = text(call.storage.get(key))
    if known:
        response = call.http.request("DELETE", f"{path}/hooks/{known}", headers=AS_JSON)
        if response.status != 404:
            good(response, f"webhook of {name}")
        call.storage.delete(key)
    return {"webhook_id": ""}


@plugin.action("stop_telling")
def stop_telling(call: Call) -> JSON:
    """Remove every webhook that this connection made, before it goes; one that is gone already does no harm."""
    keys = call.storage.keys("webhook:")
    for key in keys:
        # By its number: the repository may have another name by now.
        number = key.removeprefix("webhook:")
        response = call.http.request(
            "DELETE", f"/repositories/{number}/hooks/{text(call.storage.get(key))}", headers=AS_JSON
        )
        if response.status not in (403, 404):
            good(response, f"webhook of repository {number}")
        call.storage.delete(key)
    return {"stopped": len(keys)}


@plugin.webhook(WEBHOOK)
def take_in(call: Call) -> JSON:
    """What GitHub told, as records that the sync uses too."""
    event, payload = call.headers.get("x-github-event", ""), call.payload
    repository = part(payload, "repository")
    if event == "ping":
        if payload.get("hook_id") and repository.get("id"):
            call.storage.set(f"webhook:{text(repository['id'])}", text(payload["hook_id"]))
        return {"events": [], "sync": False}
    told = TOLD.get(event)
    data = told(payload, repository) if told and repository.get("id") else None
    if data is None:
        return {"events": [], "sync": False}
    nothing: JSON = {"commits": [], "issues": [], "pulls": [], "runs": [], "repositories": []}
    about = {"repository_id": text(repository["id"]), "full_name": text(repository.get("full_name"))}
    where = {"branch": "", "head_sha": "", "is_forced": False}
    action = text(payload.get("action"))
    # A push that is too long to be told whole is read by a sync.
    is_cut = len(objects(payload.get("commits"))) > MAX_PUSHED
    return {
        "events": [{"type": event, "data": {**about, "action": action, **where, **nothing, **data}}],
        "sync": is_cut,
    }


plugin.run()
