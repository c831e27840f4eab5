"""The manifest of a plugin as frozen data, once every check has passed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from plugins.faults import ManifestFaulty
from plugins.formats import PLACEHOLDER, cpu_cores, expand, is_host, memory_bytes
from plugins.manifest_checks import check_manifest, normalise, read_yaml
from plugins.manifest_ways import way_name, ways_of

MIB = 2**20
_SPELLINGS = {"github": "GitHub", "gitlab": "GitLab", "lms": "LMS", "ics": "ICS"}


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who a plugin is."""

    name: str
    version: str
    description: str
    author: str = ""
    homepage: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Revocation:
    """How a token is given back; `proof` is token_form (RFC 7009), bearer or client_basic_json."""

    url: str
    proof: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Authentication:
    """One way to a student's account on the other side; addresses may hold `{settings}`."""

    type: str
    name: str
    title: str = ""
    description: str = ""
    authorization_url: str = ""
    token_url: str = ""
    token_page: str = ""
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    authorization_parameters: Mapping[str, str] = field(default_factory=dict)
    refresh_token_supported: bool = False
    pkce: bool = True
    token_endpoint_auth_method: str = "client_secret_post"
    revocation: Revocation | None = None
    header: str = "Authorization"
    prefix: str | None = None

    @property
    def needs_sign_in(self) -> bool:
        """True if the student is sent to the service to agree, instead of pasting something here."""
        return self.type == "oauth2"

    @property
    def shown_title(self) -> str:
        """The way as a choice on a page."""
        usual = {"oauth2": "Sign in", "basic_auth": "User name and password", "feed_url": "Feed address"}
        is_key = self.type == "api_key" and self.prefix not in {None, "Bearer"}
        return self.title or usual.get(self.type) or ("API key" if is_key else "Access token")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input of an endpoint; `schema` is its JSON Schema."""

    name: str
    place: str
    required: bool
    schema: Mapping[str, Any]
    description: str = ""


@dataclass(frozen=True)
class Endpoint:
    """One action of a plugin, which is also a route of the API."""

    name: str
    method: str
    path: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    response: Mapping[str, Any] | None = None
    idempotent: bool = False
    capability: str = ""
    confirm: str = ""
    status: int = 200

    @cached_property
    def params_schema(self) -> dict[str, Any]:
        """The JSON Schema of all parameters as one flat object."""
        return {
            "type": "object",
            "properties": {parameter.name: dict(parameter.schema) for parameter in self.parameters},
            "required": [parameter.name for parameter in self.parameters if parameter.required],
            "additionalProperties": False,
        }

    @property
    def is_reading(self) -> bool:
        """True if the endpoint changes nothing on the other side."""
        return self.method == "GET"

    @property
    def is_repeatable(self) -> bool:
        """True if the same call with the same idempotency key does its work once, however often it is made."""
        return self.is_reading or self.idempotent

    @property
    def needs_confirmation(self) -> bool:
        """True if a person has to say yes to each call; `confirm` is the sentence they are asked."""
        return bool(self.confirm)

    def question(self, params: Mapping[str, Any]) -> str:
        """Return the sentence that a person is asked before this call; a parameter that is not given reads "…"."""
        defaults = {parameter.name: parameter.schema.get("default") for parameter in self.parameters}
        return PLACEHOLDER.sub(lambda match: _shown(params.get(match[1], defaults.get(match[1]))), self.confirm)


@dataclass(frozen=True, slots=True)
class Signature:
    """How a message shows that it comes from the other side.

    `hmac_sha256`: the header has the HMAC of the body, after `prefix`; `token`: the header has the secret itself;
    `url_secret`: nothing but the secret in the address.
    """

    type: str
    header: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One message that the other side may send; without a `signature` none is accepted.

    The values of `delivery_id_headers`, joined with ":", tell a repeated delivery; `event_header` names what
    happened; `kept_headers` are those that the plugin is shown; `stop` is the action that ends the telling.
    """

    name: str
    description: str = ""
    payload_schema: Mapping[str, Any] | None = None
    signature: Signature | None = None
    delivery_id_headers: tuple[str, ...] = ()
    event_header: str = ""
    kept_headers: tuple[str, ...] = ()
    stop: str = ""


