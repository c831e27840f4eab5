"""Tests: as development, but quick to hash and with nothing shared with a running server."""

import os
from pathlib import Path

# Each of several processes of tests has its own servers: a snapshot of PostgreSQL sees the transactions of all its
# databases, and a channel of Redis is heard in all of them. The first process keeps the place that all others leave.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
if _worker != "gw0" and "VAR_DIR" in os.environ and Path(os.environ["VAR_DIR"]).name != _worker:
    os.environ["VAR_DIR"] = str(Path(os.environ["VAR_DIR"]) / _worker)

from coreengine.settings.base import MIDDLEWARE, PLUGINS, REST_FRAMEWORK  # noqa: E402, after the place is settled
from coreengine.settings.dev import *  # noqa: E402

DEBUG = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ACCOUNT_RATE_LIMITS = False
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"user": None, "anon": None}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
WHITENOISE_AUTOREFRESH = False
WHITENOISE_USE_FINDERS = False
MIDDLEWARE = [m for m in MIDDLEWARE if not m.startswith("whitenoise")]
PLUGINS = {**PLUGINS, "INSTALL_DIR": None}  # what this machine's developer installed is no part of a test
