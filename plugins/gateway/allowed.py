"""What may leave for one connection: its hosts, and the request rules of its plugin's manifest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

from coreengine.kernel.outbound.address import Target
from coreengine.kernel.outbound.errors import RequestFailed
from coreengine.kernel.outbound.hosts import operator_host
from plugins.formats import expand
from plugins.gateway.records import Access
from plugins.manifest import RequestRule

READING = frozenset({"GET", "HEAD"})
_NUMBER = re.compile(r"[0-9]+")
_IDENTIFIER = re.compile(r"(?=.*[0-9])[A-Za-z0-9_-]{12,}|[A-Za-z0-9_-]{24,}|.*[^A-Za-z0-9_.-].*")


@dataclass(frozen=True, slots=True)
class _Rule:
    capability: str
    methods: frozenset[str]
    host: str
    prefix: str

    def fits(self, method: str, target: Target) -> bool:
        return method in self.methods and target.host == self.host and _is_below(target.bare_path, self.prefix)


class Allowed:
    """The rules of one connection, filled from its configuration once."""

    def __init__(self, access: Access) -> None:
        self._manifest = access.manifest
        self._hosts = access.hosts
        self._reaches_everything = access.reaches_everything
        self._rules = _rules(access)

    def check(self, method: str, target: Target, *, sent_on_by: str = "") -> str:
        """Return the capability for which a request may leave, "" where the manifest names none for it.

        `sent_on_by` is the host that redirected here. A secret address needs no rule: the student gave it.

        Raises:
            RequestFailed: host_not_allowed, not_https or request_not_allowed.
        """
        self._check_host(target, sent_on_by)
        if target.is_secret:
            return next(iter(self._manifest.capabilities), "")
        if self._rules is not None:
            fitting = next((rule for rule in self._rules if rule.fits(method, target)), None)
            if fitting is None:
                raise self._refusal(method, target)
            return fitting.capability
        if method not in READING and not (self._manifest.writes_outside and target.host in self._hosts):
            raise self._refusal(method, target)
        return ""

    def _check_host(self, target: Target, sent_on_by: str) -> None:
        title = self._manifest.title
        if self._manifest.security.network_policy == "none":
            raise RequestFailed("host_not_allowed", f"{title} declares that it needs no network.")
        if target.host not in self._hosts and not self._reaches_everything:
            if sent_on_by:
                raise RequestFailed(
                    "host_not_allowed",
                    f"{sent_on_by} sent us on to {target.host}, which {title} may not reach. "
                    "Check the address: the name of the service itself is needed, not of a sign-in page.",
                )
            allowed = ", ".join(self._hosts) or "none"
            raise RequestFailed(
                "host_not_allowed", f"{target.host} is not among the hosts that {title} may reach ({allowed})."
            )
        mapped = operator_host(target.host)
        if target.scheme != "https" and not mapped:
            raise RequestFailed("not_https", f"{target.host} can only be asked over https.")
        if target.port not in {443, 80} and not mapped:
            raise RequestFailed("host_not_allowed", f"Port {target.port} of {target.host} is not open to plugins.")

    def _refusal(self, method: str, target: Target) -> RequestFailed:
        return RequestFailed(
            "request_not_allowed",
            f"{self._manifest.title} does not declare that it sends {method} to {path_shape(target.bare_path)} at "
            f"{target.host}, so the request did not leave.",
        )


def path_shape(path: str) -> str:
    """Return a path with what varies taken out, for counting: /courses/17/files reads /courses/{n}/files."""
    steps = path.split("/")[:12]
    return "/".join(_step(step) for step in steps)[:200]


def _step(step: str) -> str:
    if _NUMBER.fullmatch(step):
        return "{n}"
    return "{id}" if _IDENTIFIER.fullmatch(step) else step


def filled_rules(access: Access) -> Iterator[RequestRule]:
    """Yield the manifest's request rules with the connection's settings in them; one that lacks a setting is left out.

    A setting that would step upwards or begin a query allows nothing.
    """
    for rule in access.manifest.security.requests or ():
        if rule.capability not in access.manifest.capabilities:
            continue
        try:
            host = expand(rule.host, access.configuration).lower() if rule.host else access.home
            paths = tuple(expand(path, access.configuration) for path in rule.paths)
        except KeyError:
            continue
        if plain := tuple(path for path in paths if _is_plain(path)):
            yield replace(rule, host=host, paths=plain)


def _rules(access: Access) -> list[_Rule] | None:
    if access.manifest.security.requests is None:
        return None
    return [
        _Rule(rule.capability, frozenset(rule.methods), rule.host, path)
        for rule in filled_rules(access)
        for path in rule.paths
    ]


def _is_plain(prefix: str) -> bool:
    return not re.search(r"[%?#\\]|/\.{1,2}(/|$)", prefix)


def _is_below(path: str, prefix: str) -> bool:
    """Tell whether a path begins with a prefix that ends at a slash, as it stands and once decoded."""
    return all(
        each == prefix or each.startswith(prefix if prefix.endswith("/") else f"{prefix}/")
        for each in {path, unquote(path)}
    )
