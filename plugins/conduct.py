"""What a plugin declared, beside what it did: the reports of "What it did"."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet

from plugins.gateway.allowed import filled_rules
from plugins.gateway.records import Access
from plugins.manifest import Manifest
from plugins.models import Connection, GatewayCall
from plugins.pages import CAPABILITY_WORDS
from plugins.querysets import GatewayCallQuerySet

PAGE_SIZE = 50
REASONS = {
    "host_not_allowed": "host not declared",
    "request_not_allowed": "request not declared",
    "method_not_allowed": "method not allowed",
    "header_not_allowed": "header not allowed",
    "private_address": "private address",
    "not_https": "not https",
    "redirect_refused": "redirect refused",
    "invalid_request": "not a clear request",
    "blob_unknown": "a file that is not the student's",
    "credential_rejected": "credential rejected",
    "too_many_requests": "asked too often",
    "unreachable": "not reachable",
    "tls_failed": "no valid certificate",
    "timeout": "too slow",
    "too_large": "too large",
    "not_data": "a web page, not data",
    "invalid_answer": "answer not readable",
}


@dataclass(frozen=True)
class Tally:
    """How often, how much, and how it ended; sizes are bytes."""

    count: int = 0
    refused_count: int = 0
    failed_count: int = 0
    unchanged_count: int = 0
    received: int = 0
    sent: int = 0
    last_at: Any = None

    def plus(self, row: dict[str, Any]) -> Tally:
        """Add a row of `counted_by`."""
        moments = [moment for moment in (self.last_at, row["last_at"]) if moment]
        return Tally(**{name: getattr(self, name) + row[name] for name in _NUMBERS}, last_at=max(moments, default=None))


_NUMBERS = ("count", "refused_count", "failed_count", "unchanged_count", "received", "sent")


@dataclass(frozen=True)
class Rule:
    """One request rule as it reads on a page."""

    methods: str
    host: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Declared:
    """One capability: what the manifest says may leave for it, and what did."""

    name: str
    icon: str
    words: str
    rules: tuple[Rule, ...] = ()
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True)
class Host:
    """One host, declared or not, and what was asked of it."""

    name: str
    is_declared: bool
    is_home: bool
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True)
class Conduct:
    """All of it for one connection, or for a plugin over all of them."""

    total: Tally
    capabilities: list[Declared]
    hosts: list[Host]
    unasked: list[Host]
    has_rules: bool
    unruled: Tally
    """Requests that belong to no capability: refused, or of a manifest that names hosts only."""


def conduct_of(connection: Connection, calls: GatewayCallQuerySet) -> Conduct:
    """Put what a connection's plugin declared beside these calls; one query."""
    manifest = connection.manifest
    return _conduct(manifest, connection.configuration if manifest else {}, calls)


def conduct_of_plugin(manifest: Manifest | None, calls: GatewayCallQuerySet) -> Conduct:
    """The same for all connections of a plugin; hosts that depend on a student's settings stay templates."""
    return _conduct(manifest, None, calls)


def shapes(calls: GatewayCallQuerySet) -> QuerySet[Any]:
    """Count one connection's calls by capability, host, method and the shape of the path."""
    return calls.counted_by("capability", "host", "method", "shape", "is_refused")


def counts_over_students(calls: GatewayCallQuerySet) -> QuerySet[Any]:
    """Count a plugin's calls over all students, with nothing in it that tells whose they are."""
    return calls.counted_by("capability", "host", "method", "is_refused").annotate(
        connection_count=Count("connection", distinct=True)
    )


def calls_of_plugin(name: str) -> GatewayCallQuerySet:
    """Return the calls of every connection of a plugin."""
    return GatewayCall.objects.filter(connection__plugin=name)


def page_of(rows: Any, number: str | None) -> Page:
    """Cut a page out of counted rows, or of single calls, and put words to their reasons."""
    page = Paginator(rows, PAGE_SIZE).get_page(number)
    for row in page.object_list:
        if isinstance(row, dict):
            row["reasons"] = [reason_words(code) for code in (row["reasons"] or "").split()]
            row["capability_words"] = _words(row["capability"])[1] if row["capability"] else ""
        else:
            row.reason = reason_words(row.error_code)
    return page


def reason_words(code: str) -> str:
    """Say an error code in a few words."""
    return REASONS.get(code, code.replace("_", " "))


def _conduct(manifest: Manifest | None, configuration: Any, calls: GatewayCallQuerySet) -> Conduct:
    rows = list(calls.counted_by("capability", "host"))
    by_capability: dict[str, Tally] = {}
    by_host: dict[str, Tally] = {}
    total = Tally()
    for row in rows:
        total = total.plus(row)
        by_capability[row["capability"]] = by_capability.get(row["capability"], Tally()).plus(row)
        by_host[row["host"]] = by_host.get(row["host"], Tally()).plus(row)
    declared = _declared_hosts(manifest, configuration)
    template = next((name for name in declared if "{" in name), "")
    for name, tally in list(by_host.items()):
        # Over all students a declared name may be a template, and what was asked in its place counts there.
        if template and name not in declared and tally.refused_count < tally.count:
            by_host[template] = by_host.get(template, Tally()).plus(asdict(by_host.pop(name)))
    hosts = [Host(name, True, number == 0, by_host.get(name, Tally())) for number, name in enumerate(declared)]
    hosts += [Host(name, False, False, tally) for name, tally in by_host.items() if name and name not in declared]
    worth_a_line = [host for host in hosts if host.is_home or host.tally.count]
    names = list(manifest.capabilities) if manifest else []
    names += [name for name in by_capability if name and name not in names]
    rules = _rules(manifest, configuration)
    capabilities = [
        Declared(name, *_words(name), rules=tuple(rules.get(name, ())), tally=by_capability.get(name, Tally()))
        for name in names
    ]
    return Conduct(
        total=total,
        capabilities=capabilities,
        # What was not declared comes first: that is what to look at.
        hosts=sorted(worth_a_line, key=lambda host: host.is_declared),
        unasked=[host for host in hosts if host not in worth_a_line],
        has_rules=manifest is not None and manifest.security.requests is not None,
        unruled=by_capability.get("", Tally()),
    )


def _words(capability: str) -> tuple[str, str]:
    return CAPABILITY_WORDS.get(capability, ("circle", capability.replace("_", " ").capitalize()))


def _declared_hosts(manifest: Manifest | None, configuration: Any) -> tuple[str, ...]:
    if manifest is None or manifest.security.network_policy == "none":
        return ()
    return manifest.security.allowed_hosts if configuration is None else manifest.hosts(configuration)


def _rules(manifest: Manifest | None, configuration: Any) -> dict[str, list[Rule]]:
    if manifest is None or manifest.security.requests is None:
        return {}
    found: dict[str, list[Rule]] = {}
    rules = manifest.security.requests
    if configuration is not None:
        rules = tuple(filled_rules(Access(None, manifest, configuration, {})))
    for rule in rules:
        found.setdefault(rule.capability, []).append(Rule(", ".join(rule.methods), rule.host, rule.paths))
    return found
