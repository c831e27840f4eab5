"""The pages of plugins: everybody may look, only admins change."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from plugins import reports
from plugins.installing import services
from plugins.installing.models import PluginVersion
from plugins.installing.tests.conftest import Pack, consent_of
from plugins.models import Connection
from plugins.registry import find_plugin, get_manifest
from plugins.reports import PluginReport, SandboxReport
from plugins.tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db
CANVAS = "canvas-integration"


@pytest.fixture
def admin_page(staff: Any) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def upload(client: Client, pack: Pack, *, signature: bytes = b"", checksum: str = "", **spec: Any) -> Any:
    archive = SimpleUploadedFile("paper-box.tar.gz", pack(**spec).read_bytes())
    data = {"archive": archive, "checksum": checksum}
    if signature:
        data["signature"] = SimpleUploadedFile("x.sig", signature)
    return client.post("/settings/plugins/install/", data)


def test_a_plugin_is_uploaded_read_consented_to_and_installed(
    admin_page: Client, pack: Pack, django_capture_on_commit_callbacks: Any
) -> None:
    answer = upload(admin_page, pack)
    version = PluginVersion.objects.get()
    assert answer.status_code == 302 and answer["Location"] == version.get_absolute_url()

    asked = admin_page.get(version.get_absolute_url()).content.decode()
    assert version.sha256 in asked and "unsigned" in asked and "Read files" in asked
    assert find_plugin("paper-box") is None

    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_page.post(version.get_absolute_url(), {"consent": consent_of(version)})
    assert answer.status_code == 302 and get_manifest("paper-box").version == "1.0.0"
    assert "waits for a plugin worker" in admin_page.get("/settings/plugins/paper-box/").content.decode()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"checksum": "0" * 64}, "not the one you were given"),
        ({"checksum": "abc"}, "64 hexadecimal digits"),
        ({"signature": b"s" * 64}, "fits none key"),
        ({"capabilities": ["read_minds"]}, "spec.capabilities[0]"),
    ],
)
def test_what_is_refused_is_told_at_its_field(
    admin_page: Client, pack: Pack, given: dict[str, Any], words: str
) -> None:
    answer = upload(admin_page, pack, **given)

    assert answer.status_code == 422 and words in answer.content.decode()
    assert not PluginVersion.objects.exists()


def test_any_host_at_all_has_a_box_of_its_own(admin_page: Client, pack: Pack) -> None:
    upload(admin_page, pack, security={"network_policy": "full"})
    version = PluginVersion.objects.get()
    assert 'name="full_network"' in admin_page.get(version.get_absolute_url()).content.decode()

    answer = admin_page.post(version.get_absolute_url(), {"consent": consent_of(version)})

    assert answer.status_code == 422 and "needs its own yes" in answer.content.decode()
    assert not PluginVersion.objects.installed().exists()


def test_an_upgrade_shows_what_changes(admin_page: Client, bring: Any, pack: Pack) -> None:
    bring(capabilities=["read_files", "read_grades"])
    upload(admin_page, pack, version="1.1.0", capabilities=["read_files", "write_files"])

    text = admin_page.get(PluginVersion.objects.proposed().get().get_absolute_url()).content.decode()

    assert "Version 1.0.0 becomes 1.1.0" in text
    assert text.index("It newly asks for") < text.index("Write files") < text.index("It no longer asks for")
    assert "<s>Read grades and submissions</s>" in text


def test_a_look_alike_is_pointed_out(admin_page: Client, pack: Pack) -> None:
    upload(admin_page, pack, name="canvas-lntegration")

    assert "is close to" in admin_page.get(PluginVersion.objects.get().get_absolute_url()).content.decode()


def test_a_build_that_failed_shows_the_builders_words(admin_page: Client, bring: Any) -> None:
    version = bring()
    PluginVersion.objects.update(image_state="failed", image_log="no space left on device")

    text = admin_page.get("/settings/plugins/paper-box/").content.decode()
    assert "could not be built" in text and "no space left on device" in text
    assert admin_page.post(f"/settings/plugins/versions/{version.pk}/build/").status_code == 302
    assert PluginVersion.objects.get().is_being_built


def test_a_plugin_is_switched_off_and_on(
    admin_page: Client, page: Client, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        admin_page.post(f"/settings/plugins/{CANVAS}/switch/", {"state": "off"})
    text = page.get(f"/settings/plugins/{CANVAS}/").content.decode()
    assert "Switched off" in text and "/connections/new/" not in text
    assert "switched off" in page.get("/settings/plugins/").content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        admin_page.post(f"/settings/plugins/{CANVAS}/switch/", {"state": "on"})
    assert get_manifest(CANVAS)


def test_a_plugin_is_said_to_run_nowhere_only_while_it_is_off(
    admin_page: Client, bring: Any, django_capture_on_commit_callbacks: Any
) -> None:
    """A worker's report may be older than the plugin, and than the switch."""
    report = SandboxReport("2026-01-01", "docker", True, {CANVAS: PluginReport("docker")})
    cache.set(reports._KEY, asdict(report), 60)
    bring()
    new, known = "/settings/plugins/paper-box/", f"/settings/plugins/{CANVAS}/"

    assert "Not known until a plugin worker has looked at it" in admin_page.get(new).content.decode()
    assert "In a container of its own" in admin_page.get(known).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        admin_page.post(f"{known}switch/", {"state": "off"})
    assert "Nowhere while it is switched off" in admin_page.get(known).content.decode()


