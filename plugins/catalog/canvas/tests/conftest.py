"""A university for the plugin's tests, and a host that runs the plugin as a child process against it."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from plugins.demo_university.testing import DOMAIN, running_university
from plugins.sdk.testkit import PluginAnsweredError, PluginKit

FOLDER = Path(__file__).parent.parent
TODAY = "2026-10-05"
OS, HCI = "4101", "10430000000000127"


@pytest.fixture(scope="session")
def server():
    with running_university(today=TODAY) as university:
        yield university


@pytest.fixture
def university(server):
    yield server
    server.reset()


@pytest.fixture
def kit(university) -> PluginKit:
    return PluginKit(
        FOLDER / "plugin.py",
        manifest=FOLDER / "plugin-manifest.yaml",
        config={"canvas_domain": DOMAIN, "sync_frequency": "daily", "include_concluded": False},
        token=university.token,
        hosts={DOMAIN: university.url},
    )


@pytest.fixture
def feed_kit(university) -> PluginKit:
    """The same student, connected by the address of the calendar feed: no token, no API."""
    return PluginKit(
        FOLDER / "plugin.py",
        manifest=FOLDER / "plugin-manifest.yaml",
        config={"canvas_domain": DOMAIN},
        authentication={"way": "feed", "type": "feed_url"},
        feed=f"https://{DOMAIN}/feeds/calendars/{university.university.feed_name}.ics",
        hosts={DOMAIN: university.url},
    )


@pytest.fixture(scope="session")
def manifest() -> dict:
    return yaml.safe_load((FOLDER / "plugin-manifest.yaml").read_text())


def refusal(kit: PluginKit, action: str, **params) -> PluginAnsweredError:
    with pytest.raises(PluginAnsweredError) as caught:
        kit.execute(action, **params)
    return caught.value


def assert_fits(manifest: dict, definition: str, records: list) -> None:
    schema = {"$ref": f"#/definitions/{definition}", "definitions": manifest["definitions"]}
    validator = jsonschema.Draft202012Validator(schema)
    for record in records:
        validator.validate(record)
