"""Mail that is decided in a transaction and sent after it."""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from coreengine.kernel.models import OutgoingEmail

logger = logging.getLogger(__name__)

ATTEMPTS = 8


def queue_email(
    *,
    to: str,
    subject: str,
    body: str,
    owner: Any = None,
    idempotency_key: str | None = None,
    html: str = "",
    headers: dict[str, str] | None = None,
    not_before: datetime | None = None,
) -> OutgoingEmail:
    """Put a mail into the outbox; the same key gives the same mail. `html` is shown instead of `body` where it can be.

    It leaves at `not_before` at the earliest.
    """
    subject = " ".join(subject.split())  # a line break would start another header
    fields = {"to": to, "subject": subject[:300], "body": body, "owner": owner, "html": html, "headers": headers or {}}
    if not_before is not None:
        fields["next_attempt_at"] = not_before
    if idempotency_key is None:
        mail = OutgoingEmail.objects.create(**fields)
    else:
        mail, _ = OutgoingEmail.objects.get_or_create(idempotency_key=idempotency_key, defaults=fields)
    from coreengine.kernel.tasks import send_outbox

    send_outbox.delay_on_commit()
    return mail


def _message(mail: OutgoingEmail) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(mail.subject, mail.body, to=[mail.to], headers=mail.headers)
    if mail.html:
        message.attach_alternative(mail.html, "text/html")
    return message


def send_due(*, limit: int = 50) -> int:
    """Send the mails that are due, oldest first; return how many were sent.

    One mail a transaction: a crash after the server took the mail repeats at most that one.
    """
    sent = 0
    for _ in range(limit):
        with transaction.atomic():
            mail = (
                OutgoingEmail.objects.select_for_update(skip_locked=True)
                .filter(sent_at=None, attempts__lt=ATTEMPTS, next_attempt_at__lte=timezone.now())
                .order_by("next_attempt_at")
                .first()
            )
            if mail is None:
                break
            try:
                _message(mail).send()
            except (SMTPException, OSError) as error:
                logger.warning("mail %s was not taken: %s", mail.pk, error)
                delay = timedelta(seconds=30 * 2**mail.attempts)
                OutgoingEmail.objects.filter(pk=mail.pk).update(
                    attempts=F("attempts") + 1, next_attempt_at=timezone.now() + delay, last_error=str(error)[:2000]
                )
            else:
                OutgoingEmail.objects.filter(pk=mail.pk).update(sent_at=timezone.now(), last_error="")
                sent += 1
    return sent
