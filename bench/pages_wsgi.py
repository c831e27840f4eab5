"""The project's WSGI application with the floor page, for granian."""

import os
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coreengine.settings.dev")

from django.conf import settings

settings.ROOT_URLCONF = "bench.pages_urls"
settings.TEMPLATES[0]["DIRS"] = [*settings.TEMPLATES[0]["DIRS"], settings.BASE_DIR / "bench" / "templates"]

application = import_module("coreengine.wsgi").application
