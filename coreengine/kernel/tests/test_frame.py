"""The frame of every page, errors in it, the mailbox of development, and the tags that draw components."""

import re
from typing import Any

import pytest
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse

from coreengine.kernel import places, screens, views
from coreengine.kernel.errors import DomainError, ExternalError
from coreengine.kernel.middleware import ErrorPages, HtmxManners
from coreengine.kernel.models import MailboxMessage

pytestmark = pytest.mark.django_db


def drawn(source: str, **context: Any) -> str:
    return Template(source).render(Context(context))


class TestNavigation:
    def test_the_place_one_is_at_is_marked_once(self, page: Client) -> None:
        text = page.get("/notifications/").content.decode()
        assert 'aria-current="page"' not in text.partition("</aside>")[0]

        text = page.get("/settings/tokens/").content.decode()
        assert text.partition("</aside>")[0].count('aria-current="page"') == 1

    def test_every_place_and_every_key_leads_somewhere(self, page: Client) -> None:
        links = [*places.nav_links(None, "main"), *places.nav_links(None, "bottom"), *places.settings_links(None)]
        addresses = {link.url for link in links} | {key.href for key in places.shortcuts() if key.href}

        for address in addresses | {link.url for link in places.quick_adds()}:
            assert page.get(address).status_code == 200, address

    def test_no_two_keys_are_the_same(self) -> None:
        keys = [key.keys for key in places.shortcuts()]

        assert len(keys) == len(set(keys))

    @pytest.mark.parametrize("own", screens.page_keys(), ids=lambda own: own.url_name)
    def test_the_keys_of_a_page_take_none_that_work_everywhere(self, own: screens.PageKeys) -> None:
        keys = [key for key, _, _ in own.keys]
        everywhere = {part for key in places.shortcuts() for part in key.parts[:1]}

        assert len(keys) == len(set(keys)) and not everywhere & set(keys)

    @pytest.mark.parametrize("own", screens.page_keys(), ids=lambda own: own.url_name)
    def test_the_help_of_a_page_lists_all_its_keys(self, own: screens.PageKeys, page: Client) -> None:
        text = page.get(reverse(own.url_name)).content.decode()
        listed = set(re.findall(r'data-keys="([^"]+)"', text))

        assert {key for key, _, _ in own.keys} | {key.keys for key in places.shortcuts()} <= listed
        assert set(re.findall(r'data-shortcut="(\w)"', text)) <= listed, "a key that only the page knows"

    def test_a_slot_that_nobody_fills_draws_nothing(self, rf: RequestFactory) -> None:
        assert screens.slot_parts("nobody") == []
        assert drawn('{% slot "nobody" %}', request=rf.get("/")) == ""


class TestErrors:
    def test_an_unknown_address_says_so(self, page: Client) -> None:
        response = page.get("/nowhere/")

        assert response.status_code == 404
        assert "There is nothing here" in response.content.decode()

    def test_a_form_from_elsewhere_is_refused(self, owner: Any) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(owner)

        response = client.post("/notifications/read/", headers={"Origin": "https://evil.example"})

        assert response.status_code == 403
        assert "This form is too old" in response.content.decode()

    def test_a_bug_is_answered_without_a_query(self, rf: RequestFactory, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            response = views.server_error(rf.get("/"))

        assert response.status_code == 500
        assert "Something went wrong on our side" in response.content.decode()

    @pytest.mark.parametrize(
        ("error", "status"), [(DomainError("The course was removed."), 409), (ExternalError("Canvas is silent."), 502)]
    )
    def test_a_refusal_tells_its_words(self, rf: RequestFactory, error: Exception, status: int) -> None:
        response = ErrorPages(lambda request: HttpResponse()).process_exception(rf.get("/"), error)

        assert response is not None
        assert response.status_code == status
        assert str(error) in response.content.decode()


class TestHtmx:
    def test_a_signed_out_fragment_becomes_a_whole_sign_in_page(self, client: Client) -> None:
        response = client.get(
            "/notifications/count/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/vault/?q=a"}
        )

        assert response.status_code == 204
        assert response["HX-Redirect"] == "/accounts/login/?next=/vault/%3Fq%3Da"

    def test_a_redirect_after_a_change_leads_the_whole_page(self, page: Client) -> None:
        response = page.post(
            "/settings/", {"name": "M", "time_zone": "UTC", "theme": "dark"}, headers={"HX-Request": "true"}
        )

        assert response.status_code == 204
        assert response["HX-Redirect"] == "/settings/"

    def test_flash_messages_of_a_fragment_travel_in_a_header(self, rf: RequestFactory) -> None:
        request: Any = rf.get("/")
        request.htmx = True
        request.session = {}
        request._messages = messages.storage.fallback.FallbackStorage(request)

        def view(request: HttpRequest) -> HttpResponse:
            messages.success(request, "Gespeichert – done")
            return HttpResponse("piece")

        response = HtmxManners(view)(request)

        assert '"level": "success"' in response["HX-Trigger"]
        assert response["HX-Trigger"].isascii()


