"""The doors to webhooks and deliveries: pages and API say and do the same, and each student meets only their own."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from coreengine.accounts.services import create_api_token
from plugins import webhooks
from plugins.models import Connection
from plugins.tests.factories import ConnectionFactory
from plugins.webhooks.models import ConnectionDelivery, ConnectionWebhook
from plugins.webhooks.tests.conftest import WEBHOOKS
from plugins.webhooks.tests.sending import handled, push

pytestmark = pytest.mark.django_db


def page_of(connection: Connection) -> str:
    return reverse("plugins:webhooks", args=[connection.pk])


class TestPages:
    def test_before_anything_came_it_says_how_to_set_it_up(self, page: Any, connection: Connection) -> None:
        text = page.get(page_of(connection)).content.decode()

        assert f"https://core.example.edu/hooks/connections/{connection.pk}/repository/" in text
        assert "Nothing came in yet" in text and "No secret yet" in text
        assert "none is accepted" in text  # of the webhook whose manifest says nothing
        assert ConnectionWebhook.objects.count() == 0

    @pytest.mark.parametrize("name", [each["name"] for each in WEBHOOKS])
    def test_a_new_secret_is_shown_once(self, page: Any, connection: Connection, name: str) -> None:
        answer = page.post(reverse("plugins:webhook-secret", args=[connection.pk, name]))
        secret = ConnectionWebhook.objects.get().secret
        if name != "unproven":
            assert secret in answer.content.decode() and "no-store" in answer["Cache-Control"]

        assert secret not in page.get(page_of(connection)).content.decode()

    def test_an_address_that_nobody_can_reach_is_said(self, page: Any, connection: Connection, settings: Any) -> None:
        settings.SITE_URL = "http://127.0.0.1:8000"
        assert "cannot reach this address" in page.get(page_of(connection)).content.decode()
        settings.SITE_URL = ""
        assert "does not know its own address" in page.get(page_of(connection)).content.decode()

    def test_deliveries_are_listed_filtered_and_opened(self, page: Any, connection: Connection) -> None:
        handled(push(connection, {"ref": "<script>alert(1)</script>"}, delivery="d-1"))
        push(connection, delivery="d-2", X_GitHub_Event="<img src=x>")
        text = page.get(page_of(connection)).content.decode()
        assert "d-1" in text and "d-2" in text and "became 1 event" in text and "<img src=x>" not in text
        only = page.get(page_of(connection), {"status": "completed"}).content.decode()
        assert "d-1" in only and "d-2" not in only
        assert "No delivery fits" in page.get(page_of(connection), {"webhook": "channel"}).content.decode()

        found = ConnectionDelivery.objects.get(delivery_id="d-1")
        detail = page.get(found.get_absolute_url()).content.decode()
        assert "&lt;script&gt;alert(1)" in detail and "<script>alert" not in detail and "x-github-event" in detail

    def test_an_open_delivery_asks_for_news_and_a_finished_one_does_not(
        self, page: Any, connection: Connection
    ) -> None:
        answer = push(connection)
        found = ConnectionDelivery.objects.get()
        assert "every 2s" in page.get(found.get_absolute_url()).content.decode()
        handled(answer)

        assert "every 2s" not in page.get(found.get_absolute_url()).content.decode()

    def test_replay_makes_another_one(self, page: Any, connection: Connection) -> None:
        first = handled(push(connection))
        answer = page.post(reverse("plugins:delivery-replay", args=[connection.pk, first.pk]))

        again = ConnectionDelivery.objects.get(replay_of=first)
        assert answer.status_code == 302 and answer["Location"] == again.get_absolute_url()
        assert again.get_absolute_url() in page.get(first.get_absolute_url()).content.decode()

    def test_a_rejected_one_cannot_be_replayed_and_shows_no_content(self, page: Any, connection: Connection) -> None:
        push(connection, X_Hub_Signature_256="sha256=00")
        found = ConnectionDelivery.objects.get()
        text = page.get(found.get_absolute_url()).content.decode()

        assert "is not kept" in text and "/replay/" not in text
        assert page.post(reverse("plugins:delivery-replay", args=[connection.pk, found.pk])).status_code == 409

    def test_the_connections_page_leads_there_if_the_plugin_has_webhooks(
        self, page: Any, connection: Connection, forge: Any
    ) -> None:
        assert page_of(connection) in page.get(connection.get_absolute_url()).content.decode()
        plain = ConnectionFactory(owner=connection.owner, plugin="gone")
        assert page_of(plain) not in page.get(plain.get_absolute_url()).content.decode()
        assert "No webhooks" in page.get(page_of(plain)).content.decode()

    def test_many_are_paged(self, page: Any, connection: Connection) -> None:
        push(connection)
        one = ConnectionDelivery.objects.get()
        for _ in range(35):
            one.pk, one.delivery_id = None, ""
            one.save(force_insert=True)
        first = page.get(page_of(connection))
        before = first.context["shown"].next_before
        second = page.get(page_of(connection), {"before": before})

        assert len(first.context["shown"].rows) == 30 and len(second.context["shown"].rows) == 6


class TestApi:
    def test_webhooks_are_listed_without_secrets(self, api: Any, connection: Connection) -> None:
        secrets = [webhooks.secret_of(connection, each["name"]) for each in WEBHOOKS]
        answer = api.get(f"/api/v1/connections/{connection.pk}/webhooks/")

        assert [each["name"] for each in answer.json()] == [each["name"] for each in WEBHOOKS]
        first = answer.json()[0]
        assert first["signature"] == "hmac_sha256" and first["signature_header"] == "X-Hub-Signature-256"
        assert first["has_secret"] and first["address"].endswith("/repository/")
        assert not any(secret in answer.content.decode() for secret in secrets)

    def test_a_secret_is_in_the_answer_that_makes_it_and_nowhere_else(self, api: Any, connection: Connection) -> None:
        root = f"/api/v1/connections/{connection.pk}/webhooks/"
        answer = api.post(f"{root}secret_address/rotate-secret/")

        secret = webhooks.secret_of(connection, "secret_address")
        assert answer.status_code == 201 and answer["Cache-Control"] == "no-store"
        assert answer.json() == {"secret": secret, "address": webhooks.address_of(connection, "secret_address")}
        assert secret not in api.get(root).content.decode()

    def test_a_token_that_may_only_read_makes_no_secret(self, client: Any, connection: Connection) -> None:
        _, reader = create_api_token(connection.owner, name="reader", scope="read", by=connection.owner)
        as_reader = {"Authorization": f"Bearer {reader}"}
        root = f"/api/v1/connections/{connection.pk}/webhooks/"

        assert client.get(root, headers=as_reader).status_code == 200
        assert client.post(f"{root}repository/rotate-secret/", headers=as_reader).status_code == 403

    def test_deliveries_are_listed_filtered_read_and_replayed(self, api: Any, connection: Connection) -> None:
        first = handled(push(connection, delivery="d-1"))
        push(connection, delivery="d-2")
        root = f"/api/v1/connections/{connection.pk}/deliveries/"
        assert [each["delivery_id"] for each in api.get(root).json()["results"]] == ["d-2", "d-1"]
        [only] = api.get(root, {"status": "completed"}).json()["results"]
        assert only["events"] == ["push"] and only["webhook"] == "repository" and "payload" not in only
        assert '"ref": "refs/heads/main"' in api.get(f"{root}{first.pk}/").json()["payload"]
        answer = api.post(f"{root}{first.pk}/replay/")

        assert answer.status_code == 202 and answer.json()["replay_of"] == first.pk

    def test_what_a_rule_refuses_is_refused_at_both_doors(self, api: Any, page: Any, connection: Connection) -> None:
        push(connection, X_Hub_Signature_256="sha256=00")
        found = ConnectionDelivery.objects.get()
        answer = api.post(f"/api/v1/connections/{connection.pk}/deliveries/{found.pk}/replay/")
        assert (answer.status_code, answer.json()["code"]) == (409, "delivery_not_kept")
        assert page.post(reverse("plugins:delivery-replay", args=[connection.pk, found.pk])).status_code == 409

        unknown = api.post(f"/api/v1/connections/{connection.pk}/webhooks/nothing/rotate-secret/")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "webhook_unknown")
        assert page.post(reverse("plugins:webhook-secret", args=[connection.pk, "nothing"])).status_code == 404


class TestOthers:
    def test_another_students_webhooks_and_deliveries_are_not_there(
        self, client: Any, connection: Connection, stranger: Any
    ) -> None:
        found = handled(push(connection))
        client.force_login(stranger)
        api = f"/api/v1/connections/{connection.pk}/"
        for address in (
            page_of(connection),
            found.get_absolute_url(),
            f"{api}webhooks/",
            f"{api}deliveries/{found.pk}/",
            f"{api}deliveries/",
            f"{api}actions/",
        ):
            assert client.get(address).status_code == 404
        for address in (
            reverse("plugins:webhook-secret", args=[connection.pk, "repository"]),
            reverse("plugins:delivery-replay", args=[connection.pk, found.pk]),
            f"{api}webhooks/repository/rotate-secret/",
            f"{api}deliveries/{found.pk}/replay/",
        ):
            assert client.post(address).status_code == 404
        assert ConnectionDelivery.objects.count() == 1

    def test_a_second_id_of_another_student_is_not_there_either(
        self, page: Any, api: Any, connection: Connection, stranger: Any
    ) -> None:
        theirs = ConnectionFactory(owner=stranger, plugin="forge", configuration={}, credential={})
        found = handled(push(theirs))

        for number in (connection.pk, theirs.pk):
            assert page.get(reverse("plugins:webhook-delivery", args=[number, found.pk])).status_code == 404
            assert page.post(reverse("plugins:delivery-replay", args=[number, found.pk])).status_code == 404
            assert api.get(f"/api/v1/connections/{number}/deliveries/{found.pk}/").status_code == 404
