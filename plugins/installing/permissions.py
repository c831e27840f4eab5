"""What a manifest asks for, in words for the admin who consents, and what changes between two versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coreengine.kernel.texts import size_words
from plugins.capabilities import CAPABILITY_WORDS
from plugins.formats import PLACEHOLDER
from plugins.manifest import Manifest, RequestRule

MIB = 2**20
FULL_NETWORK = "network:full"


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that a plugin may do. `key` is what consent is recorded as; more of an `amount` is more."""

    key: str
    group: str
    icon: str
    words: str
    amount: float = 0
    is_grave: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Permissions under one heading. Where there are many hosts beside the first, `hosts` has them."""

    title: str
    items: list[Permission]
    hosts: list[Permission]


FEW_HOSTS = 4
GROUPS = {
    "data": "For students, it may",
    "account": "Their accounts",
    "network": "What leaves this server",
    "machine": "On this server",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What another version asks for that the running one does not, and what it gives up."""

    added: tuple[Permission, ...]
    removed: tuple[Permission, ...]
    kept: tuple[Permission, ...]

    @property
    def grows(self) -> bool:
        """True if somebody has to consent."""
        return bool(self.added)

    @property
    def opens_network(self) -> bool:
        """True if it newly asks for any public host."""
        return any(item.key == FULL_NETWORK for item in self.added)


def permissions_of(manifest: Manifest, folder: Path | None = None) -> tuple[Permission, ...]:
    """List everything that a plugin may do, gravest kinds first within each group.

    With its folder, the workflows that it brings count too.
    """
    found = [
        *_data(manifest),
        *_workflows(folder),
        *_account(manifest),
        *_network(manifest),
        *_machine(manifest),
    ]
    order = list(GROUPS)
    return tuple(sorted(found, key=lambda item: (order.index(item.group), not item.is_grave)))


def compare(before: tuple[Permission, ...], after: tuple[Permission, ...]) -> Change:
    """Say what changes from one version's permissions to another's."""
    old = {item.key: item for item in before}
    new = {item.key: item for item in after}
    grown = {key for key, item in new.items() if key not in old or item.amount > old[key].amount}
    shrunk = {key for key, item in old.items() if key not in new or item.amount > new[key].amount}
    return Change(
        added=tuple(_from(old.get(item.key), item) for item in after if item.key in grown),
        removed=tuple(item for item in before if item.key in shrunk),
        kept=tuple(item for item in after if item.key not in grown | shrunk),
    )


def consent_key(permissions: tuple[Permission, ...]) -> str:
    """Return the digest that a consent names: what was shown is what is granted, nothing that came after."""
    told = sorted((item.key, item.amount, item.words) for item in permissions)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def grouped(permissions: tuple[Permission, ...]) -> list[Group]:
    """Put permissions under the headings of a page."""
    found: list[Group] = []
    for key, title in GROUPS.items():
        items = [item for item in permissions if item.group == key]
        hosts = [item for item in items if item.key.startswith("host:")][1:]
        if len(hosts) < FEW_HOSTS:
            hosts = []
        if items:
            found.append(Group(title, [item for item in items if item not in hosts], hosts))
    return found


def _from(old: Permission | None, new: Permission) -> Permission:
    if old is None:
        return new
    return Permission(new.key, new.group, new.icon, f"{new.words}, until now {old.words.split(' of ')[0]}", new.amount)


def _data(manifest: Manifest) -> Iterator[Permission]:
    for name in manifest.capabilities:
        icon, words = CAPABILITY_WORDS.get(name, ("circle", name))
        yield Permission(f"capability:{name}", "data", icon, words.replace("your", "their"))
    for endpoint in manifest.endpoints:
        if not endpoint.is_reading and not endpoint.needs_confirmation:
            words = f"Change things without asking: {endpoint.name.replace('_', ' ')}"
            yield Permission(f"unasked:{endpoint.name}", "data", "pencil", words)
    for webhook in manifest.webhooks:
        what = webhook.name.replace("_", " ")
        if webhook.signature is None:
            words = f"Receive “{what}”, but nothing proves where it comes from, so every one is refused"
            yield Permission(f"webhook:{webhook.name}:refused", "data", "webhook", words)
        elif webhook.signature.type == "url_secret":
            words = f"Receive “{what}” from whoever knows the secret address"
            yield Permission(f"webhook:{webhook.name}:url_secret", "data", "webhook", words)
        else:
            words = f"Receive “{what}”, signed by the service"
            yield Permission(f"webhook:{webhook.name}", "data", "webhook", words)


