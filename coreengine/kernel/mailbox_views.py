"""The mailbox of development. Its addresses exist only where the demo accounts do (kernel/urls.py)."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from coreengine.kernel.models import MailboxMessage
from coreengine.kernel.pages import render_page

SHOWN = 50


@require_GET
@login_not_required
def mailbox(request: HttpRequest) -> HttpResponse:
    """Show the mails that were kept instead of sent, newest first."""
    return render_page(request, "kernel/mailbox.html", {"mails": MailboxMessage.objects.all()[:SHOWN]})


@require_GET
@login_not_required
def mailbox_message(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one kept mail: as its reader sees it, or (`?as=text`, or where it has no HTML) as text."""
    mail = get_object_or_404(MailboxMessage, pk=pk)
    as_html = bool(mail.html) and (request.GET.get("as") != "text" or not mail.text)
    return render_page(request, "kernel/mailbox_message.html", {"mail": mail, "as_html": as_html})


@require_GET
@login_not_required
@xframe_options_sameorigin
def mailbox_html(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a mail's HTML to its frame: it runs nothing, sends nothing and loads nothing."""
    mail = get_object_or_404(MailboxMessage, pk=pk)
    response = HttpResponse(mail.html)
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
        "sandbox allow-popups allow-popups-to-escape-sandbox"
    )
    return response