def test_uninstalling_says_what_goes_and_wants_the_name(
    admin_page: Client, bring: Any, owner: Any, django_capture_on_commit_callbacks: Any
) -> None:
    bring()
    ConnectionFactory(owner=owner, plugin="paper-box")
    address = "/settings/plugins/paper-box/uninstall/"

    assert "1 connection of 1 student" in admin_page.get(address).content.decode()
    assert admin_page.post(address, {"name": "paper"}).status_code == 422
    with django_capture_on_commit_callbacks(execute=True):
        assert admin_page.post(address, {"name": "paper-box"}).status_code == 302
    assert not Connection.objects.exists() and find_plugin("paper-box") is None


def test_a_plugin_that_is_faulty_is_shown_with_its_fault(admin_page: Client, tmp_path: Any, settings: Any) -> None:
    (tmp_path / "folder" / "not a slug").mkdir(parents=True)
    (tmp_path / "folder" / "not a slug" / "plugin-manifest.yaml").write_text("kind: Plug\n")
    settings.PLUGINS = {**settings.PLUGINS, "DIRECTORIES": [tmp_path / "folder"]}

    text = admin_page.get("/settings/plugins/").content.decode()

    assert "not a slug" in text and "apiVersion" in text and CANVAS in text


class TestAStudent:
    def test_sees_what_plugins_may_do_and_no_way_to_change_it(self, page: Client, bring: Any) -> None:
        bring()

        for path in ("/settings/plugins/", "/settings/plugins/paper-box/", f"/settings/plugins/{CANVAS}/"):
            answer = page.get(path)
            assert answer.status_code == 200
            assert "Uninstall" not in answer.content.decode() and "Switch off" not in answer.content.decode()
            assert "/settings/plugins/install/" not in answer.content.decode()

    def test_cannot_change_anything(self, page: Client, bring: Any, pack: Pack) -> None:
        version = bring()

        assert page.get("/settings/plugins/install/").status_code == 403
        assert upload(page, pack).status_code == 403
        assert page.post("/settings/plugins/paper-box/switch/", {"state": "off"}).status_code == 403
        assert page.post("/settings/plugins/paper-box/uninstall/", {"name": "paper-box"}).status_code == 403
        for tail in ("", "discard/", "build/"):
            assert page.post(f"/settings/plugins/versions/{version.pk}/{tail}").status_code == 404
        assert get_manifest("paper-box") and services.removal_of("paper-box").version_count == 1
