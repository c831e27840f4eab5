"""Fixtures of the host's tests that these use too."""

from plugins.tests.conftest import worker_at_hand  # noqa: F401, a fixture
