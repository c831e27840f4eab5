"""Triggers, slots and deliveries as JSON."""

from __future__ import annotations

from datetime import datetime

from rest_framework import serializers

from coreengine.accounts.models import ApiToken
from workflows.models import ScheduleSlot, WebhookDelivery, WorkflowTrigger
from workflows.triggers.pages import SHOWN_SLOTS, DeliveryPage, address_of, upcoming


class TriggerSerializer(serializers.ModelSerializer):
    """What starts a workflow by itself.

    `address` is the secret of a webhook: whoever knows it can call it. A token that may only read is not told.
    """

    type = serializers.CharField(source="kind", read_only=True)
    name = serializers.SerializerMethodField(help_text="Of a webhook.")
    config = serializers.JSONField(read_only=True, help_text="As it stands in the definition.")
    next_slots = serializers.SerializerMethodField(help_text="Of a schedule that is switched on.")
    address = serializers.SerializerMethodField(
        help_text="Where a webhook takes deliveries, by POST; empty for a token that may only read."
    )
    has_signing_secret = serializers.SerializerMethodField(
        help_text="Until there is one, a webhook that asks for a signature refuses every delivery."
    )

    class Meta:
        model = WorkflowTrigger
        fields = [
            "id",
            "type",
            "name",
            "config",
            "next_slots",
            "address",
            "signature_header",
            "has_signing_secret",
            "last_fired_at",
            "last_problem",
            "last_problem_at",
            "created_at",
        ]
        read_only_fields = fields

    def get_name(self, trigger: WorkflowTrigger) -> str:
        """Name a webhook."""
        return trigger.config.get("name", "")

    def get_next_slots(self, trigger: WorkflowTrigger) -> list[datetime]:
        """Say when a schedule is due next."""
        is_due = trigger.kind == WorkflowTrigger.Kind.SCHEDULE and trigger.workflow.is_active
        return upcoming(trigger, SHOWN_SLOTS) if is_due else []

    def get_address(self, trigger: WorkflowTrigger) -> str:
        """Give the address of a webhook to those who may use it."""
        request = self.context["request"]
        may_only_read = getattr(request.auth, "scope", "") == ApiToken.Scope.READ
        return "" if may_only_read else address_of(trigger, request)

    def get_has_signing_secret(self, trigger: WorkflowTrigger) -> bool:
        """Say whether deliveries can be signed."""
        return bool(trigger.signing_secret)


class SigningSerializer(serializers.Serializer):
    """The secret that deliveries are signed with."""

    secret = serializers.CharField(
        required=False, allow_blank=True, max_length=500, help_text="The sender's; a new one is made without it."
    )


class SigningSecretSerializer(serializers.Serializer):
    """The secret that deliveries must be signed with from now on, shown this once."""

    signing_secret = serializers.CharField()


class SlotSerializer(serializers.ModelSerializer):
    """What was decided on a slot of a schedule. `count` slots that were missed together share a row."""

    class Meta:
        model = ScheduleSlot
        fields = ["id", "slot", "outcome", "reason", "count", "execution", "decided_at"]
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer):
    """A request to a webhook."""

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "delivery_id",
            "status",
            "reason",
            "content_type",
            "size_bytes",
            "repeats",
            "replay_of",
            "execution",
            "received_at",
            "handled_at",
        ]
        read_only_fields = fields


class DeliveryDetailSerializer(DeliverySerializer):
    """A request to a webhook with what it held."""

    payload = serializers.SerializerMethodField(help_text="As text.")

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "headers", "payload"]
        read_only_fields = fields

    def get_payload(self, delivery: WebhookDelivery) -> str:
        """Give what it held; empty for a rejected one."""
        return DeliveryPage(delivery).payload
