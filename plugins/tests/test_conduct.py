"""What it did: what was declared beside what was asked, for the student and, in counts, for admins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from plugins import calls, conduct
from plugins.models import ActionCall, Connection, GatewayCall, StoredValue
from plugins.tests.factories import ConnectionFactory

HOME = "demo.university.edu"


def asked(connection: Connection, path: str = "/api/v1/courses", **fields: Any) -> GatewayCall:
    from plugins.gateway.allowed import path_shape

    call, _ = ActionCall.objects.get_or_create(
        owner=connection.owner,
        connection=connection,
        action="get_courses",
        defaults={"status": "completed", "finished_at": timezone.now()},
    )
    values = {"method": "GET", "host": HOME, "status": 200, "capability": "read_courses", "bytes_received": 10}
    return GatewayCall.objects.create(
        owner=connection.owner,
        connection=connection,
        action_call=call,
        path=path,
        shape=path_shape(path),
        **{**values, **fields},
    )


REFUSED = {"host": "evil.example", "status": None, "error_code": "host_not_allowed", "is_refused": True}


@pytest.fixture
def connection(owner: Any) -> Connection:
    return ConnectionFactory(owner=owner)


@pytest.mark.django_db
class TestReport:
    def test_what_is_alike_is_one_row_and_what_was_refused_comes_first(self, connection: Connection) -> None:
        for number in range(3):
            asked(connection, f"/api/v1/courses/{number}/files")
        asked(connection, "/api/v1/courses/9/files", status=403)
        asked(connection, "/secret", capability="", bytes_received=0, **REFUSED)

        refused, files = list(conduct.shapes(GatewayCall.objects.filter(connection=connection)))

        assert (refused["host"], refused["refused_count"], refused["reasons"]) == (
            "evil.example",
            1,
            "host_not_allowed",
        )
        assert (files["shape"], files["count"], files["failed_count"]) == ("/api/v1/courses/{n}/files", 4, 1)
        assert files["received"] == 40

    def test_declared_and_asked_stand_side_by_side_in_one_query(
        self, connection: Connection, django_assert_num_queries: Any
    ) -> None:
        asked(connection)
        asked(connection, **REFUSED)

        with django_assert_num_queries(1):
            found = conduct.conduct_of(connection, GatewayCall.objects.filter(connection=connection))

        assert (found.total.count, found.total.refused_count) == (2, 1)
        assert [(host.name, host.is_declared) for host in found.hosts] == [("evil.example", False), (HOME, True)]
        used = {each.name: each.tally.count for each in found.capabilities}
        assert used["read_courses"] == 2 and used["read_files"] == 0

    def test_over_all_students_a_host_of_theirs_counts_for_its_template(
        self, connection: Connection, stranger: Any
    ) -> None:
        asked(connection)
        asked(ConnectionFactory(owner=stranger), host="canvas.elsewhere.edu")
        asked(connection, **REFUSED)
        manifest = connection.manifest

        found = conduct.conduct_of_plugin(manifest, conduct.calls_of_plugin("canvas-integration"))

        assert [(host.name, host.tally.count) for host in found.hosts] == [("evil.example", 1), ("{canvas_domain}", 2)]


@pytest.mark.django_db
class TestPages:
    def test_a_student_sees_every_kind_and_every_request(self, page: Any, connection: Connection) -> None:
        asked(connection, "/api/v1/courses/17/files")
        asked(connection, "/secret", **REFUSED)
        url = f"/connections/{connection.pk}/calls/"

        summed, each = page.get(url).content.decode(), page.get(url, {"view": "each"}).content.decode()

        assert "/api/v1/courses/{n}/files" in summed and "host not declared" in summed
        assert "/api/v1/courses/17/files" in each and "not declared" in each

    def test_it_is_filtered_by_day_and_by_what_was_refused(self, page: Any, connection: Connection) -> None:
        asked(connection, "/today")
        asked(connection, "/before", created_at=timezone.now() - timedelta(days=3))
        asked(connection, "/secret", **REFUSED)
        url = f"/connections/{connection.pk}/calls/"
        day = (timezone.now() - timedelta(days=3)).date().isoformat()

        assert "/before" in (found := page.get(url, {"day": day}).content.decode()) and "/today" not in found
        assert "/secret" in (found := page.get(url, {"refused": "true"}).content.decode()) and "/today" not in found
        assert "Write the day" in page.get(url, {"day": "yesterday"}).content.decode()

    def test_it_is_paged_and_costs_the_same_however_much_was_asked(
        self, page: Any, connection: Connection, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(120):
            asked(connection, f"/kind{chr(97 + number % 26)}{chr(97 + number // 26)}")
        url = f"/connections/{connection.pk}/calls/"

        with django_assert_max_num_queries(14):
            first = page.get(url).content.decode()

        assert "1–50 of 120 kinds of request" in first
        assert "101–120 of 120" in page.get(url, {"page": 3}).content.decode()

    def test_an_admin_sees_counts_and_no_path(self, client: Any, staff: Any, connection: Connection) -> None:
        asked(connection, "/api/v1/users/4711-private/files")
        client.force_login(staff)

        found = client.get("/settings/plugins/canvas-integration/calls/").content.decode()

        assert HOME in found and "4711-private" not in found and connection.owner.email not in found

    @pytest.mark.parametrize("name", ["canvas-integration", "there-is-none"])
    def test_the_admins_page_is_not_there_for_students(self, page: Any, connection: Connection, name: str) -> None:
        asked(connection)

        assert page.get(f"/settings/plugins/{name}/calls/").status_code == 404

    def test_what_is_stored_is_forgotten_at_the_owners_word_alone(
        self, page: Any, client: Any, stranger: Any, connection: Connection
    ) -> None:
        StoredValue.objects.create(connection=connection, key="cursor", value='"abc"', size_bytes=11)
        url = f"/connections/{connection.pk}/forget-stored/"
        assert "Forget what it stored" in page.get(f"/connections/{connection.pk}/").content.decode()

        client.force_login(stranger)
        assert client.post(url).status_code == 404
        assert StoredValue.objects.count() == 1
        client.force_login(connection.owner)
        assert client.get(url).status_code == 405
        assert client.post(url).status_code == 302
        assert StoredValue.objects.count() == 0


@pytest.mark.django_db
def test_the_record_is_kept_as_long_as_the_operator_says(connection: Connection, settings: Any) -> None:
    settings.PLUGINS = {**settings.PLUGINS, "CALLS_KEPT_DAYS": 7}
    asked(connection, "/old", created_at=timezone.now() - timedelta(days=8))
    asked(connection, "/new", created_at=timezone.now() - timedelta(days=6))

    assert calls.drop_old_requests() == 1
    assert [call.path for call in GatewayCall.objects.all()] == ["/new"]


@pytest.mark.django_db
class TestApi:
    def test_the_summary_is_the_page(self, api: Any, connection: Connection) -> None:
        asked(connection)
        asked(connection, **REFUSED)

        rows = api.get(f"/api/v1/connections/{connection.pk}/calls/summary/", {"refused": "true"}).json()

        assert [(row["host"], row["refused_count"], row["reasons"]) for row in rows] == [
            ("evil.example", 1, ["host_not_allowed"])
        ]
        listed = api.get(f"/api/v1/connections/{connection.pk}/calls/", {"refused": "true"}).json()["results"]
        assert [(row["host"], row["is_refused"]) for row in listed] == [("evil.example", True)]
        assert api.get(f"/api/v1/connections/{connection.pk}/calls/", {"day": "x"}).status_code == 422

    def test_another_students_record_and_store_are_not_there(self, api: Any, stranger: Any) -> None:
        theirs = ConnectionFactory(owner=stranger)
        StoredValue.objects.create(connection=theirs, key="cursor", value='"abc"', size_bytes=11)

        for path in ("calls/", "calls/summary/", "storage/"):
            assert api.get(f"/api/v1/connections/{theirs.pk}/{path}").status_code == 404
        assert api.delete(f"/api/v1/connections/{theirs.pk}/storage/").status_code == 404
        assert StoredValue.objects.count() == 1

    def test_the_store_is_told_and_forgotten(self, api: Any, connection: Connection) -> None:
        StoredValue.objects.create(connection=connection, key="cursor", value='"abc"', size_bytes=11)
        url = f"/api/v1/connections/{connection.pk}/storage/"

        assert api.get(url).json() == {"key_count": 1, "size_bytes": 11, "limit_bytes": 2**20}
        assert api.delete(url).status_code == 204
        assert api.get(url).json()["key_count"] == 0

    def test_counts_over_all_students_are_for_admins(self, api: Any, client: Any, staff: Any, connection: Any) -> None:
        asked(connection)
        url = "/api/v1/gateway-calls/summary/"

        assert api.get(url, {"plugin": "canvas-integration"}).status_code == 404
        client.force_login(staff)
        (row,) = client.get(url, {"plugin": "canvas-integration"}).json()
        assert (row["host"], row["count"], row["connection_count"]) == (HOME, 1, 1)
        assert "shape" not in row and "path" not in row
