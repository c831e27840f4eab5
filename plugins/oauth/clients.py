"""Which client id is used where, and what to say while there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.urls import reverse

from coreengine.kernel.site import site_url
from plugins.formats import PLACEHOLDER
from plugins.manifest import Authentication, Manifest
from plugins.oauth.models import OAuthClient


def redirect_uri() -> str:
    """Return the one address that services send students back to; it is what an admin registers with them.

    Raises:
        SiteAddressMissing: this installation does not know its own address.
    """
    return site_url(reverse("plugins:oauth-callback"))


def token_host(manifest: Manifest, way: Authentication, configuration: Mapping[str, Any]) -> str:
    """Return the host that gives out the tokens, "" while the setting that names it is empty."""
    return manifest.address(way.token_url, configuration).removeprefix("https://").split("/", 1)[0].lower()


def client_for(manifest: Manifest, way: Authentication, configuration: Mapping[str, Any]) -> OAuthClient:
    """Return the client of a host, or the one for any host.

    The latter only where the manifest itself names the host: a secret is not sent to what a student typed.

    Raises:
        ValidationError: none is set, at the setting that names the host or at `way`.
    """
    host = token_host(manifest, way, configuration)
    known = {client.host: client for client in OAuthClient.objects.filter(plugin=manifest.name, host__in=[host, ""])}
    client = known.get(host) if host else None
    if client is None and not _host_is_typed(way):
        client = known.get("")
    if client is None:
        raise ValidationError({_field(manifest, way): missing_words(manifest, host)})
    return client


def missing_words(manifest: Manifest, host: str = "") -> str:
    """Say that signing in is not possible yet, and what is."""
    others = " Choose another way to connect for now." if any(not way.needs_sign_in for way in manifest.ways) else ""
    where = f" at {host}" if host else ""
    return f"Your admin has not set up signing in to {manifest.title}{where} yet.{others}"


def hosts_with_client(manifest: Manifest) -> list[str]:
    """Return the hosts that have a client of this plugin; "" among them stands for any."""
    return list(OAuthClient.objects.filter(plugin=manifest.name).order_by("host").values_list("host", flat=True))


def admin_address(manifest: Manifest, host: str = "") -> str:
    """Return where an admin sets the client of a plugin."""
    return f"{reverse('admin:plugins_oauthclient_add')}?{urlencode({'plugin': manifest.name, 'host': host})}"


def set_up_demo() -> None:
    """Set the client that the demo university knows, in development, where a plugin can sign in there."""
    from django.conf import settings

    from plugins.registry import PluginUnknown, get_manifest

    if not getattr(settings, "DEMO_UNIVERSITY_URL", "") or not getattr(settings, "DEMO_ACCOUNTS", False):
        return
    try:
        manifest = get_manifest("canvas-integration")
    except PluginUnknown:
        return
    if any(way.needs_sign_in for way in manifest.ways):
        from plugins.demo_university.pages.oauth import CLIENTS
        from plugins.demo_university.university import DOMAIN

        client_id, secret = next(iter(CLIENTS.items()))
        values = {"client_id": client_id, "client_secret": secret}
        OAuthClient.objects.get_or_create(plugin=manifest.name, host=DOMAIN, defaults=values)


def _host_is_typed(way: Authentication) -> bool:
    return bool(PLACEHOLDER.search(way.token_url.removeprefix("https://").split("/", 1)[0]))


def _field(manifest: Manifest, way: Authentication) -> str:
    """Return the setting that names the token endpoint's host, else the choice of the way."""
    found = PLACEHOLDER.findall(way.token_url.removeprefix("https://").split("/", 1)[0])
    return found[0] if found else "way"