def _workflows(folder: Path | None) -> Iterator[Permission]:
    if folder is None:
        return
    for path in sorted((folder / "workflows").glob("*.yaml")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        title = path.stem.replace("-", " ").replace("_", " ")
        words = f"Give each connection the workflow “{title}”"
        yield Permission(f"workflow:{path.stem}:{digest}", "data", "workflow", words)


_WAYS = {
    "oauth2": ("log-in", "Have students sign in at {where}"),
    "api_key": ("key-round", "Have students paste a token or key; it is sent to {where}"),
    "basic_auth": ("user", "Have students type a user name and password; they are sent to {where}"),
    "feed_url": ("rss", "Have students paste a secret address at {where}"),
}


def _account(manifest: Manifest) -> Iterator[Permission]:
    main = manifest.document["spec"].get("authentication")
    ways = [main, *main.get("alternatives", [])] if main else []
    fields = manifest.settings_schema.get("properties", {})
    home = manifest.security.allowed_hosts[0] if manifest.security.allowed_hosts else ""
    for way in ways:
        addresses = [way[name] for name in ("authorization_url", "token_url") if name in way]
        hosts = list(dict.fromkeys(_host(address) for address in addresses)) or [home]
        icon, words = _WAYS.get(way["type"], ("key-round", "Sign in at {where}"))
        where = " and ".join(_in_words(host, fields) for host in hosts if host) or "no host"
        yield Permission(f"account:{way['type']}:{','.join(hosts)}", "account", icon, words.format(where=where))
        if way["type"] == "oauth2" and home and home not in hosts:
            words = f"Use what they granted at {_in_words(home, fields)}"
            yield Permission(f"account:home:{home}", "account", "key-round", words)
        for scope in way.get("scopes", []):
            yield Permission(f"scope:{scope}", "account", "list-checks", f"Ask them to grant “{scope}”")


def _network(manifest: Manifest) -> Iterator[Permission]:
    security = manifest.security
    fields = manifest.settings_schema.get("properties", {})
    if security.network_policy == "none":
        return
    if security.network_policy == "full":
        words = "Send requests to any public host on the internet"
        yield Permission(FULL_NETWORK, "network", "globe", words, is_grave=True)
    for host in security.allowed_hosts:
        yield Permission(f"host:{host}", "network", "globe", f"Send requests to {_in_words(host, fields)}")
    if security.requests is None:
        yield Permission("requests:read", "network", "eye", "Read (GET) any path of its hosts")
        if manifest.writes_outside:
            words = "Send changes (POST, PUT, PATCH, DELETE) to any path of its hosts"
            yield Permission("requests:any", "network", "pencil", words, is_grave=True)
    for rule in security.requests or ():
        yield from _rule(rule, rule.host or (security.allowed_hosts or ("",))[0], fields)


def _rule(rule: RequestRule, host: str, fields: Mapping[str, Any]) -> Iterator[Permission]:
    _, purpose = CAPABILITY_WORDS.get(rule.capability, ("", rule.capability))
    purpose = purpose.replace("your", "their").lower()
    for method in dict.fromkeys("GET" if method == "HEAD" else method for method in rule.methods):
        for path in rule.paths:
            words = f"{method} {path} and below at {_in_words(host, fields)}, to {purpose}"
            icon = "eye" if method == "GET" else "pencil"
            yield Permission(f"request:{method}:{host}:{path}", "network", icon, words)


def _machine(manifest: Manifest) -> Iterator[Permission]:
    for name in manifest.security.environment_variables:
        words = f"Read the server’s environment variable {name}"
        yield Permission(f"environment:{name}", "machine", "terminal", words, is_grave=True)
    if manifest.security.file_system_access == "read_write":
        yield Permission("files:read_write", "machine", "folder", "Write into a private folder while it runs")
    resources = manifest.resources
    cores = f"{resources.cpu_cores:g}"
    yield Permission(
        "limit:memory",
        "machine",
        "memory-stick",
        f"{size_words(resources.memory_bytes)} of memory in each action",
        resources.memory_bytes,
    )
    yield Permission(
        "limit:cpu", "machine", "cpu", f"{cores} of a processor in each action", round(resources.cpu_cores * 1000)
    )
    words = f"{size_words(resources.storage_bytes)} of storage for each connection"
    yield Permission("limit:storage", "machine", "hard-drive", words, resources.storage_bytes)


def _host(address: str) -> str:
    return address.removeprefix("https://").split("/", 1)[0]


def _in_words(host: str, fields: Mapping[str, Any]) -> str:
    """Write a host; where a setting stands in it, say so."""
    names = PLACEHOLDER.findall(host)
    if not names:
        return host
    titles = " and ".join(f"“{fields.get(name, {}).get('title', name)}”" for name in names)
    if host == f"{{{names[0]}}}":
        return f"the host that each student names as {titles}"
    return f"{host} ({titles} is each student’s)"
