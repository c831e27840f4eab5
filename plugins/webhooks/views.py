"""The door through which deliveries to connections come in, and the pages that show them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from coreengine.kernel.webhooks import read_body
from plugins.models import Connection, ConnectionDelivery
from plugins.webhooks import keeping, receiving
from plugins.webhooks.addresses import rotate_secret
from plugins.webhooks.pages import DeliveryPage, WebhooksPage


@csrf_exempt
@login_not_required
@require_POST
@never_cache
def hook(request: HttpRequest, pk: int, name: str, secret: str = "") -> HttpResponse:
    """Take in a delivery. Its signature, or the secret in the address, is the permission."""
    body = read_body(request, most=receiving.MAX_BODY_BYTES)
    return receiving.receive(pk, name, body=body, headers=request.headers, address_secret=secret).response()


@require_GET
@never_cache
def webhooks(request: Request, pk: int) -> HttpResponse:
    """Show a connection's webhooks, how to set them up, and what came in."""
    page = WebhooksPage(_mine(request, pk), request.GET.dict())
    return render_page(request, "plugins/webhooks/list.html", {"shown": page}, parts={"deliveries": "deliveries"})


@require_POST
@never_cache
def secret(request: Request, pk: int, name: str) -> HttpResponse:
    """Make a new secret, which is in this one answer only."""
    connection = _mine(request, pk)
    made = rotate_secret(connection, name, by=request.user)
    page = WebhooksPage(connection, {}, new=name, new_secret=made)
    return render_page(request, "plugins/webhooks/list.html", {"shown": page})


@require_GET
def delivery(request: Request, pk: int, delivery_pk: int) -> HttpResponse:
    """Show what a delivery held and what became of it; while it is open, the page asks for what is new."""
    page = DeliveryPage(_my_delivery(request, pk, delivery_pk))
    return render_page(request, "plugins/webhooks/delivery.html", {"shown": page}, parts={"delivery": "delivery"})


@require_POST
def replay(request: Request, pk: int, delivery_pk: int) -> HttpResponse:
    """Do a delivery once more."""
    again = keeping.replay(_my_delivery(request, pk, delivery_pk), by=request.user)
    messages.success(request, "The delivery is being handled once more.")
    return redirect(again)


def _mine(request: Request, pk: int) -> Connection:
    return get_object_or_404(Connection.objects.editable_by(request.user), pk=pk)


def _my_delivery(request: Request, pk: int, delivery_pk: int) -> ConnectionDelivery:
    rows = ConnectionDelivery.objects.visible_to(request.user).select_related(
        "webhook", "connection", "call", "replay_of"
    )
    return get_object_or_404(rows, pk=delivery_pk, connection_id=pk)
