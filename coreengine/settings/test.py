"""Tests: as development, but quick to hash and with nothing shared with a running server."""

from coreengine.settings.base import MIDDLEWARE, PLUGINS, REST_FRAMEWORK
from coreengine.settings.dev import *

DEBUG = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ACCOUNT_RATE_LIMITS = False
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"user": None, "anon": None}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
WHITENOISE_AUTOREFRESH = False
WHITENOISE_USE_FINDERS = False
MIDDLEWARE = [m for m in MIDDLEWARE if not m.startswith("whitenoise")]
PLUGINS = {**PLUGINS, "INSTALL_DIR": None}  # what this machine's developer installed is no part of a test
