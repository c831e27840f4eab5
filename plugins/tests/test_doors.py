"""Pages and API of connections and plugins: the same outcome through either door, and nothing for strangers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from coreengine.kernel import hooks
from plugins import registry
from plugins.models import ActionCall, Connection, GatewayCall
from plugins.tests.conftest import MakePlugin
from plugins.tests.factories import ConnectionFactory

DOMAIN = "demo.university.edu"
CANVAS = "canvas-integration"


class PageDoor:
    """A person with a browser."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def connect(self, **fields: Any) -> tuple[int, dict[str, Any]]:
        data = {"canvas_domain": DOMAIN, "sync_frequency": "daily", **fields}
        response = self.client.post(f"/connections/new/{CANVAS}/", data)
        return _outcome(response, 302)

    def change(self, connection: Connection, **fields: Any) -> tuple[int, dict[str, Any]]:
        data = {**connection.configuration, "include_concluded": "", "label": connection.label, **fields}
        return _outcome(self.client.post(f"/connections/{connection.pk}/edit/", data), 302)

    def sync(self, connection: Connection) -> int:
        return self.client.post(f"/connections/{connection.pk}/sync/").status_code

    def test(self, connection: Connection) -> int:
        return self.client.post(f"/connections/{connection.pk}/test/").status_code

    def disconnect(self, connection: Connection) -> int:
        return self.client.post(f"/connections/{connection.pk}/disconnect/").status_code


