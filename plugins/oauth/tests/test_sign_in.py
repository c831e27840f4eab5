"""Signing in at a service, through the pages and the API, and everything that may come back instead."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from django.test import Client
from django.utils import timezone

from coreengine.kernel.models import Event
from plugins.models import Connection, OAuthClient, SignIn
from plugins.oauth import protocol, sign_in
from plugins.oauth.models import SIGN_IN_LIFETIME
from plugins.oauth.testing import HOST, Provider
from plugins.oauth.tests.conftest import CALLBACK, PLUGIN, come_back, leave, write_plugin
from plugins.registry import get_manifest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("commits_at_once", "client_row")]


def query_of(address: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}


class TestTheWayThere:
    def test_the_address_has_everything_and_no_secret(self, page: Any, provider: Provider) -> None:
        query = query_of(leave(page))

        assert query["response_type"] == "code"
        assert query["client_id"] == provider.client_id
        assert query["redirect_uri"] == CALLBACK
        assert query["scope"] == "notes:read profile"
        assert query["access_type"] == "offline"
        assert query["code_challenge_method"] == "S256"
        assert provider.client_secret not in str(query)
        row = SignIn.objects.get()
        assert query["code_challenge"] == create_s256_code_challenge(row.verifier)
        assert len(row.verifier) >= 43
        assert query["state"] not in str(vars(row))

    def test_every_sign_in_has_its_own_state_and_verifier(self, page: Any) -> None:
        first, second = query_of(leave(page)), query_of(leave(page))

        assert first["state"] != second["state"]
        assert first["code_challenge"] != second["code_challenge"]

    def test_scopes_are_joined_the_way_the_service_wants(self, page: Any, catalog: Any) -> None:
        write_plugin(catalog, scope_separator=",", pkce=False)

        query = query_of(leave(page))

        assert query["scope"] == "notes:read,profile" and "code_challenge" not in query

    def test_a_fault_of_the_form_is_at_its_field_and_nobody_is_sent_away(self, page: Any) -> None:
        response = page.post(f"/connections/new/{PLUGIN}/", {"way": "sign_in", "depth": "deep"})

        assert response.status_code == 422 and "depth" in response.context["form"].errors
        assert not SignIn.objects.exists()

    def test_a_way_without_a_client_says_so_and_the_others_stay(self, page: Any, owner: Any) -> None:
        OAuthClient.objects.all().delete()

        shown = page.get(f"/connections/new/{PLUGIN}/?way=sign_in")
        sent = page.post(f"/connections/new/{PLUGIN}/", {"way": "sign_in"})

        assert "Your admin has not set up" in shown.content.decode()
        assert "/admin/" not in shown.content.decode()
        assert sent.status_code == 422 and "has not set up" in str(sent.context["form"].errors)
        assert page.get(f"/connections/new/{PLUGIN}/").context["way"].name == "token"

        owner.is_staff = True
        owner.save()
        text = page.get(f"/connections/new/{PLUGIN}/?way=sign_in").content.decode()
        assert f"/admin/plugins/oauthclient/add/?plugin={PLUGIN}" in text


class TestTheWayBack:
    def test_a_whole_sign_in_makes_a_healthy_connection(self, page: Any, owner: Any, provider: Provider) -> None:
        landed = come_back(page, provider.approve(leave(page, label="My notes", folder="Work")))

        connection = Connection.objects.get(owner=owner)
        assert landed["Location"] == connection.get_absolute_url()
        assert (connection.health, connection.label, connection.way) == ("healthy", "My notes", "sign_in")
        assert connection.configuration == {"folder": "Work"}
        assert connection.identity == {"id": "student-1", "name": "Student student-1"}
        assert set(connection.credential) == {"access_token", "refresh_token", "expires_at", "scope", "token_type"}
        assert 3500 < connection.credential["expires_at"] - timezone.now().timestamp() <= 3600
        row = SignIn.objects.get()
        assert (row.stage, row.verifier, row.code) == ("completed", "", "")
        types = set(Event.objects.of(connection).values_list("type", flat=True))
        assert types == {"connection.created", "connection.confirmed"}

    def test_two_accounts_are_two_connections_with_names_of_their_own(
        self, page: Any, owner: Any, provider: Provider
    ) -> None:
        come_back(page, provider.approve(leave(page)))
        provider.account = "student-2"
        come_back(page, provider.approve(leave(page)))

        found = list(Connection.objects.filter(owner=owner).order_by("pk"))
        assert [each.label for each in found] == ["Notes", "Notes (2)"]
        assert [each.identity["id"] for each in found] == ["student-1", "student-2"]

    def test_a_token_without_an_end_and_without_refresh_works(self, page: Any, provider: Provider) -> None:
        provider.lifetime_s = None

        come_back(page, provider.approve(leave(page)))

        credential = Connection.objects.get().credential
        assert (credential["expires_at"], credential["refresh_token"]) == (None, "")

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            ("access_denied", "You did not allow it"),
            ("invalid_scope", "does not grant everything"),
            ("unauthorized_client", "Tell your admin"),
            ("temporarily_unavailable", "too busy"),
            ("<script>alert(1)</script>", "ended the sign-in without an answer"),
        ],
    )
    def test_an_error_of_the_service_is_said_in_words_and_what_was_typed_is_kept(
        self, page: Any, provider: Provider, error: str, words: str
    ) -> None:
        provider.fault(deny=error)

        landed = come_back(page, provider.approve(leave(page, label="My notes", folder="Work")))
        shown = page.get(landed["Location"])
        text = shown.content.decode()

        assert words in text and 'value="Work"' in text and 'value="My notes"' in text
        assert "because" not in text and "<script>alert" not in text
        assert not Connection.objects.exists()
        assert provider.count("/token") == 0

    def test_what_the_plugin_says_of_a_setting_is_at_the_form_and_the_token_is_given_back(
        self, page: Any, provider: Provider
    ) -> None:
        landed = come_back(page, provider.approve(leave(page, folder="missing")))

        assert "There is no such folder" in page.get(landed["Location"]).content.decode()
        assert not Connection.objects.exists()
        assert provider.count("/revoke") == 1

    @pytest.mark.parametrize(
        ("faults", "words"),
        [
            ({"token_status": 500}, "Try again in a moment"),
            ({"token_error": "invalid_grant"}, "does not accept the answer any more"),
            ({"token_error": "bad_verification_code", "token_status": 200}, "does not accept the answer any more"),
            ({"token_error": "redirect_uri_mismatch"}, CALLBACK),
            ({"token_error": "invalid_client", "token_status": 401}, "Tell your admin"),
            ({"token_body": b"<html>nothing</html>"}, "gave no token"),
            ({"token_body": b'{"access_token": "x", "token_type": "mac"}'}, "gave no token"),
            ({"token_body": b'{"access_token": "a\\nb"}'}, "gave no token"),
            ({"token_body": b"{" + b" " * 300_000}, "sent more than"),
        ],
    )
    def test_a_bad_answer_of_the_token_endpoint_is_said_and_nothing_is_kept(
        self, page: Any, provider: Provider, faults: dict[str, Any], words: str
    ) -> None:
        provider.fault(**faults)

        come_back(page, provider.approve(leave(page)))

        row = SignIn.objects.get()
        assert row.stage == "failed" and words in row.error
        assert (row.verifier, row.code) == ("", "")
        assert not Connection.objects.exists()
        assert provider.count("/token") == 1

    def test_a_redirect_of_the_token_endpoint_is_not_followed(self, page: Any, provider: Provider) -> None:
        provider.fault(token_location="/elsewhere")

        come_back(page, provider.approve(leave(page)))

        assert "redirected" in SignIn.objects.get().error
        assert provider.count("/elsewhere") == 0

    def test_a_private_address_is_never_asked(
        self, page: Any, provider: Provider, settings: Any, monkeypatch: Any
    ) -> None:
        answer = provider.approve(leave(page))
        settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": {}}
        monkeypatch.setattr("coreengine.kernel.outbound.network.resolve", lambda host, port: ["10.0.0.7"])

        come_back(page, answer)

        assert "private address" in SignIn.objects.get().error
        assert provider.count("/token") == 0


class TestWhoeverElseComesBack:
    def test_without_a_state(self, page: Any, provider: Provider) -> None:
        answer = provider.approve(leave(page))
        del answer["state"]

        self.is_lost(page, answer, provider)

    def test_with_an_invented_state(self, page: Any, provider: Provider) -> None:
        self.is_lost(page, {**provider.approve(leave(page)), "state": protocol.new_secret()}, provider)

    def test_twice(self, page: Any, provider: Provider) -> None:
        answer = provider.approve(leave(page))
        come_back(page, answer)

        again = page.get("/connections/oauth/callback/", answer)

        assert again.status_code == 400 and "belongs to no sign-in" in again.content.decode()
        assert Connection.objects.count() == 1 and provider.count("/token") == 1

    def test_after_an_error_with_the_same_state(self, page: Any, provider: Provider) -> None:
        answer = provider.approve(leave(page))
        come_back(page, {"state": answer["state"], "error": "access_denied"})

        self.is_lost(page, answer, provider)

    def test_too_late(self, page: Any, provider: Provider) -> None:
        answer = provider.approve(leave(page))
        SignIn.objects.update(created_at=timezone.now() - SIGN_IN_LIFETIME * 1.01)

        assert "ten minutes" in self.is_lost(page, answer, provider)

    def test_in_another_browser_of_the_same_student(self, page: Any, owner: Any, provider: Provider) -> None:
        answer = provider.approve(leave(page))
        other = Client()
        other.force_login(owner)

        assert "another browser" in self.is_lost(other, answer, provider)
        assert come_back(page, answer).status_code == 302  # and the browser that began it may still finish
        assert Connection.objects.count() == 1

    def test_as_another_student(self, page: Any, stranger: Any, provider: Provider) -> None:
        answer = provider.approve(leave(page))
        other = Client()
        other.force_login(stranger)

        self.is_lost(other, answer, provider)

    def test_as_nobody_and_the_code_goes_into_no_other_address(self, page: Any, provider: Provider) -> None:
        response = Client().get("/connections/oauth/callback/", provider.approve(leave(page)))

        assert response.status_code == 403 and "Location" not in response

    def test_with_the_answer_of_another_service(self, page: Any, provider: Provider) -> None:
        answer = {**provider.approve(leave(page)), "iss": "https://evil.example.com"}

        come_back(page, answer)

        assert SignIn.objects.get().error_code == "wrong_issuer"
        assert provider.count("/token") == 0

    def test_with_the_right_issuer(self, page: Any, provider: Provider) -> None:
        come_back(page, {**provider.approve(leave(page)), "iss": f"https://{HOST}"})

        assert Connection.objects.count() == 1

    def test_the_token_goes_where_the_sign_in_said_and_not_where_an_answer_says(
        self, page: Any, provider: Provider
    ) -> None:
        answer = provider.approve(leave(page))

        come_back(
            page, {**answer, "token_url": "https://evil.example.com/", "redirect_uri": "https://evil.example.com/"}
        )

        assert Connection.objects.count() == 1

    def test_another_students_sign_in_cannot_be_looked_at(
        self, page: Any, api: Any, stranger: Any, provider: Provider
    ) -> None:
        row = sign_in.start(
            stranger, get_manifest(PLUGIN), get_manifest(PLUGIN).ways[0], configuration={"folder": "x"}, binding=""
        ).sign_in

        assert page.get(f"/connections/sign-in/{row.pk}/").status_code == 404
        assert api.get(f"/api/v1/sign-ins/{row.pk}/").status_code == 404
        assert 'value="x"' not in page.get(f"/connections/new/{PLUGIN}/?sign_in={row.pk}").content.decode()

    def test_a_verifier_that_does_not_fit_gets_no_token(self, page: Any, provider: Provider) -> None:
        answer = provider.approve(leave(page))
        SignIn.objects.update(verifier="x" * 43)

        come_back(page, answer)

        assert not Connection.objects.exists() and SignIn.objects.get().stage == "failed"

    def is_lost(self, page: Any, answer: dict[str, str], provider: Provider) -> str:
        response = page.get("/connections/oauth/callback/", answer)
        assert response.status_code == 400
        assert provider.count("/token") == 0
        assert not Connection.objects.exists()
        return response.content.decode()


class TestThroughTheApi:
    def test_it_answers_where_to_go_and_later_what_came_of_it(self, page: Any, api: Any, provider: Provider) -> None:
        body = {"plugin": PLUGIN, "way": "sign_in", "configuration": {"folder": "Work"}, "label": "Mine"}
        started = api.post("/api/v1/connections/", body, format="json")

        assert started.status_code == 202
        told = started.json()
        assert told["status"] == "away" and query_of(told["authorization_url"])["redirect_uri"] == CALLBACK
        come_back(page, provider.approve(told["authorization_url"]))

        read = api.get(told["url"]).json()
        assert (read["status"], "authorization_url" in read) == ("completed", False)
        assert api.get(f"/api/v1/connections/{read['connection']}/").json()["label"] == "Mine"

    def test_a_stranger_cannot_be_led_to_connect_somebody_elses_sign_in(
        self, api: Any, stranger: Any, provider: Provider
    ) -> None:
        url = api.post("/api/v1/connections/", {"plugin": PLUGIN}, format="json").json()["authorization_url"]
        victim = Client()
        victim.force_login(stranger)

        assert victim.get("/connections/oauth/callback/", provider.approve(url)).status_code == 400
        assert not Connection.objects.exists()

    def test_a_fault_is_at_its_field(self, api: Any) -> None:
        answer = api.post("/api/v1/connections/", {"plugin": PLUGIN, "configuration": {"depth": "x"}}, format="json")

        assert answer.status_code == 422 and "depth" in answer.json()["errors"]

    def test_an_unknown_way_is_said(self, api: Any) -> None:
        answer = api.post("/api/v1/connections/", {"plugin": PLUGIN, "way": "magic"}, format="json")

        assert answer.status_code == 422 and "way" in answer.json()["errors"]


class TestLostMessages:
    def test_a_sign_in_whose_worker_died_ends_in_words(self, page: Any, provider: Provider) -> None:
        leave(page)
        SignIn.objects.update(stage="running", back_at=timezone.now() - sign_in.LOST_AFTER * 2)

        assert sign_in.take_up() == 1
        assert "Try again" in SignIn.objects.get().error

    def test_a_code_is_used_once_however_often_the_message_comes(self, page: Any, provider: Provider) -> None:
        come_back(page, provider.approve(leave(page)))

        sign_in.finish(SignIn.objects.get().pk)

        assert provider.count("/token") == 1 and Connection.objects.count() == 1
