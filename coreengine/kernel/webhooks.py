"""The rules of taking in webhooks, whoever they are for: workflows and connections share them.

A body is read once, within a limit, before anything else. Signatures are checked over these raw bytes and compared in
constant time; without a secret, or with a way of signing that is not known, nothing is signed right.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from coreengine.kernel.storable import unstorable

DELIVERY_ID_HEADERS = ("X-GitHub-Delivery", "Idempotency-Key", "webhook-id")
"""Where senders name their deliveries, if nothing else is known of them."""
KEPT_HEADERS = frozenset(
    {
        "content-type",
        "idempotency-key",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "x-event-key",
        "x-github-delivery",
        "x-github-event",
        "x-gitlab-event",
        "x-hook-event",
        "x-request-id",
    }
)
"""What of a request's headers is kept, whoever sent it."""
NEVER_KEPT = frozenset({"authorization", "cookie", "proxy-authorization", "x-hub-signature", "webhook-signature"})
MAX_DELIVERY_ID = 200
MAX_HEADER = 1_000
STANDARD_TOLERANCE = timedelta(minutes=5)
"""How far the clock of a sender of Standard Webhooks may be from ours."""


@dataclass(frozen=True)
class Answer:
    """What the sender is told."""

    status: int
    body: dict[str, Any]
    retry_after_s: int = 0

    def response(self) -> JsonResponse:
        """Return it as an HTTP response."""
        response = JsonResponse(self.body, status=self.status)
        if self.retry_after_s:
            response["Retry-After"] = str(self.retry_after_s)
        return response


@dataclass(frozen=True)
class Body:
    """What a request held. `refusal` says why it was not read, with the status to answer."""

    data: bytes = b""
    size: int = 0
    status: int = 0
    refusal: str = ""


