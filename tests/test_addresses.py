"""Who is not signed in gets the sign-in page or nothing, at every address there is."""

import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

# Open to everyone, and why: signing in itself, health for machines, hooks by signature or secret, the mailbox and the
# style guide of development, the API's description, the manifests' published JSON Schema, and the script by which
# browsers show what was pushed.
OPEN = re.compile(
    r"^/(accounts/|health|hooks/|mailbox/|styleguide/|api/v1/schema|api/v1/docs|api/v1/$|static/|favicon|admin/"
    r"|schemas/|api/v1/plugins/manifest-schema/|push-worker\.js)"
)
SAMPLES = {
    "int": "999999999",
    "str": "nothing",
    "slug": "nothing",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "path": "nothing",
}


def addresses(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    """List one address for every pattern below a resolver."""
    for entry in resolver.url_patterns:
        route = str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from addresses(entry, prefix + route.lstrip("^"))
        elif isinstance(entry, URLPattern):
            yield prefix + route.lstrip("^")


def filled(address: str) -> str:
    """Put samples where parameters stand, in paths and in regular expressions."""
    address = re.sub(r"<(?:(\w+):)?\w+>", lambda found: SAMPLES.get(found[1] or "str", "nothing"), address)
    address = re.sub(r"\(\?P<format>[^)]*\)\??", "json", address)
    address = re.sub(r"\(\?P<\w+>[^)]*\)", "999999999", address)
    return (
        address.replace("\\.", ".")
        .replace("\\Z", "")
        .replace("/?$", "/")
        .replace("$", "")
        .replace("^", "")
        .replace("?", "")
    )


ALL = sorted({filled(address) for address in addresses(get_resolver())})
GUARDED = [address for address in ALL if not OPEN.match(address)]


def test_there_are_addresses_to_try() -> None:
    assert "/" in GUARDED
    assert "/notifications/" in GUARDED
    assert "/settings/tokens/" in GUARDED


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post", "delete"])
@pytest.mark.parametrize("address", GUARDED)
def test_a_stranger_gets_the_sign_in_page_or_nothing(address: str, method: str) -> None:
    response = getattr(Client(), method)(address)

    if response.status_code == 302:
        assert response["Location"].startswith(f"/{settings.LOGIN_URL.replace('account_login', 'accounts/login')}")
    else:
        assert response.status_code in {401, 403, 404, 405}


@pytest.mark.django_db
@pytest.mark.parametrize("address", [address for address in GUARDED if "999999999" in address and "api" not in address])
def test_a_student_gets_nothing_where_nothing_of_theirs_is(address: str, page: Client) -> None:
    response = page.get(address)

    assert response.status_code in {404, 405}
    assert "Traceback" not in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/mailbox/", "/settings/", "/notifications/"])
def test_pages_carry_the_strict_policy(address: str, page: Client) -> None:
    policy = page.get(address)["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
