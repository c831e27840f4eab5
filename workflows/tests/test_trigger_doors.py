"""The doors of triggers: pages and API say and do the same, and each student meets only their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from coreengine.accounts.services import create_api_token
from workflows.models import Execution, WebhookDelivery, WorkflowTrigger
from workflows.services import set_active
from workflows.tests.factories import make_workflow
from workflows.tests.test_schedules import at, scheduled
from workflows.tests.test_webhooks import SIGNED, do, hooked, send
from workflows.triggers.schedules import decide

pytestmark = pytest.mark.django_db

ALL_KINDS = """\
name: Everything
error_workflow: Nowhere
triggers:
  - {type: schedule, cron: "0 7 * * *", time_zone: Europe/Berlin}
  - {type: webhook, name: push}
  - {type: event, event: assignment.created, filter: "trigger.event.data.points > 5"}
  - {type: manual}
steps: [{name: tell, type: system_action, config: {action: create_notification, params: {title: hello}}}]
"""
ASKING = """\
name: Ask me
inputs:
  required: [who, day]
  properties:
    who: {type: string, title: Whom to tell, description: A name., minLength: 2}
    times: {type: integer, minimum: 1, maximum: 9, default: 3}
    share: {type: number, default: 0.5}
    loud: {type: boolean, default: true}
    colour: {enum: [red, green], default: green}
    level: {enum: [1, 2]}
    day: {type: string, format: date}
    moment: {type: string, format: date-time}
    words: {type: array, items: {type: string}, default: [a, b]}
    kinds: {type: array, items: {enum: [x, y]}}
    extra: {type: object}
