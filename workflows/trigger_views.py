"""Pages of triggers, and the door through which webhooks come in."""

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
from workflows.models import WebhookDelivery, WorkflowTrigger
from workflows.triggers import webhooks
from workflows.triggers.pages import DeliveryPage, TriggerPage

PAGE = 30


@csrf_exempt
@login_not_required
@require_POST
@never_cache
def hook(request: HttpRequest, secret: str) -> HttpResponse:
    """Take in a webhook's request. The secret in the address is the permission; answers tell nothing beyond it."""
    body = read_body(request, most=webhooks.MAX_BODY_BYTES)
    return webhooks.receive(secret, body=body, headers=request.headers).response()


@require_GET
@never_cache
def detail(request: Request, pk: int, trigger_pk: int) -> HttpResponse:
    """Show one trigger: when it fires next or under which address, and what it did."""
    trigger = _mine(request, pk, trigger_pk)
    before = request.GET.get("before", "")
    page = TriggerPage(trigger, request=request, before=int(before) if before.isdecimal() else None)
    return render_page(request, "workflows/triggers/detail.html", {"shown": page}, parts={"record": "record"})


@require_GET
def delivery(request: Request, pk: int, trigger_pk: int, delivery_pk: int) -> HttpResponse:
    """Show what one request held and what became of it."""
    found = _my_delivery(request, pk, trigger_pk, delivery_pk)
    return render_page(request, "workflows/triggers/delivery.html", {"shown": DeliveryPage(found)})


@require_POST
def replay(request: Request, pk: int, trigger_pk: int, delivery_pk: int) -> HttpResponse:
    """Do a delivery once more."""
    again = webhooks.replay(_my_delivery(request, pk, trigger_pk, delivery_pk), by=request.user)
    messages.success(request, "The delivery is being done once more.")
    return redirect(again)


@require_POST
def rotate_address(request: Request, pk: int, trigger_pk: int) -> HttpResponse:
    """Give a webhook a new address."""
    trigger = webhooks.rotate_address(_mine(request, pk, trigger_pk), by=request.user)
    messages.success(request, "The webhook has a new address. Give it to the sender; the old one is unknown now.")
    return redirect(trigger)


@require_POST
@never_cache
def signing(request: Request, pk: int, trigger_pk: int) -> HttpResponse:
    """Set the secret that deliveries are signed with, or make a new one, which is in this one answer only."""
    given = request.POST.get("signing_secret", "").strip()
    trigger = webhooks.set_signing_secret(_mine(request, pk, trigger_pk), given, by=request.user)
    if given:
        messages.success(request, "Deliveries must be signed with the new secret from now on.")
        return redirect(trigger)
    page = TriggerPage(trigger, request=request, new_secret=trigger.signing_secret)
    return render_page(request, "workflows/triggers/detail.html", {"shown": page})


def _mine(request: Request, pk: int, trigger_pk: int) -> WorkflowTrigger:
    rows = WorkflowTrigger.objects.visible_to(request.user).select_related("workflow__owner")
    return get_object_or_404(rows, pk=trigger_pk, workflow_id=pk)


def _my_delivery(request: Request, pk: int, trigger_pk: int, delivery_pk: int) -> WebhookDelivery:
    rows = WebhookDelivery.objects.visible_to(request.user).select_related("trigger__workflow", "execution")
    return get_object_or_404(rows, pk=delivery_pk, trigger_id=trigger_pk, trigger__workflow_id=pk)