@dataclass(frozen=True, slots=True)
class RequestRule:
    """Requests that may leave for one capability. `host` and `paths` may hold `{settings}`; no host is the home.

    A path is a prefix, and may be left only at a "/": `/files` allows `/files` and `/files/7`, never `/filesystem`;
    `/drive/v3/` allows everything below it.
    """

    capability: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    host: str = ""


@dataclass(frozen=True, slots=True)
class Resources:
    """What one running action may use (`limits`), and what is set aside for it (`requests`; 0: nothing)."""

    memory_bytes: int = 128 * MIB
    cpu_cores: float = 0.1
    storage_bytes: int = 1024 * MIB
    requested_memory_bytes: int = 0
    requested_cpu_cores: float = 0.0
    requested_storage_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Security:
    """What a plugin may reach. `allowed_hosts` may hold `{settings}`; the first is the home of relative paths.

    `requests` says what may leave, by capability; None where the manifest does not say, and then `writes_outside`
    decides about methods other than GET and HEAD. `requests_per_minute` is the plugin's own bound (0: the host's);
    with `seconds_between_writes` its writes come one at a time, so far apart.
    """

    network_policy: str = "none"
    file_system_access: str = "none"
    allowed_hosts: tuple[str, ...] = ()
    environment_variables: tuple[str, ...] = ()
    requests: tuple[RequestRule, ...] | None = None
    requests_per_minute: int = 0
    seconds_between_writes: float | None = None


