"""The project's WSGI application with the floor page, for granian."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coreengine.settings.dev")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.ROOT_URLCONF = "bench.pages_urls"
settings.TEMPLATES[0]["DIRS"] = [*settings.TEMPLATES[0]["DIRS"], settings.BASE_DIR / "bench" / "templates"]
application = get_wsgi_application()
