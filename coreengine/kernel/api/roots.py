"""Joins the API of all apps below /api/v1/."""

from importlib import import_module
from importlib.util import find_spec

from django.apps import apps
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


def api_patterns() -> list:
    """Collect `APP/api/urls.py` of every installed app: extra paths first, then its collections."""
    patterns: list = []
    for config in apps.get_app_configs():
        if config.name.startswith(("django", "rest_framework", "allauth", "drf_")):
            continue
        if find_spec(f"{config.name}.api") and find_spec(f"{config.name}.api.urls"):
            module = import_module(f"{config.name}.api.urls")
            patterns += list(getattr(module, "urlpatterns", []))
            if (router := getattr(module, "router", None)) is not None:
                patterns += router.urls
    if settings.API_DOCS:
        docs = SpectacularSwaggerSplitView.as_view(url_name="api:schema", template_name="kernel/api_docs.html")
        patterns += [
            path("schema/", login_not_required(SpectacularAPIView.as_view()), name="schema"),
            path("docs/", login_not_required(docs), name="docs"),
        ]
    return patterns
