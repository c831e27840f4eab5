"""The bell: its pages, the API beside them, and that nobody reads another's."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from coreengine.accounts.models import User
from coreengine.kernel.models import Notification
from coreengine.kernel.notifications import notify

pytestmark = pytest.mark.django_db


def unread(user: User) -> int:
    return Notification.objects.visible_to(user).unread().count()


class TestList:
    def test_it_shows_the_own_ones_newest_first(self, page: Client, owner: User, stranger: User) -> None:
        notify(owner, title="Yesterday's news")
        notify(owner, title="Today's news")
        notify(stranger, title="not yours")

        text = page.get("/notifications/").content.decode()

        assert 0 < text.index("Today&#x27;s news") < text.index("Yesterday&#x27;s news")
        assert "not yours" not in text

    @pytest.mark.parametrize(
        ("query", "shown"), [("unread=true", {"b", "c"}), ("priority=urgent", {"c"}), ("", set("abc"))]
    )
    def test_page_and_api_filter_alike(
        self, page: Client, api: APIClient, owner: User, query: str, shown: set[str]
    ) -> None:
        read = notify(owner, title="a")
        Notification.objects.filter(pk=read.pk).update(read_at=read.created_at)
        notify(owner, title="b", priority="high")
        notify(owner, title="c", priority="urgent")

        on_page = {n.title for n in page.get(f"/notifications/?{query}").context["notifications"]}
        in_api = {n["title"] for n in api.get(f"/api/v1/notifications/?{query}").json()["results"]}

        assert on_page == in_api == shown

    def test_each_kind_of_emptiness_says_what_to_do(self, page: Client) -> None:
        assert "No notifications yet" in page.get("/notifications/").content.decode()
        assert "All read" in page.get("/notifications/?unread=true").content.decode()
        assert "Clear the filter" in page.get("/notifications/?priority=low").content.decode()

    def test_it_costs_the_same_for_many(self, page: Client, owner: User, django_assert_num_queries: Any) -> None:
        for n in range(3):
            notify(owner, title=f"n{n}")
        page.get("/notifications/")
        with django_assert_num_queries(12, exact=False) as few:
            page.get("/notifications/")
        for n in range(10):
            notify(owner, title=f"more{n}")

        with django_assert_num_queries(len(few.captured_queries)):
            page.get("/notifications/")

    def test_text_from_outside_is_only_text(self, page: Client, owner: User) -> None:
        notify(owner, title="<script>alert(1)</script>", content="<img src=x onerror=alert(1)>")

        text = page.get("/notifications/").content.decode()

        assert "<script>alert" not in text
        assert "<img" not in text


class TestReading:
    @pytest.mark.parametrize("door", ["page", "htmx", "api"])
    def test_one_is_marked_read_and_unread_again(self, door: str, page: Client, api: APIClient, owner: User) -> None:
        notice = notify(owner, title="hello")
        headers = {"HX-Request": "true"} if door == "htmx" else {}

        def press(what: str) -> Any:
            if door == "api":
                return api.post(f"/api/v1/notifications/{notice.pk}/{what}/")
            return page.post(f"/notifications/{notice.pk}/{what}/", headers=headers)

        first = press("read")
        assert unread(owner) == 0
        press("read")
        press("unread")

        assert unread(owner) == 1
        assert first.status_code == (302 if door == "page" else 200)
        if door == "htmx":
            assert "notifications-changed" in first["HX-Trigger"]
            assert "<html" not in first.content.decode()

    @pytest.mark.parametrize("door", ["page", "api"])
    def test_anothers_is_not_there(self, door: str, page: Client, api: APIClient, stranger: User) -> None:
        notice = notify(stranger, title="theirs")

        if door == "page":
            response: Any = page.post(f"/notifications/{notice.pk}/read/")
        else:
            response = api.post(f"/api/v1/notifications/{notice.pk}/read/")

        assert response.status_code == 404
        assert unread(stranger) == 1

    @pytest.mark.parametrize("door", ["page", "api"])
    def test_all_are_marked_read_and_only_the_own(
        self, door: str, page: Client, api: APIClient, owner: User, stranger: User
    ) -> None:
        notify(owner, title="one")
        notify(owner, title="two")
        notify(stranger, title="theirs")

        if door == "page":
            page.post("/notifications/read/")
        else:
            assert api.post("/api/v1/notifications/read/").json() == {"count": 2}

        assert (unread(owner), unread(stranger)) == (0, 1)

    def test_a_title_leads_where_it_says(self, page: Client, owner: User) -> None:
        notice = notify(owner, title="synced", url="/vault/")

        assert page.post(f"/notifications/{notice.pk}/read/", {"open": ""})["Location"] == "/vault/"

    @pytest.mark.parametrize("outside", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
    def test_a_title_never_leads_elsewhere(self, page: Client, owner: User, outside: str) -> None:
        notice = notify(owner, title="synced", url=outside)

        assert page.post(f"/notifications/{notice.pk}/read/", {"open": ""})["Location"] == "/notifications/"

    def test_looking_changes_nothing(self, page: Client, owner: User) -> None:
        notify(owner, title="hello")

        for address in ["/notifications/", "/notifications/recent/", "/notifications/count/"]:
            page.get(address)

        assert unread(owner) == 1


class TestBell:
    def test_the_frame_tells_the_count(self, page: Client, owner: User) -> None:
        notify(owner, title="hello")

        assert "Notifications, 1 unread" in page.get("/settings/").content.decode()

    def test_asking_again_costs_one_count(self, page: Client, owner: User, django_assert_num_queries: Any) -> None:
        notify(owner, title="hello")

        with django_assert_num_queries(3):  # session, user, count
            text = page.get("/notifications/count/", headers={"HX-Request": "true"}).content.decode()

        assert "1 unread" in text
        assert "<html" not in text

    def test_the_list_is_short_and_newest_first(self, page: Client, owner: User) -> None:
        for n in range(12):
            notify(owner, title=f"line {n}")

        text = page.get("/notifications/recent/").content.decode()

        shown = [n for n in range(12) if f">line {n}<" in text]
        assert shown == list(range(4, 12))
        assert text.index(">line 11<") < text.index(">line 4<")


class TestBundles:
    """What belongs together is one line of the bell."""

    def lines(self, page: Any) -> list[tuple[str, int]]:
        return [(bundle.title, len(bundle.notices)) for bundle in page.get("/notifications/").context["bundles"]]

    def test_three_of_a_group_in_a_row_are_one_line_and_two_are_not(self, page: Any, owner: Any) -> None:
        for number in range(3):
            notify(owner, title=f"Grade {number}", kind="workflow", group="Grades in CS 101")
        for number in range(2):
            notify(owner, title=f"Other {number}", kind="workflow", group="Grades in CS 202")
        assert [count for _, count in self.lines(page)] == [1, 1, 3]
        html = page.get("/notifications/recent/").content.decode()
        assert "× Grades in CS 101" in html and html.count("notice-bundle") == 1 and "Grade 0" in html

    def test_of_one_kind_they_are_named_by_it(self, page: Any, owner: Any) -> None:
        for number in range(4):
            notify(owner, title=f"Plugin {number}", kind="connection.failed")
        assert self.lines(page) == [("Connections", 4)]

    def test_what_is_urgent_or_a_workflows_own_word_stands_alone(self, page: Any, owner: Any) -> None:
        for number in range(3):
            notify(owner, title=f"Now {number}", kind="connection", priority="urgent")
            notify(owner, title=f"Round {number}", kind="workflow")
        assert [count for _, count in self.lines(page)] == [1] * 6

    def test_the_bell_has_eight_lines_however_many_stand_in_one(self, page: Any, owner: Any) -> None:
        for group in range(9):
            for number in range(4):
                notify(owner, title=f"Grade {number}", kind="workflow", group=f"Grades in {group}")
        assert page.get("/notifications/recent/").content.decode().count("notice-bundle") == 8
