"""Profile and access tokens: the pages, the API, and that both obey one rule."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from coreengine.accounts.models import ApiToken, User
from coreengine.accounts.services import create_api_token
from coreengine.kernel.models import Event

pytestmark = pytest.mark.django_db

PROFILE = {"name": "Mira", "time_zone": "Europe/Vienna", "theme": "dark", "has_shortcuts": "on"}


class TestProfile:
    def test_it_is_saved_and_the_page_takes_the_theme(self, page: Client, owner: User) -> None:
        response = page.post("/settings/", PROFILE, follow=True)

        owner.refresh_from_db()
        assert (owner.name, owner.time_zone, owner.theme) == ("Mira", "Europe/Vienna", "dark")
        assert 'data-theme="dark"' in response.content.decode()
        assert "Your profile is saved." in response.content.decode()

    def test_a_refused_form_keeps_what_was_typed(self, page: Client) -> None:
        response = page.post("/settings/", {**PROFILE, "time_zone": "Mars/Olympus"})

        assert response.status_code == 422
        assert 'value="Mars/Olympus"' in response.content.decode()

    def test_what_is_not_on_the_form_cannot_be_changed(self, page: Client, owner: User) -> None:
        page.post("/settings/", {**PROFILE, "is_staff": "on", "email": "other@example.edu"})

        owner.refresh_from_db()
        assert not owner.is_staff
        assert owner.email == "owner@example.edu"

    def test_the_theme_menu_keeps_the_page(self, page: Client, owner: User) -> None:
        response = page.post("/settings/theme/", {"theme": "light", "next": "/notifications/"})

        owner.refresh_from_db()
        assert (owner.theme, response["Location"]) == ("light", "/notifications/")

    @pytest.mark.parametrize("outside", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
    def test_the_theme_menu_leads_nowhere_else(self, page: Client, outside: str) -> None:
        assert page.post("/settings/theme/", {"theme": "light", "next": outside})["Location"] == "/"


class TestProfileParity:
    """One service, two doors: the same input has the same outcome."""

    @pytest.mark.parametrize(
        ("field", "value", "is_fine"),
        [
            ("time_zone", "Asia/Tokyo", True),
            ("time_zone", "Mars/Olympus", False),
            ("theme", "dark", True),
            ("theme", "pink", False),
            ("name", "x" * 120, True),
            ("name", "x" * 121, False),
        ],
    )
    def test_page_and_api_agree(
        self, page: Client, api: APIClient, owner: User, field: str, value: str, is_fine: bool
    ) -> None:
        by_api = api.patch("/api/v1/me/", {field: value})
        from_api = getattr(User.objects.get(pk=owner.pk), field)
        User.objects.filter(pk=owner.pk).update(name="", time_zone="UTC", theme="system")
        by_page = page.post("/settings/", {**PROFILE, field: value})
        from_page = getattr(User.objects.get(pk=owner.pk), field)

        assert by_api.status_code == (200 if is_fine else 422)
        assert by_page.status_code == (302 if is_fine else 422)
        assert (from_api == value) is (from_page == value) is is_fine
        if not is_fine:
            assert field in by_api.json()["errors"]


class TestTokens:
    def test_the_secret_is_shown_in_one_answer_only(self, page: Client) -> None:
        made = page.post("/settings/tokens/", {"name": "laptop", "scope": "read", "expires": "90"})
        later = page.get("/settings/tokens/")

        secret = made.context["secret"]
        assert secret in made.content.decode()
        assert secret not in later.content.decode()
        assert "no-store" in made["Cache-Control"]
        assert not ApiToken.objects.filter(digest=secret).exists()

    def test_it_expires_when_it_was_said(self, page: Client, owner: User) -> None:
        page.post("/settings/tokens/", {"name": "laptop", "scope": "read", "expires": "30"})

        token = owner.api_tokens.get()
        assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)

    def test_a_revoked_one_is_gone_from_the_page_and_opens_nothing(self, page: Client, owner: User) -> None:
        token, secret = create_api_token(owner, name="laptop", by=owner)

        page.post(f"/settings/tokens/{token.pk}/revoke/")

        program = APIClient()
        program.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        assert program.get("/api/v1/me/").status_code == 401
        assert f"…{token.hint}" not in page.get("/settings/tokens/").content.decode()

    def test_an_expired_one_opens_nothing(self, owner: User) -> None:
        token, secret = create_api_token(owner, name="laptop", by=owner)
        ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

        program = APIClient()
        program.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        assert program.get("/api/v1/me/").status_code == 401

    @pytest.mark.parametrize("door", ["page", "api"])
    def test_anothers_token_is_not_there(self, door: str, page: Client, api: APIClient, stranger: User) -> None:
        theirs, _ = create_api_token(stranger, name="theirs", by=stranger)

        if door == "page":
            response: Any = page.post(f"/settings/tokens/{theirs.pk}/revoke/")
        else:
            response = api.delete(f"/api/v1/auth/tokens/{theirs.pk}/")

        assert response.status_code == 404
        theirs.refresh_from_db()
        assert theirs.revoked_at is None

    @pytest.mark.parametrize("name", ["", "   ", "x" * 81])
    def test_page_and_api_refuse_the_same_names(self, page: Client, api: APIClient, owner: User, name: str) -> None:
        before = owner.api_tokens.count()

        by_page = page.post("/settings/tokens/", {"name": name, "scope": "read", "expires": ""})
        by_api = api.post("/api/v1/auth/tokens/", {"name": name, "scope": "read"})

        assert (by_page.status_code, by_api.status_code) == (422, 422)
        assert "name" in by_api.json()["errors"]
        assert owner.api_tokens.count() == before

    def test_the_api_shows_the_secret_once(self, api: APIClient) -> None:
        made = api.post("/api/v1/auth/tokens/", {"name": "ci", "scope": "read"}).json()

        again = api.get(f"/api/v1/auth/tokens/{made['id']}/").json()
        assert made["token"].startswith("ce_")
        assert not again.get("token")

    def test_the_list_costs_the_same_for_many(self, page: Client, owner: User, django_assert_num_queries: Any) -> None:
        for n in range(3):
            create_api_token(owner, name=f"t{n}", by=owner)
        page.get("/settings/tokens/")
        with django_assert_num_queries(8, exact=False) as few:
            page.get("/settings/tokens/")
        for n in range(10):
            create_api_token(owner, name=f"more{n}", by=owner)

        with django_assert_num_queries(len(few.captured_queries)):
            page.get("/settings/tokens/")

    def test_security_lists_what_happened(self, page: Client, owner: User, stranger: User) -> None:
        create_api_token(owner, name="laptop", by=owner)
        create_api_token(stranger, name="somebody elses", by=stranger)

        text = page.get("/settings/security/").content.decode()

        assert "Access token made: laptop" in text
        assert "somebody elses" not in text
        assert Event.objects.filter(type="api_token.created").count() == 2


def test_the_command_prints_only_a_token_that_works(owner: User) -> None:
    out = StringIO()

    call_command("api_token", owner.email, stdout=out)

    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {out.getvalue().strip()}")
    assert out.getvalue().count("\n") == 1
    assert program.get("/api/v1/me/").json()["email"] == owner.email
