"""The API's doors for admins who install plugins."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from coreengine.accounts.services import create_api_token
from plugins.installing.models import PluginVersion
from plugins.installing.tests.conftest import Pack
from plugins.registry import find_plugin, get_manifest

pytestmark = pytest.mark.django_db
CANVAS = "canvas-integration"


@pytest.fixture
def admin_api(staff: Any) -> APIClient:
    _, secret = create_api_token(staff, name="tests", by=staff)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def upload(client: APIClient, pack: Pack, **spec: Any) -> Any:
    archive = SimpleUploadedFile("paper-box.tar.gz", pack(**spec).read_bytes())
    return client.post("/api/v1/plugin-versions/", {"archive": archive}, format="multipart")


def test_a_plugin_lives_its_whole_life_through_the_api(
    admin_api: APIClient, pack: Pack, django_capture_on_commit_callbacks: Any
) -> None:
    brought = upload(admin_api, pack)
    assert brought.status_code == 201 and brought.json()["is_proposal"]
    assert "capability:read_files" in [item["key"] for item in brought.json()["asks_for"]]
    address = brought["Location"]

    refused = admin_api.post(f"{address}install/", {}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "consent_needed")

    consent = admin_api.get(address).json()["consent"]
    with django_capture_on_commit_callbacks(execute=True):
        installed = admin_api.post(f"{address}install/", {"consent": consent}, format="json")
    assert installed.status_code == 200 and get_manifest("paper-box").version == "1.0.0"
    assert admin_api.get("/api/v1/plugins/paper-box/").json()["is_installed"]

    with django_capture_on_commit_callbacks(execute=True):
        off = admin_api.patch("/api/v1/installed-plugins/paper-box/", {"is_enabled": False}, format="json")
    assert off.json() == {"is_enabled": False}
    assert admin_api.get("/api/v1/plugins/paper-box/").json()["is_enabled"] is False

    assert admin_api.delete("/api/v1/installed-plugins/paper-box/").status_code == 422
    with django_capture_on_commit_callbacks(execute=True):
        gone = admin_api.delete("/api/v1/installed-plugins/paper-box/?confirm=paper-box")
    assert gone.json()["version_count"] == 1 and find_plugin("paper-box") is None


def test_a_proposal_is_thrown_away(admin_api: APIClient, pack: Pack) -> None:
    address = upload(admin_api, pack)["Location"]

    assert admin_api.delete(address).status_code == 204
    assert not PluginVersion.objects.exists()


def test_what_is_refused_is_told_at_its_field(admin_api: APIClient, pack: Pack) -> None:
    answer = upload(admin_api, pack, capabilities=["read_minds"])
    assert answer.status_code == 422 and "spec.capabilities[0]" in answer.json()["errors"]["archive"][0]

    uninstalled = admin_api.delete(f"/api/v1/installed-plugins/{CANVAS}/?confirm={CANVAS}")
    assert (uninstalled.status_code, uninstalled.json()["code"]) == (409, "not_installed_here")
    assert admin_api.patch("/api/v1/installed-plugins/none/", {"is_enabled": True}, format="json").status_code == 404


def test_a_student_may_none_of_it(api: APIClient, bring: Any, pack: Pack) -> None:
    version = bring()
    one = f"/api/v1/plugin-versions/{version.pk}/"

    assert upload(api, pack).status_code == 403
    assert api.get("/api/v1/plugin-versions/").status_code == 403
    for answer in (
        api.get(one),
        api.delete(one),
        api.post(f"{one}install/", {}, format="json"),
        api.post(f"{one}build/"),
    ):
        assert answer.status_code in {403, 404}
    assert api.patch("/api/v1/installed-plugins/paper-box/", {"is_enabled": False}, format="json").status_code == 403
    assert api.delete("/api/v1/installed-plugins/paper-box/?confirm=paper-box").status_code == 403
    assert api.get("/api/v1/plugins/paper-box/").status_code == 200
