"""allauth's doors in the product's words: sign-up, sign-in, verification, reset; nobody learns who has an account."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client

from coreengine.accounts.models import User
from coreengine.kernel.models import MailboxMessage

pytestmark = pytest.mark.django_db

SIGNUP = {
    "name": "Noor Haddad",
    "email": "noor@example.edu",
    "password1": "correct horse battery",
    "time_zone": "Europe/Berlin",
}


@pytest.fixture(autouse=True)
def _mailbox(settings: Any) -> None:
    settings.EMAIL_BACKEND = "coreengine.kernel.mailbox.MailboxBackend"
    cache.clear()


def link_in(mail: MailboxMessage) -> str:
    found = re.search(r"http://testserver(/\S+)", mail.text)
    assert found, mail.text
    return found[1]


class TestSignUp:
    def test_a_new_student_confirms_the_address_and_is_in(self, client: Client) -> None:
        response = client.post("/accounts/signup/", SIGNUP)
        assert response["Location"] == "/accounts/confirm-email/"
        assert "mailbox" in client.get(response["Location"]).content.decode()

        link = link_in(MailboxMessage.objects.get())
        assert "Is this your address?" in client.get(link).content.decode()
        response = client.post(link)

        assert response["Location"] == "/"
        assert client.get("/").status_code == 200
        assert EmailAddress.objects.get(email="noor@example.edu").verified

    def test_looking_at_the_link_alone_confirms_nothing(self, client: Client) -> None:
        client.post("/accounts/signup/", SIGNUP)

        client.get(link_in(MailboxMessage.objects.get()))

        assert not EmailAddress.objects.get().verified

    def test_name_and_time_zone_are_kept(self, client: Client) -> None:
        client.post("/accounts/signup/", SIGNUP)

        user = User.objects.get()
        assert (user.name, user.time_zone) == ("Noor Haddad", "Europe/Berlin")

    def test_a_zone_that_is_none_becomes_utc(self, client: Client) -> None:
        client.post("/accounts/signup/", {**SIGNUP, "time_zone": "../../etc/passwd"})

        assert User.objects.get().time_zone == "UTC"

    def test_a_short_password_is_told_at_its_field(self, client: Client) -> None:
        page = client.post("/accounts/signup/", {**SIGNUP, "password1": "short"}).content.decode()

        assert 'id="id_password1_error"' in page
        assert 'aria-invalid="true"' in page
        assert 'value="Noor Haddad"' in page

    def test_a_known_address_is_answered_like_a_new_one(self, client: Client, owner: User) -> None:
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)

        known = client.post("/accounts/signup/", {**SIGNUP, "email": owner.email})
        new = Client().post("/accounts/signup/", SIGNUP)

        assert (known.status_code, known["Location"]) == (new.status_code, new["Location"])
        assert MailboxMessage.objects.get(to=owner.email).subject == "You have an account already"


class TestSignIn:
    def test_wrong_password_and_unknown_address_read_the_same(self, client: Client, owner: User) -> None:
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)

        wrong = client.post("/accounts/login/", {"login": owner.email, "password": "no"})
        unknown = Client().post("/accounts/login/", {"login": "nobody@example.edu", "password": "no"})

        def words(response: Any) -> list[str]:
            return re.findall(r"<li>([^<]+)", response.content.decode())

        assert wrong.status_code == unknown.status_code
        assert words(wrong) == words(unknown) != []

    def test_an_outside_next_is_not_followed(self, client: Client, owner: User) -> None:
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)

        response = client.post(
            "/accounts/login/?next=https://evil.example/",
            {"login": owner.email, "password": "a-long-password", "next": "https://evil.example/"},
        )

        assert response["Location"] == "/"

    def test_the_session_changes_at_sign_in(self, client: Client, owner: User) -> None:
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
        session = client.session
        session["seen"] = 1
        session.save()
        before = session.session_key

        client.post("/accounts/login/", {"login": owner.email, "password": "a-long-password"})

        assert client.session.session_key != before

    def test_too_many_tries_are_told_so(self, client: Client, owner: User, settings: Any) -> None:
        settings.ACCOUNT_RATE_LIMITS = {"login_failed": "2/m/key"}
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
        for _ in range(3):
            response = client.post("/accounts/login/", {"login": owner.email, "password": "no"})

        assert "Too many failed" in response.content.decode()

    def test_signing_out_needs_a_post(self, page: Client) -> None:
        page.get("/accounts/logout/")
        assert page.get("/").status_code == 200

        page.post("/accounts/logout/")

        assert page.get("/").status_code == 302


class TestPasswordReset:
    def test_the_link_sets_a_new_password(self, client: Client, owner: User) -> None:
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
        client.post("/accounts/password/reset/", {"email": owner.email})
        link = link_in(MailboxMessage.objects.get())

        form = client.get(link, follow=True)
        address = form.redirect_chain[-1][0]
        response = client.post(address, {"password1": "another long one", "password2": "another long one"})

        assert response.status_code == 302
        owner.refresh_from_db()
        assert owner.check_password("another long one")

    def test_a_used_link_offers_a_new_one(self, client: Client) -> None:
        page = client.get("/accounts/password/reset/key/1-nothing/").content.decode()

        assert "This link is used up" in page
        assert "Send a new link" in page

    def test_an_unknown_address_is_answered_like_a_known_one(self, client: Client, owner: User) -> None:
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)

        known = client.post("/accounts/password/reset/", {"email": owner.email})
        unknown = Client().post("/accounts/password/reset/", {"email": "nobody@example.edu"})

        assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password/reset/",
        "/accounts/password/reset/done/",
        "/accounts/password/reset/key/done/",
        "/accounts/confirm-email/",
        "/accounts/confirm-email/nothing/",
        "/accounts/inactive/",
    ],
)
def test_every_open_page_is_in_the_look(client: Client, address: str) -> None:
    page = client.get(address).content.decode()

    assert 'class="entrance' in page
    assert "css/tokens" in page


@pytest.mark.parametrize(
    "address", ["/accounts/email/", "/accounts/password/change/", "/accounts/logout/", "/accounts/reauthenticate/"]
)
def test_every_own_page_is_in_the_look(page: Client, address: str) -> None:
    response = page.get(address, follow=True)

    assert response.status_code == 200
    assert "css/tokens" in response.content.decode()
