"""The API's doors to plugins: the registry, the manifest's schema, and the routes that manifests declare."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.problems import problem_response
from coreengine.kernel.api.viewsets import ApiView
from plugins import services
from plugins.api.connections import call_response
from plugins.api.serializers import PluginSerializer
from plugins.confirmation import PARAMETER
from plugins.errors import ConnectionAmbiguous, NotConnected
from plugins.manifest import Endpoint, Manifest
from plugins.manifest_checks import manifest_schema
from plugins.models import ActionCall, Connection
from plugins.registry import Plugin, all_plugins
from plugins.reports import PluginReport, read_report
from plugins.rules import read_request

# What went wrong with a call, as a status of HTTP; anything else is 502.
_STATUSES = {
    "invalid_params": 422,
    "not_found": 404,
    "permission_denied": 403,
    "too_many_requests": 503,
    "sandbox_unavailable": 503,
    "plugin_timed_out": 504,
    "timeout": 504,
}


class PluginListView(ApiView):
    """The registry."""

    @extend_schema(responses=PluginSerializer(many=True), operation_id="plugins_list")
    def get(self, request: Request) -> Response:
        """List the installed plugins, faulty ones with their faults."""
        report = read_report()
        known = report.plugins if report else {}
        return Response([_as_json(plugin, known.get(plugin.name)) for plugin in all_plugins()])


class PluginView(ApiView):
    """One plugin."""

    @extend_schema(responses=PluginSerializer, operation_id="plugins_retrieve")
    def get(self, request: Request, name: str) -> Response:
        """Read one plugin of the registry."""
        plugin = next((item for item in all_plugins() if item.name == name), None)
        if plugin is None:
            raise Http404
        report = read_report()
        return Response(_as_json(plugin, report.plugins.get(name) if report else None))


@extend_schema(exclude=True)  # the schema has every route of every manifest instead (schema.py)
class EndpointView(ApiView):
    """Any route below /plugins/{name}/: the manifest says which there are."""

    def get(self, request: Request, name: str, rest: str) -> Response:
        """Read through a plugin."""
        return self._answer(request, name, rest)

    def post(self, request: Request, name: str, rest: str) -> Response:
        """Write through a plugin; at most once per Idempotency-Key."""
        return self.idempotently(request, lambda: self._answer(request, name, rest))

    def put(self, request: Request, name: str, rest: str) -> Response:
        """Write through a plugin."""
        return self._answer(request, name, rest)

    def patch(self, request: Request, name: str, rest: str) -> Response:
        """Write through a plugin."""
        return self._answer(request, name, rest)

    def delete(self, request: Request, name: str, rest: str) -> Response:
        """Delete through a plugin."""
        return self._answer(request, name, rest)

    def _answer(self, request: Request, name: str, rest: str) -> Response:
        manifest = services.installed_manifest(name)
        endpoint, in_path = find_endpoint(manifest, str(request.method), rest)
        query = {key: request.query_params.getlist(key) for key in request.query_params if key != "connection"}
        body = _body(request, endpoint)
        confirmation = ""
        if endpoint.confirm:
            in_query = query.pop(PARAMETER, [""])[-1]
            confirmation = str(body.pop(PARAMETER, None) or in_query)
        given = read_request(manifest, endpoint, query=query, body=body, in_path=in_path)
        connection = chosen_connection(request, manifest)
        call = services.ask_action(
            connection,
            endpoint.name,
            given,
            by=request.user,
            idempotency_key=request.headers.get("Idempotency-Key", "")[:200],
            confirmation=confirmation,
        )
        if not call.is_finished:
            return call_response(call)
        return _finished_response(call, endpoint)


def _body(request: Request, endpoint: Endpoint) -> dict[str, Any]:
    """Return the body of a request as a mapping; a method without a body has an empty one.

    Raises:
        ValidationError: it is JSON, but no object.
    """
    if endpoint.method in {"GET", "DELETE"}:
        return {}
    if not isinstance(request.data, dict):
        raise ValidationError({"__all__": "The body must be a JSON object with the parameters as its fields."})
    return dict(request.data.items())


def find_endpoint(manifest: Manifest, method: str, rest: str) -> tuple[Endpoint, dict[str, list[str]]]:
    """Match a path against the manifest's endpoints; return the endpoint and its path parameters.

    Raises:
        Http404: no endpoint has this path.
        MethodNotAllowed: one has, for another method.
    """
    path = "/" + rest.strip("/")
    other = False
    # What is written out goes before what is filled in: /papers/newest is not a paper with the id "newest".
    for endpoint in sorted(manifest.endpoints, key=lambda item: item.path.count("{")):
        pattern = re.sub(r"\\\{([a-z][a-z0-9_]*)\\\}", r"(?P<\1>[^/]+)", re.escape(endpoint.path))
        if match := re.fullmatch(pattern, path):
            if endpoint.method == method:
                return endpoint, {name: [value] for name, value in match.groupdict().items()}
            other = True
    if other:
        raise MethodNotAllowed(method)
    raise Http404


def chosen_connection(request: Request, manifest: Manifest) -> Connection:
    """Return the caller's connection that `?connection=` names, or their only one.

    Raises:
        Http404: the named one is not theirs.
        NotConnected, ConnectionAmbiguous: none is named and there is not exactly one.
    """
    mine = Connection.objects.visible_to(request.user).for_plugin(manifest.name)
    wanted = request.query_params.get("connection")
    if wanted is not None:
        return get_object_or_404(mine, pk=wanted if wanted.isdigit() and len(wanted) < 19 else 0)
    found = list(mine[:2])
    if not found:
        raise NotConnected(f"Connect {manifest.title} first, at /connections/new/{manifest.name}/.")
    if len(found) > 1:
        raise ConnectionAmbiguous(f"{manifest.title} is connected more than once; add ?connection=ID.")
    return found[0]


def _finished_response(call: ActionCall, endpoint: Endpoint) -> Response:
    if call.status == "completed":
        return Response(call.result, status=endpoint.status, headers={"Core-Engine-Action": str(call.pk)})
    return problem_response(
        _STATUSES.get(call.error_code, status.HTTP_502_BAD_GATEWAY),
        call.error,
        code=call.error_code or "plugin_failed",
        title="The plugin could not do this",
        retryable=call.is_retryable,
    )


def _as_json(plugin: Plugin, report: PluginReport | None) -> dict[str, Any]:
    manifest = plugin.manifest
    return {
        "name": plugin.name,
        "title": plugin.title,
        "version": manifest.version if manifest else "",
        "description": manifest.metadata.description if manifest else "",
        "is_usable": plugin.is_usable,
        "is_shipped": plugin.is_shipped,
        "is_installed": plugin.is_installed,
        "is_enabled": plugin.is_enabled,
        "capabilities": list(manifest.capabilities) if manifest else [],
        "network_policy": manifest.security.network_policy if manifest else "",
        "allowed_hosts": list(manifest.security.allowed_hosts) if manifest else [],
        "configuration_schema": dict(manifest.settings_schema) if manifest else {},
        "authentication": manifest.authentication.type if manifest and manifest.authentication else "",
        "endpoints": [
            {"name": item.name, "method": item.method, "path": item.path, "description": item.description}
            for item in (manifest.endpoints if manifest else ())
        ],
        "sandbox": report.sandbox if report else "",
        "faults": [asdict(fault) for fault in plugin.faults],
    }


@login_not_required
@require_GET
def published_schema(request: HttpRequest) -> JsonResponse:
    """Answer with the JSON Schema of manifests, open to everyone."""
    response = JsonResponse(manifest_schema(), content_type="application/schema+json")
    response["Access-Control-Allow-Origin"] = "*"
    return response