steps: [{name: tell, type: system_action, config: {action: create_notification, params: {title: "{{ inputs.who }}"}}}]
"""


def test_only_schedules_are_told_as_schedules(api: Any, owner: Any) -> None:
    workflow = make_workflow(owner, ALL_KINDS)
    shown = api.get(f"/api/v1/workflows/{workflow.pk}/").json()

    assert shown["schedules"] == [{"cron": "0 7 * * *", "time_zone": "Europe/Berlin"}]
    assert api.get("/api/v1/workflows/").json()["results"][0]["schedules"] == shown["schedules"]


class TestPages:
    def test_the_workflow_says_when_it_starts(self, page: Any, owner: Any) -> None:
        workflow = make_workflow(owner, ALL_KINDS)
        text = page.get(workflow.get_absolute_url()).content.decode()

        assert "At 07:00, Europe/Berlin" in text and "When an assignment is created" in text
        assert f"/hooks/workflows/{workflow.triggers.get(kind='webhook').secret}/" in text
        assert "trigger.event.data.points &gt; 5" in text
        assert "there is no active workflow of this name" in text

    @pytest.mark.parametrize("kind", ["schedule", "webhook", "event"])
    @pytest.mark.parametrize("is_active", [True, False])
    def test_every_kind_has_its_page(self, page: Any, owner: Any, kind: str, is_active: bool) -> None:
        workflow = make_workflow(owner, ALL_KINDS)
        set_active(workflow, is_active, by=owner)
        answer = page.get(workflow.triggers.get(kind=kind).get_absolute_url())

        assert answer.status_code == 200 and ("switched off" in answer.content.decode()) is not is_active

    def test_slots_are_listed_with_what_became_of_them(self, page: Any, owner: Any) -> None:
        trigger = scheduled(owner, overlap="queue")
        for hour in (10, 11):
            decide(trigger.pk, now=at(hour))
        text = page.get(trigger.get_absolute_url()).content.decode()

        assert "Waits for the execution before it" in text and f"/executions/{Execution.objects.get().pk}/" in text

    def test_deliveries_are_listed_opened_and_replayed(self, page: Any, owner: Any) -> None:
        trigger = hooked(owner)
        delivery = do(send(trigger, webhook_id="d-1"))
        assert "d-1" in page.get(trigger.get_absolute_url()).content.decode()
        text = page.get(delivery.get_absolute_url()).content.decode()
        assert "&quot;hello&quot;: &quot;world&quot;" in text

        answer = page.post(f"{delivery.get_absolute_url()}replay/")
        again = WebhookDelivery.objects.get(replay_of=delivery)
        assert answer.status_code == 302 and answer["Location"] == again.get_absolute_url()
        assert page.get(answer["Location"]).status_code == 200

    def test_a_rejected_delivery_is_shown_without_replay(self, page: Any, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        send(trigger)
        text = page.get(WebhookDelivery.objects.get().get_absolute_url()).content.decode()

        assert "It was not taken in" in text and "replay/" not in text

    def test_secrets_are_changed(self, page: Any, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        page.post(f"{trigger.get_absolute_url()}address/")
        page.post(f"{trigger.get_absolute_url()}signing/", {"signing_secret": "theirs"})

        now = WorkflowTrigger.objects.get()
        assert now.secret != trigger.secret and now.signing_secret == "theirs"
        text = page.get(trigger.get_absolute_url()).content.decode()
        assert "openssl dgst -sha256" in text and now.secret in text and "theirs" not in text

    def test_a_new_signing_secret_is_shown_once(self, page: Any, owner: Any) -> None:
        trigger = make_workflow(owner, SIGNED).triggers.get()
        assert "no secret yet" in page.get(trigger.get_absolute_url()).content.decode()
        answer = page.post(f"{trigger.get_absolute_url()}signing/", {"signing_secret": ""})

        secret = WorkflowTrigger.objects.get().signing_secret
        assert secret in answer.content.decode() and "no-store" in answer["Cache-Control"]
        assert secret not in page.get(trigger.get_absolute_url()).content.decode()

    def test_a_payload_cannot_write_into_the_page(self, page: Any, owner: Any) -> None:
        delivery = do(send(hooked(owner), {"hello": "<script>alert(1)</script>"}, webhook_id="<img src=x>"))
        for address in (delivery.get_absolute_url(), delivery.trigger.get_absolute_url()):
            text = page.get(address).content.decode()
            assert "<script>alert" not in text and "<img src=x>" not in text


class TestOthers:
    def test_another_students_triggers_and_deliveries_are_not_there(
        self, client: Any, stranger: Any, owner: Any
    ) -> None:
        trigger = hooked(owner, SIGNED)
        send(trigger)
        delivery = WebhookDelivery.objects.get()
        client.force_login(stranger)
        api = f"/api/v1/workflows/{trigger.workflow_id}/triggers/"

        for address in (trigger.get_absolute_url(), delivery.get_absolute_url(), api, f"{api}{trigger.pk}/"):
            assert client.get(address).status_code == 404
        assert client.get(f"{api}{trigger.pk}/deliveries/").status_code == 404
        assert client.get(f"{api}{trigger.pk}/deliveries/{delivery.pk}/").status_code == 404
        for address in (
            f"{trigger.get_absolute_url()}address/",
            f"{trigger.get_absolute_url()}signing/",
            f"{delivery.get_absolute_url()}replay/",
            f"{api}{trigger.pk}/rotate-address/",
            f"{api}{trigger.pk}/signing-secret/",
            f"{api}{trigger.pk}/deliveries/{delivery.pk}/replay/",
        ):
            assert client.post(address).status_code == 404
        now = WorkflowTrigger.objects.get()
        assert (now.secret, now.signing_secret) == (trigger.secret, trigger.signing_secret)

    def test_a_second_id_of_another_student_is_not_there_either(self, page: Any, owner: Any, stranger: Any) -> None:
        mine, theirs = hooked(owner), hooked(stranger)
        delivery = do(send(theirs))
        mixed = f"/workflows/{mine.workflow_id}/triggers/{theirs.pk}/"
        crossed = f"/workflows/{mine.workflow_id}/triggers/{mine.pk}/deliveries/{delivery.pk}/"

        assert page.get(mixed).status_code == 404 and page.get(crossed).status_code == 404
        assert page.post(f"{crossed}replay/").status_code == 404
        api = f"/api/v1/workflows/{mine.workflow_id}/triggers"
        assert page.get(f"{api}/{theirs.pk}/").status_code == 404
        assert page.get(f"{api}/{mine.pk}/deliveries/{delivery.pk}/").status_code == 404


class TestApi:
    def test_triggers_are_listed_in_their_order(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner, ALL_KINDS)
        found = api.get(f"/api/v1/workflows/{workflow.pk}/triggers/").json()["results"]

        assert [one["type"] for one in found] == ["schedule", "webhook", "event"]
        assert len(found[0]["next_slots"]) == 3 and found[0]["address"] == ""
        assert found[1]["address"].endswith(f"/hooks/workflows/{workflow.triggers.get(kind='webhook').secret}/")
        assert "secret" not in found[1] and found[1]["name"] == "push"

    def test_slots_deliveries_and_replay(self, api: Any, owner: Any) -> None:
        schedule = scheduled(owner)
        decide(schedule.pk, now=at(10))
        slots = api.get(f"/api/v1/workflows/{schedule.workflow_id}/triggers/{schedule.pk}/slots/").json()["results"]
        assert [(one["outcome"], one["execution"]) for one in slots] == [("started", Execution.objects.get().pk)]

        trigger = hooked(owner)
        delivery = do(send(trigger, webhook_id="d-1"))
        root = f"/api/v1/workflows/{trigger.workflow_id}/triggers/{trigger.pk}/deliveries/"
        assert [one["id"] for one in api.get(root).json()["results"]] == [delivery.pk]
        shown = api.get(f"{root}{delivery.pk}/").json()
        assert json.loads(shown["payload"]) == {"hello": "world"} and shown["headers"]["webhook-id"] == "d-1"
        answer = api.post(f"{root}{delivery.pk}/replay/")
        assert answer.status_code == 202 and answer.json()["replay_of"] == delivery.pk

    def test_secrets_are_changed(self, api: Any, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        root = f"/api/v1/workflows/{trigger.workflow_id}/triggers/{trigger.pk}/"
        assert api.post(f"{root}rotate-address/").json()["address"] != ""
        assert api.get(root).json()["has_signing_secret"] and api.get(f"{root}signing-secret/").status_code == 405
        assert api.post(f"{root}signing-secret/", {"secret": "theirs"}).json() == {"signing_secret": "theirs"}
        made = api.post(f"{root}signing-secret/", {}).json()["signing_secret"]
        assert made not in ("theirs", trigger.signing_secret)
        assert made not in api.get(root).content.decode()

    def test_a_token_that_may_only_read_is_told_no_address_and_no_secret(self, client: Any, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        _, reader = create_api_token(owner, name="reader", scope="read", by=owner)
        root = f"/api/v1/workflows/{trigger.workflow_id}/triggers/"
        as_reader = {"Authorization": f"Bearer {reader}"}

        for address in (root, f"{root}{trigger.pk}/"):
            text = client.get(address, headers=as_reader).content.decode()
            assert trigger.secret not in text and trigger.signing_secret not in text
        assert client.post(f"{root}{trigger.pk}/signing-secret/", headers=as_reader).status_code == 403

    def test_what_a_rule_refuses_is_refused_at_both_doors(self, api: Any, page: Any, owner: Any) -> None:
        trigger = hooked(owner)  # it asks for no signature
        root = f"/api/v1/workflows/{trigger.workflow_id}/triggers/{trigger.pk}/"
        answer = api.post(f"{root}signing-secret/", {"secret": "x"})

        assert answer.status_code == 409 and answer.json()["code"] == "webhook_resting"
        assert page.post(f"{trigger.get_absolute_url()}signing/", {}).status_code == 409


class TestInputs:
    filled = {
        "who": "Mira",
        "times": "4",
        "share": "0.25",
        "colour": '"red"',
        "level": "2",
        "day": "2026-12-24",
        "moment": "2026-12-24T18:30",
        "words": "one\n\n two \n",
        "kinds": ['"x"', '"y"'],
        "extra": '{"a": 9007199254740993}',
    }

    def start(self, page: Any, owner: Any, **changed: Any) -> Any:
        owner.time_zone = "Europe/Berlin"
        owner.save()
        workflow = make_workflow(owner, ASKING)
        given = {name: value for name, value in (self.filled | changed).items() if value is not None}
        return page.post(reverse("workflows:start", args=[workflow.pk]), given)

    def test_each_type_arrives_as_what_it_is(self, page: Any, owner: Any) -> None:
        assert self.start(page, owner).status_code == 302

        assert Execution.objects.get().inputs == {
            "who": "Mira",
            "times": 4,
            "share": 0.25,
            "loud": False,  # a box that was not ticked
            "colour": "red",
            "level": 2,
            "day": "2026-12-24",
            "moment": "2026-12-24T18:30:00+01:00",
            "words": ["one", "two"],
            "kinds": ["x", "y"],
            "extra": {"a": 9007199254740993},
        }

    def test_defaults_stand_in_the_form_and_apply_when_left_empty(self, page: Any, owner: Any) -> None:
        workflow = make_workflow(owner, ASKING)
        text = page.get(workflow.get_absolute_url()).content.decode()
        assert 'type="date"' in text and 'type="datetime-local"' in text and "A name." in text
        assert '<option value="&quot;green&quot;" selected>green</option>' in text

        self.start(page, owner, times="", share="", colour="", level="", words="", kinds=None, extra="", moment="")
        assert Execution.objects.get().inputs == {
            "who": "Mira",
            "day": "2026-12-24",
            "times": 3,
            "share": 0.5,
            "loud": False,
            "colour": "green",
            "words": [],
        }

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"who": ""}, "who"),
            ({"who": "x"}, "who"),
            ({"times": "12"}, "times"),
            ({"times": "many"}, "times"),
            ({"colour": '"blue"'}, "colour"),
            ({"day": "tomorrow"}, "day"),
            ({"extra": "{"}, "extra"),
            ({"extra": "[1]"}, "extra"),
        ],
    )
    def test_a_fault_stands_at_its_field_and_what_was_typed_is_kept(
        self, page: Any, owner: Any, changed: dict[str, str], field: str
    ) -> None:
        answer = self.start(page, owner, **changed)

        assert answer.status_code == 422 and Execution.objects.count() == 0
        form = answer.context["start_form"]
        assert list(form.errors) == [field]
        assert "2026-12-24T18:30" in answer.content.decode()

    @pytest.mark.parametrize("inputs", [{"who": "x", "day": "2026-12-24"}, {"who": "Mira"}, {"words": [1]}])
    def test_the_api_says_no_to_the_same(self, api: Any, owner: Any, inputs: Any) -> None:
        workflow = make_workflow(owner, ASKING)
        answer = api.post(f"/api/v1/workflows/{workflow.pk}/executions/", {"inputs": inputs})

        assert answer.status_code == 422 and Execution.objects.count() == 0
