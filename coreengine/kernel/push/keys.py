"""The key by which push services know this installation."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from coreengine.kernel.models import PushKey


def current_key() -> PushKey:
    """Give the key, made when it is first needed; of two servers that need it at once, one makes it."""
    found = PushKey.objects.filter(is_current=True).first()
    if found is not None:
        return found
    from webpush.vapid import VAPID

    private, public, application_key = VAPID.generate_keys()
    try:
        with transaction.atomic():
            return PushKey.objects.create(
                private_pem=private.decode(), public_pem=public.decode(), application_key=application_key
            )
    except IntegrityError:
        return PushKey.objects.get(is_current=True)
