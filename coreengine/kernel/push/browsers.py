"""Letting a browser in, and letting it go."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from coreengine.kernel.events import record
from coreengine.kernel.models import PushSubscription
from coreengine.kernel.push.sending import check_endpoint

MOST_BROWSERS = 20


@transaction.atomic
def add_browser(owner: Any, *, endpoint: str, p256dh: str, auth: str, label: str = "", by: Any) -> PushSubscription:
    """Let a browser in. The same browser again is the same row, with its new keys and its present owner.

    Raises:
        ValidationError: by field; the address or the keys are none that push services use, or there are too many.
    """
    host = check_endpoint(endpoint)
    _check_keys(p256dh, auth)
    digest = hashlib.sha256(endpoint.encode()).hexdigest()
    known = PushSubscription.objects.select_for_update().filter(endpoint_digest=digest).first()
    if known is not None and known.owner_id != owner.pk:
        known.delete()  # another person signed in with this browser: what is told must not go to the one before
        known = None
    if known is None and PushSubscription.objects.filter(owner=owner).count() >= MOST_BROWSERS:
        raise ValidationError({"endpoint": f"There are {MOST_BROWSERS} browsers already. Remove one first."})
    row, is_new = PushSubscription.objects.update_or_create(
        endpoint_digest=digest,
        defaults={
            "owner": owner,
            "endpoint": endpoint,
            "keys": {"p256dh": p256dh, "auth": auth},
            "host": host,
            "label": label[:120] or (known.label if known else ""),
        },
    )
    if is_new:
        record("push.browser_added", actor=by, subject=row, data={"label": row.label, "host": host})
    return row


@transaction.atomic
def remove_browser(subscription: PushSubscription, *, by: Any) -> None:
    """Push to this browser no more."""
    data = {"label": subscription.label, "host": subscription.host}
    record("push.browser_removed", actor=by, subject=subscription, data=data)
    subscription.delete()


def _check_keys(p256dh: str, auth: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        point, secret = _bytes(p256dh), _bytes(auth)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        if len(secret) != 16:
            raise ValueError("the secret has 16 bytes")
    except (ValueError, binascii.Error) as error:
        raise ValidationError({"keys": "These are no keys of a browser's push subscription."}) from error


def _bytes(text: str) -> bytes:
    if len(text) > 200 or not text.isascii():
        raise ValueError("too long")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
