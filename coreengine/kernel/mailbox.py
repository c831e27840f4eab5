"""The mail server of development: mails are kept and shown on a page."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from coreengine.kernel.models import MailboxMessage


class MailboxBackend(BaseEmailBackend):
    """Keeps every mail for the mailbox page instead of sending it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store the mails, one row a recipient list."""
        for mail in email_messages:
            html = next((part for part, kind in getattr(mail, "alternatives", []) if kind == "text/html"), "")
            MailboxMessage.objects.create(
                to=", ".join(mail.recipients())[:320], subject=mail.subject[:300], text=str(mail.body), html=html
            )
        return len(email_messages)
