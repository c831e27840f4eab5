"""What pages show of triggers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from workflows.models import WebhookDelivery, Workflow, WorkflowTrigger
from workflows.triggers.error_workflows import error_workflow_named
from workflows.triggers.events import MAX_DEPTH
from workflows.triggers.slots import follows_real_time, next_slots
from workflows.triggers.webhooks import delivery_id_headers, payload_of

SHOWN_SLOTS = 3
MORE_SLOTS = 8
PAGE = 30
MISSED_WORDS = {
    "skip": "Slots that nobody looked at in time are skipped.",
    "once": "Of the slots that nobody looked at in time, the newest is made up for.",
    "all": "Every slot that nobody looked at in time is made up for, up to 100 of them.",
}
OVERLAP_WORDS = {
    "skip": "A slot is skipped while the execution of an earlier one goes on.",
    "queue": "A slot waits while the execution of an earlier one goes on.",
    "allow": "Executions may go on side by side.",
}


@dataclass(frozen=True)
class TriggerRow:
    """One trigger, as the workflow's page tells of it."""

    trigger: WorkflowTrigger
    is_active: bool
    address: str

    @property
    def slots(self) -> list[datetime]:
        """When a schedule is due next."""
        return upcoming(self.trigger, SHOWN_SLOTS) if self.is_active else []

    @property
    def filter(self) -> str:
        """What an event must fulfil, empty when any will do."""
        return (self.trigger.config.get("filter") or "").strip()


@dataclass(frozen=True)
class ErrorWorkflow:
    """What is started when an execution fails."""

    name: str
    workflow: Workflow | None


def triggers_section(workflow: Workflow, *, request: HttpRequest) -> dict[str, Any]:
    """What `workflows/triggers/_section.html` shows: every trigger, and what a failure starts."""
    rows = [
        TriggerRow(trigger, workflow.is_active, address_of(trigger, request)) for trigger in workflow.triggers.all()
    ]
    name = workflow.version.definition.get("error_workflow") if workflow.version else None
    failure = ErrorWorkflow(name, error_workflow_named(workflow, name)) if name else None
    return {"workflow": workflow, "rows": rows, "failure": failure}


def upcoming(trigger: WorkflowTrigger, limit: int) -> list[datetime]:
    """The next slots of a schedule."""
    return next_slots(trigger.cron, trigger.time_zone, timezone.now(), limit=limit)


def address_of(trigger: WorkflowTrigger, request: HttpRequest) -> str:
    """The whole address of a webhook, empty for other triggers."""
    if not trigger.secret:
        return ""
    return request.build_absolute_uri(reverse("workflows:hook", args=[trigger.secret]))


class TriggerPage:
    """One trigger with its record: slots, or deliveries, newest first.

    `new_secret` is one that was made just now, to be shown this once.
    """

    def __init__(
        self, trigger: WorkflowTrigger, *, request: HttpRequest, before: int | None = None, new_secret: str = ""
    ) -> None:
        self.new_secret = new_secret
        self.trigger = trigger
        self.workflow = trigger.workflow
        self.request = request
        self.before = before
        self.address = address_of(trigger, request)

    @cached_property
    def slots(self) -> list[datetime]:
        """When a schedule is due next."""
        return upcoming(self.trigger, MORE_SLOTS) if self.workflow.is_active else []

    @cached_property
    def record(self) -> list[Any]:
        """What became of slots or deliveries, newest first; one more than a page, when there are more."""
        if self.trigger.kind == WorkflowTrigger.Kind.SCHEDULE:
            return list(self._older(self.trigger.slots.select_related("execution")).order_by("-pk")[: PAGE + 1])
        if self.trigger.kind == WorkflowTrigger.Kind.WEBHOOK:
            rows = self._older(self.trigger.deliveries.select_related("execution", "trigger")).defer("body")
            return list(rows.order_by("-pk")[: PAGE + 1])
        found = self._older(self.workflow.executions.filter(trigger__type="event", trigger__id=self.trigger.pk))
        return list(found.order_by("-pk")[: PAGE + 1])

    def _older(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(pk__lt=self.before) if self.before else rows

    @property
    def rows(self) -> list[Any]:
        """A page of the record."""
        return self.record[:PAGE]

    @property
    def next_before(self) -> int | None:
        """Where the next page begins."""
        return self.record[PAGE - 1].pk if len(self.record) > PAGE else None

    @property
    def policies(self) -> list[str]:
        """What a schedule does with slots that were missed, that overlap or that clocks change, in words."""
        words = [MISSED_WORDS[self.trigger.missed], OVERLAP_WORDS[self.trigger.overlap]]
        if self.trigger.missed == "all" and self.trigger.overlap == "skip":
            words[1] += " Those that are made up for wait for their turn instead."
        if follows_real_time(self.trigger.cron):
            return [*words, "When the clocks change it goes on in real time."]
        return [
            *words,
            "When the clocks change, a slot in the missing hour comes right after it, one in the double hour once.",
        ]

    @property
    def max_depth(self) -> int:
        """How many executions may lead to one another."""
        return MAX_DEPTH

    @property
    def inputs(self) -> str:
        """The inputs that it fills in, as they are written."""
        given = self.trigger.config.get("inputs")
        return json.dumps(given, indent=2, ensure_ascii=False) if given else ""

    @property
    def delivery_id_headers(self) -> list[str]:
        """The headers that name a delivery."""
        return list(delivery_id_headers(self.trigger))

    @property
    def example(self) -> str:
        """A request that works, for a terminal."""
        lines = ['body=\'{"hello": "world"}\'']
        call = ["curl -X POST", "-H 'Content-Type: application/json'"]
        if header := self.trigger.signature_header:
            lines.append(
                "signature=$(printf '%s' \"$body\" | openssl dgst -sha256 -hmac \"$SECRET\" -r | cut -d' ' -f1)"
            )
            call.append(f'-H "{header}: sha256=$signature"')
        call += [f"-H '{self.delivery_id_headers[-1]}: example-1'", '--data "$body"', self.address]
        return "\n".join([*lines, " \\\n  ".join(call)])


class DeliveryPage:
    """One delivery with what it held."""

    def __init__(self, delivery: WebhookDelivery) -> None:
        self.delivery = delivery
        self.trigger = delivery.trigger
        self.workflow = delivery.trigger.workflow

    @property
    def can_replay(self) -> bool:
        """Say whether what it held was kept and somebody would take it."""
        is_waited_for = self.workflow.is_active and self.trigger.retired_at is None
        return is_waited_for and self.delivery.status != WebhookDelivery.Status.REJECTED

    @property
    def problem_title(self) -> str:
        """What went wrong, in few words."""
        is_rejected = self.delivery.status == WebhookDelivery.Status.REJECTED
        return "It was not taken in" if is_rejected else "It could not start the workflow"

    @property
    def payload(self) -> str:
        """What it held, laid out for reading."""
        try:
            payload = payload_of(self.delivery)
        except ValueError:
            return bytes(self.delivery.body).decode(errors="replace")
        return payload if isinstance(payload, str) else json.dumps(payload, indent=2, ensure_ascii=False)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers that are kept."""
        return sorted(self.delivery.headers.items())