class TestMailbox:
    def test_it_shows_a_mail_with_links_that_work(self, client: Client) -> None:
        mail = MailboxMessage.objects.create(to="a@example.edu", subject="Hello", text="Go to http://testserver/x/ now")

        assert "Hello" in client.get("/mailbox/").content.decode()
        assert 'href="http://testserver/x/"' in client.get(f"/mailbox/{mail.pk}/").content.decode()

    def test_a_mails_html_can_do_nothing(self, client: Client) -> None:
        mail = MailboxMessage.objects.create(
            to="a@example.edu", subject="Hello", text="", html="<script>alert(1)</script><b>Hi</b>"
        )

        page = client.get(f"/mailbox/{mail.pk}/")
        inner = client.get(f"/mailbox/{mail.pk}/html/")

        assert "<script>alert" not in page.content.decode()
        assert "default-src 'none'" in inner["Content-Security-Policy"]
        assert "sandbox" in inner["Content-Security-Policy"]

    def test_a_mail_is_shown_once_and_the_switch_leads_to_its_text(self, client: Client) -> None:
        mail = MailboxMessage.objects.create(to="a@example.edu", subject="Hello", text="As text", html="<b>Hi</b>")

        first = client.get(f"/mailbox/{mail.pk}/").content.decode()
        text = client.get(f"/mailbox/{mail.pk}/?as=text").content.decode()

        assert "<iframe" in first and "As text" not in first and 'href="?as=text"' in first
        assert "<iframe" not in text and "As text" in text

    def test_its_addresses_exist_for_demo_accounts_only(self, settings: Any) -> None:
        assert settings.DEMO_ACCOUNTS
        assert reverse("kernel:mailbox") == "/mailbox/"


class TestComponents:
    def test_a_field_ties_label_help_and_error_to_its_control(self) -> None:
        class Form(forms.Form):
            name = forms.CharField(help_text="What it is called.")

        text = drawn("{% field form.name %}", form=Form({"name": ""}))

        assert '<label for="id_name">' in text
        assert 'aria-describedby="id_name_helptext id_name_error"' in text or "id_name_error" in text
        assert 'id="id_name_helptext"' in text
        assert 'aria-invalid="true"' in text

    def test_the_summary_links_to_the_field(self) -> None:
        class Form(forms.Form):
            name = forms.CharField()

        assert 'href="#id_name"' in drawn("{% form_errors form %}", form=Form({}))

    def test_what_a_card_is_given_is_escaped_and_what_it_holds_is_not(self) -> None:
        text = drawn("{% card title=title %}<b>in</b>{% endcard %}", title="<i>x</i>")

        assert "&lt;i&gt;x&lt;/i&gt;" in text
        assert "<b>in</b>" in text

    def test_an_empty_state_keeps_its_actions(self) -> None:
        text = drawn('{% empty_state title="None" %} <a href="/new/">New</a> {% endempty_state %}')

        assert '<a href="/new/">New</a>' in text

    def test_a_status_is_an_icon_and_a_word(self) -> None:
        text = drawn('{% status_badge "failed" %}')

        assert "<svg" in text
        assert "failed" in text

    def test_an_unknown_icon_harms_nothing(self) -> None:
        assert "<svg" in drawn('{% icon "no-such-icon" %}')

    @pytest.mark.parametrize(
        "attack",
        [
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "![x](https://evil.example/?q=1)",
            '<img src="//e.com/x">',
        ],
    )
    def test_markdown_runs_and_loads_nothing(self, attack: str) -> None:
        text = drawn("{{ text|markdown }}", text=attack)

        assert "<script" not in text
        assert "<img" not in text
        assert 'href="javascript' not in text


def test_the_answer_of_a_form_opened_by_its_address_says_so(page: Client) -> None:
    response = page.get("/notifications/read/")

    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "Go back and send the form again" in response.content.decode()
