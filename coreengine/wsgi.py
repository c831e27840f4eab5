"""The WSGI entry point: pages and API."""

import gc
import os

from coreengine.settings.env import settings_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module())

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

application = get_wsgi_application()


def settle() -> None:
    """Load what every request needs, and keep the collector from walking through it for each of them.

    Of 250,000 objects nearly all live as long as the process: looking at them again cost a tenth of a page.
    """
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
    # What a page makes goes when it is answered; a pass for each 700 objects looked at them in vain.
    gc.set_threshold(20_000, 20, 20)


settle()