def read_body(request: HttpRequest, *, most: int) -> Body:
    """Read a request's raw body, unless it is larger than `most` bytes or does not say how large it is."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    if not announced and request.META.get("HTTP_TRANSFER_ENCODING"):
        return Body(status=411, refusal="It does not say how long it is; send a Content-Length.")
    size = int(announced) if announced.isdecimal() and announced.isascii() else 0
    if size > most:
        return Body(size=size, status=413, refusal=f"It is {size:,} bytes long; a webhook takes {most:,}.")
    data = request.read(size) if size else b""
    if len(data) != size:
        return Body(size=size, status=400, refusal=f"It broke off: {len(data):,} of {size:,} bytes came.")
    return Body(data, size)


# --- who sent it -------------------------------------------------------------------------------------------


def hmac_fits(secrets: Iterable[str], body: bytes, given: str, *, prefix: str = "") -> bool:
    """Say whether a header holds the HMAC-SHA256 of the raw body, in hexadecimal or base64.

    With a `prefix` the header must begin with it; without one, `sha256=` may stand before it.
    """
    text = given.strip()
    if prefix and not text.startswith(prefix):
        return False
    sent = list(_decoded_signatures(text.removeprefix(prefix or "sha256=")))
    wanted = [hmac.new(secret.encode(), body, "sha256").digest() for secret in secrets if secret]
    return any(hmac.compare_digest(one, other) for one in sent for other in wanted)


def token_fits(secrets: Iterable[str], given: str, *, prefix: str = "") -> bool:
    """Say whether a header, or a part of the address, equals a secret."""
    text = given.strip()
    if prefix and not text.startswith(prefix):
        return False
    sent = text.removeprefix(prefix).encode("utf-8", "replace")
    return any(hmac.compare_digest(sent, secret.encode()) for secret in secrets if secret)


def standard_fault(secrets: Iterable[str], body: bytes, headers: Mapping[str, str], *, now: datetime) -> str:
    """Say what is wrong with a delivery after the Standard Webhooks; "" if it is signed right.

    Source: the Standard Webhooks specification, version 1, "Verifying webhook authenticity". `webhook-signature` may
    hold several signatures, of which one symmetric (v1) has to fit.
    """
    identifier, moment, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    for name, value in (("id", identifier), ("timestamp", moment), ("signature", given)):
        if not value.strip():
            return f"The header webhook-{name} is missing."
    if not (moment.isascii() and moment.isdecimal() and len(moment) <= 12):
        return "The header webhook-timestamp is not a time in seconds."
    off = now.timestamp() - int(moment)
    if abs(off) > STANDARD_TOLERANCE.total_seconds():
        return f"The header webhook-timestamp is too {'old' if off > 0 else 'far ahead'}: 5 minutes are allowed."
    signed = f"{identifier}.{moment}.".encode() + body
    sent = [part.partition(",")[2] for part in given.split() if part.startswith("v1,")]
    keys = [key for key in map(_standard_key, secrets) if key]
    wanted = [base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode() for key in keys]
    fits = any(hmac.compare_digest(one.encode(), other.encode()) for one in sent for other in wanted)
    return "" if fits else "The signature in webhook-signature does not fit."


def signature_fault(
    kind: str,
    *,
    secrets: Sequence[str],
    body: bytes,
    headers: Mapping[str, str],
    header: str = "",
    prefix: str = "",
    address_secret: str = "",
    now: datetime | None = None,
) -> str:
    """Say in words why a delivery does not prove who sent it; "" if it does.

    `kind` is hmac_sha256, token, standard_webhooks or url_secret. Anything else fails, and so does no secret.
    """
    if not any(secrets):
        return "There is no secret yet, so nobody can have signed it."
    if kind == "standard_webhooks":
        return standard_fault(secrets, body, headers, now=now or timezone.now())
    if kind == "url_secret":
        return "" if token_fits(secrets, address_secret) else "The secret in the address does not fit."
    if kind not in {"hmac_sha256", "token"} or not header:
        return "Nothing says how deliveries are signed, so none is accepted."
    given = headers.get(header, "")
    if not given:
        return f"The {'signature' if kind == 'hmac_sha256' else 'token'} in {header} is missing."
    if kind == "hmac_sha256":
        return "" if hmac_fits(secrets, body, given, prefix=prefix) else f"The signature in {header} does not fit."
    return "" if token_fits(secrets, given, prefix=prefix) else f"The token in {header} does not fit."


def _decoded_signatures(text: str) -> Iterable[bytes]:
    for decode in (binascii.unhexlify, lambda value: base64.b64decode(value, validate=True)):
        try:
            yield decode(text)
        except ValueError:
            continue


def _standard_key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return b""


# --- what it is called and what is kept --------------------------------------------------------------------


def delivery_id_of(headers: Mapping[str, str], names: Sequence[str] = ()) -> str:
    """The name that the sender gave this delivery; empty when it gave none, and then each request is its own.

    The values of all `names` together are the name. Without any, the first of DELIVERY_ID_HEADERS is.
    """
    if names:
        values = [headers.get(name, "") for name in names]
        given = ":".join(values) if all(values) else ""
    else:
        given = next((headers[name] for name in DELIVERY_ID_HEADERS if headers.get(name)), "")
    if len(given) <= MAX_DELIVERY_ID and "\x00" not in given:
        return given
    return sha256(given.encode("utf-8", "replace")).hexdigest()


def kept_headers(
    headers: Mapping[str, str], *, wanted: Iterable[str] = (), secret: Iterable[str] = ()
) -> dict[str, str]:
    """What of a request's headers is kept, names in lower case: never a signature, a cookie or an authorization."""
    names = KEPT_HEADERS | {name.lower() for name in wanted}
    names -= NEVER_KEPT | {name.lower() for name in secret}
    return {name.lower(): value[:MAX_HEADER] for name, value in headers.items() if name.lower() in names}


def too_many(rows: QuerySet[Any], most: int) -> bool:
    """Say whether `most` of these rows were received within the last minute."""
    return rows.filter(received_at__gt=timezone.now() - timedelta(minutes=1)).count() >= most


# --- what it holds -----------------------------------------------------------------------------------------


def payload_of(content_type: str, body: bytes) -> Any:
    """What a delivery holds: JSON, the fields of a form, or text.

    Raises:
        ValueError: it is not what it says it is, or cannot be kept.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8.") from None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        try:
            fields = parse_qs(text, keep_blank_values=True, max_num_fields=1_000)
        except ValueError:
            raise ValueError("the form has too many fields.") from None
        payload: Any = {name: values[0] if len(values) == 1 else values for name, values in fields.items()}
    elif kind.endswith("json") or (not kind and text.lstrip()[:1] in ("{", "[")):
        try:
            payload = json.loads(text, parse_constant=_no_constant) if text.strip() else None
        except RecursionError:
            raise ValueError("it is nested too deep.") from None
        except ValueError as error:
            raise ValueError(f"it is not JSON ({error}).") from None
    else:
        payload = text
    if fault := unstorable(payload, "payload"):
        raise ValueError(f"at {fault[0]}: {fault[1]}")
    return payload


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