class ApiDoor:
    """A program with a token."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def connect(self, **fields: Any) -> tuple[int, dict[str, Any]]:
        token = {"token": fields.pop("token")} if "token" in fields else {}
        configuration = {"canvas_domain": DOMAIN, "sync_frequency": "daily", **fields}
        body = {"plugin": CANVAS, "configuration": configuration, **token}
        return _outcome(self.client.post("/api/v1/connections/", body, format="json"), 201)

    def change(self, connection: Connection, **fields: Any) -> tuple[int, dict[str, Any]]:
        body = {name: fields.pop(name) for name in ("token", "label") if name in fields}
        if fields:
            body["configuration"] = fields
        return _outcome(self.client.patch(f"/api/v1/connections/{connection.pk}/", body, format="json"), 200)

    def sync(self, connection: Connection) -> int:
        return self.client.post(f"/api/v1/connections/{connection.pk}/sync/").status_code

    def test(self, connection: Connection) -> int:
        return self.client.post(f"/api/v1/connections/{connection.pk}/test/").status_code

    def disconnect(self, connection: Connection) -> int:
        return self.client.delete(f"/api/v1/connections/{connection.pk}/").status_code


def _outcome(response: Any, good: int) -> tuple[int, dict[str, Any]]:
    if response.status_code == good:
        return 200, {}
    if response.status_code == 404:
        return 404, {}
    if hasattr(response, "data"):
        return response.status_code, dict(response.data.get("errors", {}))
    return response.status_code, dict(response.context["form"].errors)


@pytest.fixture(params=["page", "api"])
def door(request: pytest.FixtureRequest) -> Any:
    return (
        PageDoor(request.getfixturevalue("page"))
        if request.param == "page"
        else ApiDoor(request.getfixturevalue("api"))
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_at_hand")
class TestBothDoors:
    def test_connecting(self, door: Any, owner: Any, university: Any) -> None:
        assert door.connect(token=university.token) == (200, {})

        connection = Connection.objects.get(owner=owner)
        assert (connection.health, connection.configuration["sync_frequency"]) == ("healthy", "daily")

    @pytest.mark.parametrize(
        ("fields", "where"),
        [
            ({"token": "wrong-token-0000"}, "token"),
            ({}, "token"),
            ({"canvas_domain": "not a host", "token": "x"}, "canvas_domain"),
            ({"canvas_domain": "", "token": "x"}, "canvas_domain"),
            ({"sync_frequency": "never", "token": "x"}, "sync_frequency"),
        ],
    )
    def test_a_refusal_is_at_the_field(self, door: Any, university: Any, fields: dict[str, Any], where: str) -> None:
        status, errors = door.connect(**fields)

        assert status == 422
        assert where in errors
        assert not Connection.objects.exists()

    def test_changing_and_a_wrong_token(self, door: Any, owner: Any, university: Any) -> None:
        connection = ConnectionFactory.for_university(university, owner=owner)

        assert door.change(connection, label="Mine", sync_frequency="hourly") == (200, {})
        status, errors = door.change(connection, token="wrong-token-0000")

        assert (status, list(errors)) == (422, ["token"])
        connection.refresh_from_db()
        assert (connection.label, connection.configuration["sync_frequency"]) == ("Mine", "hourly")
        assert connection.credential == {"token": university.token}

    def test_testing_after_the_token_was_revoked(self, door: Any, owner: Any, university: Any) -> None:
        connection = ConnectionFactory.for_university(university, owner=owner)
        university.revoke_tokens()

        assert door.test(connection) in {200, 302}

        connection.refresh_from_db()
        assert (connection.health, connection.last_error_code) == ("unhealthy", "credential_rejected")


@pytest.mark.django_db
class TestBothDoorsWithoutAWorker:
    def test_sync_goes_where_the_hook_says(self, door: Any, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []

        def start(connection: Connection, by: Any) -> str:
            asked.append(connection.pk)
            return "/executions/7/"

        monkeypatch.setitem(hooks._hooks, "connection.sync_requested", [start])
        connection = ConnectionFactory(owner=owner)

        assert door.sync(connection) in {202, 302}
        assert asked == [connection.pk]

    def test_sync_that_nobody_does_is_409(self, door: Any, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(hooks._hooks, "connection.sync_requested", [])

        assert door.sync(ConnectionFactory(owner=owner)) == 409

    def test_disconnecting(self, door: Any, owner: Any) -> None:
        assert door.disconnect(ConnectionFactory(owner=owner)) in {204, 302}
        assert not Connection.objects.exists()

    @pytest.mark.parametrize("what", ["sync", "test", "disconnect", "change"])
    def test_anothers_connection_is_404(self, door: Any, stranger: Any, what: str) -> None:
        connection = ConnectionFactory(owner=stranger)

        outcome = getattr(door, what)(connection)

        assert outcome == 404 or outcome[0] == 404
        assert Connection.objects.filter(pk=connection.pk).exists()


@pytest.mark.django_db
class TestPages:
    def test_an_empty_list_offers_the_one_next_step(self, page: Any) -> None:
        text = page.get("/connections/").content.decode()

        assert "Nothing is connected yet" in text and 'href="/connections/new/' in text

    @pytest.mark.parametrize("ships_a_sync", [True, False])
    def test_a_sync_is_offered_where_the_plugin_ships_one(
        self, page: Any, owner: Any, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch, ships_a_sync: bool
    ) -> None:
        plugin = make_plugin("")
        if ships_a_sync:
            (plugin.folder / "workflows").mkdir()
            (plugin.folder / "workflows" / "sync-things.yaml").touch()
        monkeypatch.setattr(registry, "get_plugin", lambda name, **_: plugin)
        connection = ConnectionFactory(owner=owner)

        assert ("Sync now" in page.get(connection.get_absolute_url()).content.decode()) is ships_a_sync
        assert ("Sync now" in page.get("/").content.decode()) is ships_a_sync

    def test_the_form_has_the_manifests_settings(self, page: Any, settings: Any) -> None:
        settings.DEMO_UNIVERSITY_URL = "http://127.0.0.1:4567"

        response = page.get(f"/connections/new/{CANVAS}/?demo=1")
        text = response.content.decode()

        assert list(response.context["form"].fields)[:2] == ["canvas_domain", "token"]
        assert f'value="{DOMAIN}"' in text and "http://127.0.0.1:4567/" in text

    def test_an_unknown_plugin_is_404(self, page: Any) -> None:
        assert page.get("/connections/new/nothing/").status_code == 404

    def test_the_detail_shows_what_was_declared_beside_what_was_done(self, page: Any, owner: Any) -> None:
        connection = ConnectionFactory(owner=owner)
        call = ActionCall.objects.create(owner=owner, connection=connection, action="get_courses")
        GatewayCall.objects.create(
            owner=owner, connection=connection, action_call=call, method="GET", host="evil.example", path="/x"
        )

        response = page.get(f"/connections/{connection.pk}/")

        assert [(use.host, use.is_declared, use.call_count) for use in response.context["hosts"]] == [
            (DOMAIN, True, 0),
            ("evil.example", False, 1),
        ]
        assert "not declared" in response.content.decode()

    def test_a_connection_whose_plugin_is_gone_can_still_be_seen_and_removed(self, page: Any, owner: Any) -> None:
        connection = ConnectionFactory(owner=owner, plugin="gone")

        assert "not installed" in page.get(f"/connections/{connection.pk}/").content.decode()
        assert page.get("/connections/").status_code == 200
        assert page.get(f"/connections/{connection.pk}/disconnect/").status_code == 200

    def test_a_faulty_manifest_is_shown_with_its_field(self, page: Any, tmp_path: Any, settings: Any) -> None:
        (tmp_path / "bad").mkdir()
        (tmp_path / "bad" / "plugin-manifest.yaml").write_text("apiVersion: v1\nkind: Plugin\nspec: {}\n", "utf-8")
        settings.PLUGINS = {**settings.PLUGINS, "DIRECTORIES": [tmp_path]}

        text = page.get("/settings/plugins/").content.decode()

        assert "spec.capabilities" in text and "is missing" in text and CANVAS in text

    @pytest.mark.parametrize("path", ["/connections/{}/", "/connections/{}/edit/", "/connections/{}/disconnect/"])
    def test_anothers_page_is_404(self, page: Any, stranger: Any, path: str) -> None:
        assert page.get(path.format(ConnectionFactory(owner=stranger).pk)).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/connections/", "/connections/{}/"])
def test_a_page_asks_as_many_queries_for_many_rows_as_for_few(
    path: str, page: Any, owner: Any, django_assert_max_num_queries: Callable[..., CaptureQueriesContext]
) -> None:
    first = ConnectionFactory(owner=owner)

    def add(count: int) -> None:
        for _ in range(count):
            connection = first if "{}" in path else ConnectionFactory(owner=owner)
            call = ActionCall.objects.create(owner=owner, connection=connection, action="get_courses")
            GatewayCall.objects.create(
                owner=owner, connection=connection, action_call=call, method="GET", host=DOMAIN, path="/x"
            )

    def count() -> int:
        with django_assert_max_num_queries(40) as captured:
            assert page.get(path.format(first.pk)).status_code == 200
        return len(captured)

    add(3)
    page.get(path.format(first.pk))
    few = count()
    add(10)

    assert count() == few


@pytest.mark.django_db
class TestApi:
    def test_the_registry_lists_what_is_installed(self, api: Any) -> None:
        canvas = next(item for item in api.get("/api/v1/plugins/").json() if item["name"] == CANVAS)

        assert canvas["is_usable"] and "get_courses" in [item["name"] for item in canvas["endpoints"]]
        assert api.get(f"/api/v1/plugins/{CANVAS}/").json()["version"] == canvas["version"]
        assert api.get("/api/v1/plugins/nothing/").status_code == 404

    @pytest.mark.parametrize("path", ["/api/v1/plugins/manifest-schema/", "/schemas/plugin-manifest-v1.json"])
    def test_the_manifests_schema_is_public(self, client: Any, path: str) -> None:
        assert client.get(path).json()["$id"].endswith("plugin-manifest-v1.json")

    def test_the_token_is_never_answered(self, api: Any, owner: Any) -> None:
        connection = ConnectionFactory(owner=owner)

        for path in ("/api/v1/connections/", f"/api/v1/connections/{connection.pk}/"):
            text = api.get(path).content.decode()
            assert connection.credential["token"] not in text and '"has_credential":true' in text

    def test_lists_are_the_owners(self, api: Any, owner: Any, stranger: Any) -> None:
        mine, other = ConnectionFactory(owner=owner), ConnectionFactory(owner=stranger)
        ActionCall.objects.create(owner=stranger, connection=other)

        assert [item["id"] for item in api.get("/api/v1/connections/").json()["results"]] == [mine.pk]
        assert api.get(f"/api/v1/connections/{other.pk}/calls/").status_code == 404
        assert api.get(f"/api/v1/connections/{other.pk}/actions/").status_code == 404

    def test_a_route_without_a_connection_says_so(self, api: Any) -> None:
        answer = api.get(f"/api/v1/plugins/{CANVAS}/courses/")

        assert (answer.status_code, answer.json()["code"]) == (409, "not_connected")

    def test_a_route_with_two_connections_asks_which(self, api: Any, owner: Any) -> None:
        ConnectionFactory.create_batch(2, owner=owner)

        assert api.get(f"/api/v1/plugins/{CANVAS}/courses").json()["code"] == "connection_ambiguous"

    @pytest.mark.parametrize("wanted", ["{}", "x", "-1", "99999999999999999999", ""])
    def test_another_students_connection_is_404(self, api: Any, owner: Any, stranger: Any, wanted: str) -> None:
        ConnectionFactory(owner=owner)
        other = ConnectionFactory(owner=stranger)

        assert api.get(f"/api/v1/plugins/{CANVAS}/courses?connection={wanted.format(other.pk)}").status_code == 404

    @pytest.mark.parametrize(
        ("path", "status"),
        [("courses?enrollment_state=gone", 422), ("courses?colour=1", 422), ("nothing", 404), ("courses/1/2/3", 404)],
    )
    def test_a_route_is_checked_against_the_manifest(self, api: Any, owner: Any, path: str, status: int) -> None:
        ConnectionFactory(owner=owner)

        assert api.get(f"/api/v1/plugins/{CANVAS}/{path}").status_code == status

    def test_the_wrong_method_is_405(self, api: Any, owner: Any) -> None:
        ConnectionFactory(owner=owner)

        assert api.post(f"/api/v1/plugins/{CANVAS}/courses", {}, format="json").status_code == 405

    def test_what_takes_longer_is_202_with_the_address_of_its_status(self, api: Any, owner: Any, settings: Any) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "PAGE_WAIT_S": 0.05}
        connection = ConnectionFactory(owner=owner)

        answer = api.get(f"/api/v1/plugins/{CANVAS}/courses")

        assert answer.status_code == 202
        status = api.get(answer["Location"])
        assert (status.status_code, status.json()["status"]) == (200, "pending")
        assert answer["Location"].startswith(f"/api/v1/connections/{connection.pk}/actions/")

    def test_every_endpoint_of_a_manifest_is_in_the_openapi_document(self, api: Any) -> None:
        document = api.get("/api/v1/schema/?format=json").json()

        operation = document["paths"][f"/api/v1/plugins/{CANVAS}/courses/{{course_id}}/assignments"]["get"]
        assert operation["operationId"] == "plugins_canvas_integration_get_assignments"
        assert {"course_id", "connection"} <= {parameter["name"] for parameter in operation["parameters"]}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_at_hand")
class TestRoutesOfTheManifest:
    def test_answer_with_the_plugins_data(self, api: Any, owner: Any, university: Any) -> None:
        ConnectionFactory.for_university(university, owner=owner)

        courses = api.get(f"/api/v1/plugins/{CANVAS}/courses?enrollment_state=active").json()
        assignments = api.get(f"/api/v1/plugins/{CANVAS}/courses/{courses[0]['id']}/assignments").json()

        assert len(courses) == 6 and assignments[0]["course_id"] == courses[0]["id"]

    def test_say_in_words_what_the_other_side_refused(self, api: Any, owner: Any, university: Any) -> None:
        connection = ConnectionFactory.for_university(university, owner=owner)
        university.revoke_tokens()

        answer = api.get(f"/api/v1/plugins/{CANVAS}/courses?connection={connection.pk}")

        assert (answer.status_code, answer.json()["code"]) == (502, "credential_rejected")
        assert "make a new one" in answer.json()["detail"]


@pytest.mark.django_db
def test_the_admin_shows_no_credential_and_changes_no_record(client: Any, staff: Any, owner: Any) -> None:
    connection = ConnectionFactory(owner=owner)
    call = ActionCall.objects.create(owner=owner, connection=connection, action="get_courses")
    client.force_login(staff)

    for path in ("connection/", f"connection/{connection.pk}/change/", "actioncall/", f"actioncall/{call.pk}/change/"):
        response = client.get(f"/admin/plugins/{path}")
        assert response.status_code == 200
        assert connection.credential["token"] not in response.content.decode()
    assert client.post(f"/admin/plugins/actioncall/{call.pk}/change/", {}).status_code == 403
