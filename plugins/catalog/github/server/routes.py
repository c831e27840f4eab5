"""The addresses of the API and what they answer."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import shapes
from .answers import Answer, Asked, data, error, moved, not_found, paged
from .store import Issue, Repository, written

if TYPE_CHECKING:
    from .hub import Hub

Handler = Callable[["Hub", Asked, Repository, str], Answer]
LARGEST = 100 * 10**6
REPOSITORY = re.compile(r"/repos/([^/]+)/([^/]+)(/.*)?")
BY_NUMBER = re.compile(r"/repositories/(\d+)(/.*)?")


def answer(hub: Hub, asked: Asked) -> Answer:
    """Answer a request of the API."""
    if asked.path == "/rate_limit":
        return rate_limit(asked)
    if asked.path == "/user":
        if asked.login is None:
            return error(401, "Requires authentication")
        return data({**shapes.user(hub.store, asked.login), "name": None})
    if asked.path == "/user/repos":
        return own_repositories(hub, asked)
    if found := REPOSITORY.fullmatch(asked.path):
        return of_name(hub, asked, f"{found[1]}/{found[2]}", found[3] or "")
    if found := BY_NUMBER.fullmatch(asked.path):
        repository = hub.store.by_id(int(found[1]))
        return of_repository(hub, asked, repository, found[2] or "") if repository else not_found()
    return not_found()


def rate_limit(asked: Asked) -> Answer:
    token = asked.token
    limit, used = (token.limit, token.used) if token else (60, 0)
    reset = int(token.reset_at) if token else 0
    core = {"limit": limit, "used": used, "remaining": max(0, limit - used), "reset": reset}
    return data({"resources": {"core": core}, "rate": core})


def own_repositories(hub: Hub, asked: Asked) -> Answer:
    login = asked.login
    if login is None:
        return error(401, "Requires authentication")
    affiliation = asked.query.get("affiliation", "owner,collaborator,organization_member").split(",")
    found = [
        repository
        for repository in hub.store.repositories
        if (repository.owner == login and "owner" in affiliation)
        or (login in repository.members and "collaborator" in affiliation)
        or (repository.owner != login and login in repository.administrators and "organization_member" in affiliation)
    ]
    found.sort(key=lambda repository: repository.full_name)
    return listed(hub, asked, [shapes.repository(hub.store, repository, login) for repository in found])


def of_name(hub: Hub, asked: Asked, full_name: str, rest: str) -> Answer:
    repository = hub.store.find(full_name)
    if repository is not None:
        return of_repository(hub, asked, repository, rest)
    number = hub.store.moved.get(full_name.lower())
    repository = hub.store.by_id(number) if number else None
    if repository is None or not hub.store.visible_to(repository, asked.login):
        return not_found()
    query = f"?{'&'.join(f'{key}={value}' for key, value in asked.query.items())}" if asked.query else ""
    return moved(repository, f"{rest}{query}", 301 if asked.method in ("GET", "HEAD") else 307)


def of_repository(hub: Hub, asked: Asked, repository: Repository, rest: str) -> Answer:
    if not hub.store.visible_to(repository, asked.login):
        return not_found()
    if repository.is_blocked:
        return error(451, "Repository access blocked", block={"reason": "dmca"})
    if not rest:
        return data(shapes.repository(hub.store, repository, asked.login))
    for pattern, methods, handler in ROUTES:
        if (found := pattern.fullmatch(rest)) and asked.method in methods:
            return handler(hub, asked, repository, found[1] if found.groups() else "")
    return not_found()


def listed(hub: Hub, asked: Asked, items: list[Any], key: str = "") -> Answer:
    faults = hub.faults
    return paged(asked, items, key=key, is_opaque=faults.opaque_paging, with_last=not faults.no_last_link)


def commits(hub: Hub, asked: Asked, repository: Repository, _: str) -> Answer:
    if not repository.commits:
        return error(409, "Git Repository is empty.")
    found = repository.on_branch(asked.query.get("sha") or repository.default_branch)
    if not found:
        return not_found()
    if since := asked.query.get("since"):
        found = [made for made in found if written(made.at) >= since]
    return listed(hub, asked, [shapes.commit(hub.store, repository, made) for made in found])


def issues(hub: Hub, asked: Asked, repository: Repository, _: str) -> Answer:
    """The list of issues has the pull requests in it."""
    if not repository.has_issues:
        return error(410, "Issues are disabled for this repo")
    found = by_change(repository, asked)
    if since := asked.query.get("since"):
        found = [made for made in found if written(made.changed_at) >= since]
    return listed(hub, asked, [shapes.issue(hub.store, repository, made) for made in found])


def pulls(hub: Hub, asked: Asked, repository: Repository, _: str) -> Answer:
    found = [made for made in by_change(repository, asked) if made.is_pull]
    return listed(hub, asked, [shapes.pull(hub.store, repository, made) for made in found])


def by_change(repository: Repository, asked: Asked) -> list[Issue]:
    state = asked.query.get("state", "open")
    found = [made for made in repository.issues if state in ("all", made.state)]
    return sorted(found, key=lambda made: (made.changed_at, made.number), reverse=True)


def runs(hub: Hub, asked: Asked, repository: Repository, _: str) -> Answer:
    branch = asked.query.get("branch")
    found = [made for made in reversed(repository.runs) if branch in (None, made.branch)]
    return listed(hub, asked, [shapes.run(repository, made) for made in found], "workflow_runs")


def contents(hub: Hub, asked: Asked, repository: Repository, path: str) -> Answer:
    path = path.strip("/")
    file = repository.files.get(path)
    if file is None:
        return folder(repository, path)
    if len(file.content) > LARGEST:
        words = "This API returns blobs up to 100 MB in size. The requested blob is too large to fetch via the API."
        return error(403, words, errors=[{"resource": "Blob", "field": "data", "code": "too_large"}])
    if "raw" in asked.headers.get("accept", ""):
        return Answer(200, file.content, {"Content-Type": "application/vnd.github.raw+json; charset=utf-8"})
    return data(shapes.entry(repository, path, file, is_listed=False))


def folder(repository: Repository, path: str) -> Answer:
    start = f"{path}/" if path else ""
    inside = [name[len(start) :] for name in repository.files if name.startswith(start)]
    if not inside:
        return not_found()
    entries = []
    for name in sorted({name.partition("/")[0] for name in inside}):
        file = repository.files.get(start + name)
        entries.append(shapes.entry(repository, start + name, file, is_listed=True))
    return data(entries)


def readme(hub: Hub, asked: Asked, repository: Repository, _: str) -> Answer:
    name = next((name for name in repository.files if name.lower().startswith("readme")), None)
    return contents(hub, asked, repository, name) if name else not_found()


def archive(hub: Hub, asked: Asked, repository: Repository, ref: str) -> Answer:
    """Archives are served by another host, at an address that is good for a short while."""
    name = f"{repository.full_name}/legacy.zip/{ref.strip('/') or repository.default_branch}"
    return Answer(302, b"", {"Location": f"https://codeload.github.com/{name}?token={hub.ticket(repository)}"})


def download(hub: Hub, asked: Asked) -> Answer:
    """What codeload.github.com answers: a zip file, to whoever has the ticket and shows no other proof."""
    found = re.fullmatch(r"/([^/]+/[^/]+)/legacy\.zip/(.+)", asked.path)
    repository = hub.store.find(found[1]) if found else None
    if repository is None or asked.query.get("token") != hub.ticket(repository):
        return not_found()
    if "authorization" in asked.headers:
        return error(400, "A token was sent where none belongs")
    packed = io.BytesIO()
    head = repository.commits[-1].sha[:7] if repository.commits else "empty"
    with zipfile.ZipFile(packed, "w") as target:
        for name, file in sorted(repository.files.items()):
            target.writestr(zipfile.ZipInfo(f"{repository.owner}-{repository.name}-{head}/{name}"), file.content)
    return Answer(200, packed.getvalue(), {"Content-Type": "application/zip"})


def list_hooks(hub: Hub, asked: Asked, repository: Repository, _: str) -> Answer:
    if not may_administer(asked, repository):
        return not_found()
    return listed(hub, asked, [shapes.hook(repository, made) for made in repository.hooks])


def create_hook(hub: Hub, asked: Asked, repository: Repository, _: str) -> Answer:
    if not may_administer(asked, repository):
        return not_found()
    wanted = asked.json()
    config = wanted.get("config") or {}
    if not str(config.get("url", "")).startswith(("http://", "https://")):
        return refused_hook("url is missing")
    if any(made.url == config["url"] for made in repository.hooks):
        return refused_hook("Hook already exists on this repository")
    made = hub.add_hook(repository, config, wanted.get("events") or ["push"])
    return data(shapes.hook(repository, made), 201)


def refused_hook(words: str) -> Answer:
    return error(422, "Validation Failed", errors=[{"resource": "Hook", "code": "custom", "message": words}])


def change_hook(hub: Hub, asked: Asked, repository: Repository, number: str) -> Answer:
    made = next((made for made in repository.hooks if str(made.id) == number), None)
    if made is None or not may_administer(asked, repository):
        return not_found()
    if asked.method == "DELETE":
        repository.hooks.remove(made)
        return data(None, 204)
    if asked.method == "PATCH":
        wanted = asked.json()
        config = wanted.get("config") or {}
        made.url, made.secret = config.get("url", made.url), config.get("secret", made.secret)
        made.events, made.is_active = wanted.get("events", made.events), wanted.get("active", made.is_active)
    return data(shapes.hook(repository, made))


def may_administer(asked: Asked, repository: Repository) -> bool:
    return asked.login in repository.administrators


ROUTES: list[tuple[re.Pattern[str], tuple[str, ...], Handler]] = [
    (re.compile(r"/commits"), ("GET",), commits),
    (re.compile(r"/issues"), ("GET",), issues),
    (re.compile(r"/pulls"), ("GET",), pulls),
    (re.compile(r"/actions/runs"), ("GET",), runs),
    (re.compile(r"/contents/?(.*)"), ("GET",), contents),
    (re.compile(r"/readme"), ("GET",), readme),
    (re.compile(r"/zipball/?(.*)"), ("GET",), archive),
    (re.compile(r"/hooks"), ("GET",), list_hooks),
    (re.compile(r"/hooks"), ("POST",), create_hook),
    (re.compile(r"/hooks/(\d+)"), ("GET", "PATCH", "DELETE"), change_hook),
]
