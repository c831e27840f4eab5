"""Installing: what is checked before, what consent is needed for, and what is left when something fails."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.exceptions import ValidationError

from coreengine.kernel.errors import NotAllowed
from coreengine.kernel.models import Event
from plugins.installing import services, shelf
from plugins.installing.building import tidy
from plugins.installing.errors import AlreadyInstalled, CannotInstall, ConsentNeeded, NotInstalledHere
from plugins.installing.models import InstalledPlugin, PluginVersion
from plugins.installing.tests.conftest import Pack, consent_of, plugin_files, tarball
from plugins.models import Connection
from plugins.registry import PluginOff, PluginUnknown, find_plugin, get_manifest, get_plugin
from plugins.services import call_action, request_sync
from plugins.tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db
CANVAS = "canvas-integration"


def running(name: str = "paper-box") -> str:
    return get_manifest(name).version


def events() -> list[str]:
    return list(Event.objects.filter(type__startswith="plugin.").order_by("pk").values_list("type", flat=True))


class TestAProposal:
    def test_is_kept_until_somebody_consents_and_runs_nothing(self, pack: Pack, staff: Any) -> None:
        version = services.propose(pack(), by=staff)

        assert version.is_proposal and (version.file_count, version.signed_by) == (2, "")
        assert find_plugin("paper-box") is None
        assert events() == ["plugin.proposed"]

    def test_replaces_the_one_before(self, pack: Pack, staff: Any) -> None:
        services.propose(pack(version="1.0.0"), by=staff)
        services.propose(pack(version="1.1.0"), by=staff)

        assert [version.version for version in PluginVersion.objects.all()] == ["1.1.0"]

    def test_is_for_admins(self, pack: Pack, owner: Any) -> None:
        with pytest.raises(NotAllowed):
            services.propose(pack(), by=owner)

    @pytest.mark.parametrize("name", [CANVAS, "install"])
    def test_cannot_take_a_name_that_is_taken(self, pack: Pack, staff: Any, name: str) -> None:
        with pytest.raises(CannotInstall):
            services.propose(pack(name), by=staff)

    def test_names_every_fault_of_the_manifest(self, pack: Pack, staff: Any) -> None:
        with pytest.raises(ValidationError) as refusal:
            services.propose(pack(capabilities=["read_minds"], colour=1), by=staff)

        assert len(refusal.value.message_dict["archive"]) == 2
        assert "spec.capabilities[0]" in " ".join(refusal.value.message_dict["archive"])

    def test_needs_a_program(self, tmp_path: Path, staff: Any) -> None:
        archive = tmp_path / "x.tar.gz"
        archive.write_bytes(tarball({"plugin-manifest.yaml": plugin_files()["plugin-manifest.yaml"]}))

        with pytest.raises(ValidationError, match=r"no plugin\.py"):
            services.propose(archive, by=staff)

    def test_that_fails_leaves_nothing(
        self, pack: Pack, staff: Any, install_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: Any, **kwargs: Any) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr(services, "record", broken)
        with pytest.raises(OSError, match="full"):
            services.propose(pack(), by=staff)

        assert not PluginVersion.objects.exists()
        assert [path for path in install_dir.rglob("*") if path.is_file()] == []


class TestWhereItComesFrom:
    @pytest.fixture
    def key(self, settings: Any) -> Ed25519PrivateKey:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        keys = {"library": base64.b64encode(b"\1" * 32).decode(), "faculty": base64.b64encode(public).decode()}
        settings.PLUGINS = {**settings.PLUGINS, "TRUSTED_KEYS": keys}
        return key

    @pytest.mark.parametrize("encode", [bytes, base64.b64encode, lambda raw: raw.hex().encode() + b"\n"])
    def test_a_signature_that_fits_names_who_signed(
        self, pack: Pack, staff: Any, key: Ed25519PrivateKey, encode: Callable[[bytes], bytes]
    ) -> None:
        archive = pack()

        version = services.propose(archive, by=staff, signature=encode(key.sign(archive.read_bytes())))

        assert version.signed_by == "faculty"

    @pytest.mark.parametrize("signature", [b"x" * 64, b"short", base64.b64encode(b"y" * 64)])
    def test_one_that_does_not_fit_is_refused(
        self, pack: Pack, staff: Any, key: Ed25519PrivateKey, signature: bytes
    ) -> None:
        with pytest.raises(ValidationError) as refusal:
            services.propose(pack(), by=staff, signature=signature)

        assert set(refusal.value.message_dict) == {"signature"}

    def test_a_signature_of_other_bytes_is_refused(self, pack: Pack, staff: Any, key: Ed25519PrivateKey) -> None:
        with pytest.raises(ValidationError, match="may have been changed"):
            services.propose(pack(), by=staff, signature=key.sign(b"another archive"))

    def test_an_installation_may_take_signed_ones_only(self, pack: Pack, staff: Any, settings: Any) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "REQUIRE_SIGNATURE": True}

        with pytest.raises(ValidationError, match="trusted key"):
            services.propose(pack(), by=staff)

    def test_a_checksum_is_compared_as_people_paste_it(self, pack: Pack, staff: Any) -> None:
        sha256 = services.propose(pack(), by=staff).sha256

        assert services.propose(pack(), by=staff, checksum=f" SHA256:{sha256.upper()}  paper-box.tar.gz\n")
        for wrong in ("0" * 64, "abc", sha256[:-1]):
            with pytest.raises(ValidationError) as refusal:
                services.propose(pack(), by=staff, checksum=wrong)
            assert set(refusal.value.message_dict) == {"checksum"}


class TestInstalling:
    def test_needs_consent_to_exactly_what_is_asked(self, pack: Pack, staff: Any) -> None:
        version = services.propose(pack(), by=staff)

        for consent in ("", "yes", consent_of(services.propose(pack(capabilities=["read_grades"]), by=staff))):
            version = services.propose(pack(), by=staff)
            with pytest.raises(ConsentNeeded):
                services.install(version, by=staff, consent=consent)
        assert find_plugin("paper-box") is None and not InstalledPlugin.objects.exists()

    def test_lets_every_process_see_it_at_once(self, bring: Any) -> None:
        version = bring()

        assert running() == "1.0.0" and find_plugin("paper-box").is_installed  # type: ignore[union-attr]
        assert version.permissions and not version.is_proposal
        assert events() == ["plugin.proposed", "plugin.installed"]

    def test_any_host_at_all_needs_its_own_yes(self, pack: Pack, staff: Any) -> None:
        version = services.propose(pack(security={"network_policy": "full"}), by=staff)

        with pytest.raises(ValidationError) as refusal:
            services.install(version, by=staff, consent=consent_of(version))
        assert set(refusal.value.message_dict) == {"full_network"}

    def test_an_upgrade_that_asks_for_no_more_needs_no_consent(self, bring: Any, pack: Pack, staff: Any) -> None:
        bring()

        assert services.install(services.propose(pack(version="1.1.0"), by=staff), by=staff)

    def test_an_upgrade_that_asks_for_more_needs_consent(self, bring: Any, pack: Pack, staff: Any) -> None:
        bring()
        version = services.propose(pack(version="1.1.0", capabilities=["read_files", "write_files"]), by=staff)

        with pytest.raises(ConsentNeeded):
            services.install(version, by=staff)
        assert running() == "1.0.0"

    def test_an_upgrade_takes_over_when_it_is_built(self, bring: Any, django_capture_on_commit_callbacks: Any) -> None:
        bring()
        version = bring(version="2.0.0")
        assert running() == "1.0.0"

        with django_capture_on_commit_callbacks(execute=True):
            services.take_over(version)

        assert running() == "2.0.0"

    def test_the_same_version_number_cannot_have_other_content(self, bring: Any, pack: Pack, staff: Any) -> None:
        bring()

        with pytest.raises(CannotInstall, match="another version number"):
            services.propose(pack(capabilities=["read_grades"]), by=staff)
        with pytest.raises(AlreadyInstalled):
            services.propose(pack(), by=staff)

    def test_one_can_go_back_to_an_earlier_version(
        self, bring: Any, staff: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        first = bring(capabilities=["read_files", "write_files"])
        second = bring(version="2.0.0")
        with django_capture_on_commit_callbacks(execute=True):
            services.take_over(second)

        with pytest.raises(ConsentNeeded):
            services.install(first, by=staff)
        with django_capture_on_commit_callbacks(execute=True):
            services.install(first, by=staff, consent=consent_of(first))
            services.take_over(first)

        assert running() == "1.0.0" and events()[-2:] == ["plugin.rolled_back", "plugin.took_over"]

    def test_only_the_last_versions_are_kept(self, bring: Any, install_dir: Path) -> None:
        for number in range(8):
            bring(version=f"1.{number}.0")

        kept = PluginVersion.objects.of("paper-box").installed()
        assert len(kept) <= services.VERSIONS_KEPT + 1 and "1.0.0" in {version.version for version in kept}
        assert len(list((install_dir / "versions").iterdir())) == len(kept)

    def test_files_that_were_changed_run_nowhere(self, bring: Any, pack: Pack, staff: Any, install_dir: Path) -> None:
        version = services.propose(pack(), by=staff)
        (install_dir / "versions" / version.digest / "plugin.py").write_text("import evil")

        with pytest.raises(CannotInstall, match="gone or changed"):
            services.install(version, by=staff, consent=consent_of(version))

    def test_a_version_changed_on_disk_is_listed_as_faulty(self, pack: Pack, bring: Any, install_dir: Path) -> None:
        version = bring("other-box")
        folder = install_dir / "versions" / version.digest
        (folder / "plugin.py").write_text("import evil")
        manifest = folder / "plugin-manifest.yaml"
        manifest.write_text(manifest.read_text() + "\n")

        with pytest.raises(PluginUnknown, match="not those that were installed"):
            get_plugin("other-box")
        assert get_manifest(CANVAS)


class TestSwitchingOff:
    def test_refuses_calls_in_words_and_keeps_connections(
        self, staff: Any, owner: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        connection = ConnectionFactory(owner=owner)
        with django_capture_on_commit_callbacks(execute=True):
            services.set_enabled(CANVAS, False, by=staff)

        result = call_action(connection, "get_courses", {}, by=owner)
        assert (result.success, result.error_code) == (False, "plugin_disabled")
        assert "switched off by an admin" in result.error
        with pytest.raises(PluginOff):
            get_plugin(CANVAS)
        with pytest.raises(Exception, match="switched off"):
            request_sync(connection, by=owner)
        connection.refresh_from_db()
        assert connection.manifest is not None and connection.health != Connection.Health.UNHEALTHY

        with django_capture_on_commit_callbacks(execute=True):
            services.set_enabled(CANVAS, True, by=staff)
        assert get_plugin(CANVAS).is_usable and events() == ["plugin.disabled", "plugin.enabled"]

    def test_is_for_admins_and_for_plugins_that_are_there(self, owner: Any, staff: Any) -> None:
        with pytest.raises(NotAllowed):
            services.set_enabled(CANVAS, False, by=owner)
        with pytest.raises(NotInstalledHere):
            services.set_enabled("nothing", False, by=staff)

    def test_twice_is_once(self, staff: Any) -> None:
        services.set_enabled(CANVAS, False, by=staff)
        services.set_enabled(CANVAS, False, by=staff)

        assert events() == ["plugin.disabled"]


class TestUninstalling:
    def test_removes_what_it_said_and_nothing_else(
        self, bring: Any, staff: Any, owner: Any, install_dir: Path, django_capture_on_commit_callbacks: Any
    ) -> None:
        bring()
        mine, other = ConnectionFactory(owner=owner, plugin="paper-box"), ConnectionFactory(owner=owner)
        assert services.removal_of("paper-box").connection_count == 1

        with django_capture_on_commit_callbacks(execute=True):
            removal = services.uninstall("paper-box", typed_name="paper-box", by=staff)

        assert (removal.connection_count, removal.student_count, removal.version_count) == (1, 1, 1)
        assert list(Connection.objects.all()) == [other] and mine.pk
        assert find_plugin("paper-box") is None and not PluginVersion.objects.exists()
        assert list((install_dir / "versions").iterdir()) == []
        assert "plugin.uninstalled" in events()
        assert Event.objects.filter(type="connection.removed").count() == 1

    def test_wants_the_name_typed(self, bring: Any, staff: Any) -> None:
        bring()

        for typed in ("", "paper", "Paper-Box"):
            with pytest.raises(ValidationError) as refusal:
                services.uninstall("paper-box", typed_name=typed, by=staff)
            assert set(refusal.value.message_dict) == {"name"}

    def test_what_ships_stays(self, staff: Any) -> None:
        with pytest.raises(NotInstalledHere, match="ships with Core Engine"):
            services.uninstall(CANVAS, typed_name=CANVAS, by=staff)

    def test_is_for_admins(self, bring: Any, owner: Any) -> None:
        bring()
        with pytest.raises(NotAllowed):
            services.uninstall("paper-box", typed_name="paper-box", by=owner)


class TestTidying:
    def test_what_was_decided_is_published_again(self, bring: Any, install_dir: Path) -> None:
        bring()
        (install_dir / shelf.STATE_NAME).write_text("{ half a fi")
        assert find_plugin("paper-box") is None or find_plugin("paper-box").is_usable  # type: ignore[union-attr]

        tidy()

        assert running() == "1.0.0"

    def test_proposals_of_yesterday_and_folders_of_nobody_go(self, pack: Pack, staff: Any, install_dir: Path) -> None:
        services.propose(pack(), by=staff)
        PluginVersion.objects.update(proposed_at="2020-01-01T00:00Z")
        (install_dir / "versions" / ("0" * 64)).mkdir()

        tidy()

        assert not PluginVersion.objects.exists() and list((install_dir / "versions").iterdir()) == []
