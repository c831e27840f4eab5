"""The address under which the outside reaches this installation."""

from __future__ import annotations

from django.conf import settings

from coreengine.kernel.errors import DomainError


class SiteAddressMissing(DomainError):
    """An address for the outside was needed and the operator did not say what this site is called."""

    code = "site_address_missing"
    title = "This site does not know its own address"


def site_url(path: str = "") -> str:
    """Return the absolute address of a path of this site, for those who have no request at hand.

    Raises:
        SiteAddressMissing: neither SITE_URL nor one host name in ALLOWED_HOSTS says it.
    """
    if not settings.SITE_URL:
        raise SiteAddressMissing("Ask the administrator to set SITE_URL, such as https://core.example.edu.")
    return f"{settings.SITE_URL.rstrip('/')}{path}"