@dataclass(frozen=True, eq=False)
class Manifest:
    """A checked manifest, version 1. `document` is the normalised original.

    Two are equal only if they are the same object: the registry gives the same one while the file stays the same.
    """

    metadata: Metadata
    capabilities: tuple[str, ...]
    ways: tuple[Authentication, ...]
    settings_schema: Mapping[str, Any]
    endpoints: tuple[Endpoint, ...]
    webhooks: tuple[Webhook, ...]
    resources: Resources
    security: Security
    definitions: Mapping[str, Any]
    document: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """The plugin's identifier, such as canvas-integration."""
        return self.metadata.name

    @property
    def version(self) -> str:
        """The plugin's semantic version."""
        return self.metadata.version

    @property
    def title(self) -> str:
        """The name as a heading: canvas-integration reads Canvas."""
        words = self.metadata.name.removesuffix("-integration").replace("-", " ").split()
        return " ".join(_SPELLINGS.get(word, word.capitalize()) for word in words)

    @property
    def authentication(self) -> Authentication | None:
        """The first way to an account, None if the plugin needs none."""
        return self.ways[0] if self.ways else None

    def way(self, name: str) -> Authentication | None:
        """Return the way of that name; "" is the first. None if there is none, as after an upgrade without it."""
        if not name:
            return self.authentication
        return next((way for way in self.ways if way.name == name), None)

    @cached_property
    def endpoint_by_name(self) -> dict[str, Endpoint]:
        """Endpoints by action name."""
        return {endpoint.name: endpoint for endpoint in self.endpoints}

    @cached_property
    def webhook_by_name(self) -> dict[str, Webhook]:
        """Webhooks by name."""
        return {webhook.name: webhook for webhook in self.webhooks}

    @cached_property
    def writes_outside(self) -> bool:
        """True if something in the manifest says that the plugin changes things on the other side."""
        if any(name.startswith("write_") or name == "webhook_receiver" for name in self.capabilities):
            return True
        return any(not endpoint.is_reading for endpoint in self.endpoints)

    def defaults(self) -> dict[str, Any]:
        """Return the settings that have a default."""
        fields = self.settings_schema.get("properties", {})
        return {name: schema["default"] for name, schema in fields.items() if "default" in schema}

    def hosts(self, configuration: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the hosts that a connection with this configuration may reach, home first.

        A template whose setting is empty, or whose result is no plain host name, allows nothing.
        """
        found: list[str] = []
        if self.security.network_policy == "none":
            return ()
        for template in self.security.allowed_hosts:
            try:
                host = expand(template, configuration).lower()
            except KeyError:
                continue
            if is_host(host) and host not in found:
                found.append(host)
        return tuple(found)

    def address(self, template: str, configuration: Mapping[str, Any]) -> str:
        """Fill a template such as `token_page` from the configuration; "" while a value is missing."""
        try:
            return expand(template, configuration)
        except KeyError:
            return ""


def parse_manifest(text: str | bytes, *, source: str = "") -> Manifest:
    """Read a manifest file's text.

    Raises:
        ManifestFaulty: with every fault and its field.
    """
    return manifest_from(read_yaml(text, source=source), source=source)


def manifest_from(raw: dict[str, Any], *, source: str = "") -> Manifest:
    """Check a parsed manifest and turn it into frozen data.

    Raises:
        ManifestFaulty: with every fault and its field.
    """
    document = normalise(raw)
    faults = check_manifest(document)
    if faults:
        raise ManifestFaulty(faults, source=source)
    metadata, spec = document["metadata"], document["spec"]
    security = spec.get("security", {})
    return Manifest(
        metadata=Metadata(**{**metadata, "tags": tuple(metadata.get("tags", ()))}),
        capabilities=tuple(spec["capabilities"]),
        ways=tuple(_way(item) for item in ways_of(spec)),
        settings_schema=spec.get("configuration", {}).get("schema", {"type": "object", "properties": {}}),
        endpoints=tuple(_endpoint(item) for item in spec.get("endpoints", ())),
        webhooks=tuple(_webhook(item) for item in spec.get("webhooks", ())),
        resources=_resources(spec.get("resources", {})),
        security=Security(
            network_policy=security.get("network_policy", "none"),
            file_system_access=security.get("file_system_access", "none"),
            allowed_hosts=tuple(security.get("allowed_hosts", ())),
            environment_variables=tuple(security.get("environment_variables", ())),
            requests=tuple(
                RequestRule(rule["capability"], tuple(rule["methods"]), tuple(rule["paths"]), rule.get("host", ""))
                for rule in security["requests"]
            )
            if "requests" in security
            else None,
            requests_per_minute=security.get("pace", {}).get("requests_per_minute", 0),
            seconds_between_writes=security.get("pace", {}).get("seconds_between_writes"),
        ),
        definitions=document.get("definitions", {}),
        document=document,
    )


def _way(item: dict[str, Any]) -> Authentication:
    revocation = item.get("revocation")
    rest = {key: value for key, value in item.items() if key != "alternatives"}
    return Authentication(
        **{
            **rest,
            "name": way_name(item),
            "scopes": tuple(item.get("scopes", ())),
            "revocation": revocation and Revocation(**revocation),
        }
    )


def _endpoint(item: dict[str, Any]) -> Endpoint:
    responses = item.get("responses", {})
    status = next((code for code in sorted(responses) if code.startswith("2")), "200")
    good = responses.get(status, {})
    parameters = tuple(
        Parameter(
            name=raw["name"],
            place=raw["in"],
            required=bool(raw.get("required", raw["in"] == "path")),
            description=raw.get("description", ""),
            schema={key: value for key, value in raw.items() if key not in {"name", "in", "required"}},
        )
        for raw in item.get("parameters", ())
    )
    return Endpoint(
        name=item["name"],
        method=item["method"],
        path=item["path"],
        description=item.get("description", ""),
        parameters=parameters,
        response=good.get("schema"),
        idempotent=bool(item.get("idempotent", False)),
        capability=item.get("capability", ""),
        confirm=item.get("confirm", ""),
        status=int(status),
    )


def _webhook(item: dict[str, Any]) -> Webhook:
    return Webhook(
        name=item["name"],
        description=item.get("description", ""),
        payload_schema=item.get("payload_schema"),
        signature=Signature(**item["signature"]) if "signature" in item else None,
        delivery_id_headers=tuple(item.get("delivery_id_headers", ())),
        event_header=item.get("event_header", ""),
        kept_headers=tuple(item.get("kept_headers", ())),
        stop=item.get("stop", ""),
    )


def _resources(item: dict[str, Any]) -> Resources:
    readers = {"memory_bytes": memory_bytes, "cpu_cores": cpu_cores, "storage_bytes": memory_bytes}
    found: dict[str, Any] = {}
    for section, prefix in (("limits", ""), ("requests", "requested_")):
        quantities = item.get(section, {})
        for name, reader in readers.items():
            if (kind := name.split("_")[0]) in quantities:
                found[prefix + name] = reader(quantities[kind])
    return Resources(**found)


def _shown(value: Any) -> str:
    """Write a parameter's value into a sentence: short, on one line."""
    if value in (None, ""):
        return "…"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # No value may end the sentence and go on by itself: neither with a line break nor with a mark of direction.
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= 120 else f"{text[:119]}…"
