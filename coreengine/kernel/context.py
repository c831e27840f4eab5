"""What the frame of every page needs."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel import screens
from coreengine.kernel.models import Notification


def _unread(owner: int) -> QuerySet[Any]:
    return Notification.objects.visible_to(owner_with(owner)).unread().as_count()


_UNREAD = KeptQuery(_unread, owner=int)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Give templates the navigation, the bell's count and the theme; nothing is queried until it is shown."""
    user = getattr(request, "user", None)
    return {
        "nav_main": screens.nav_items("main"),
        "nav_bottom": screens.nav_items("bottom"),
        "settings_pages": screens.settings_pages(),
        "unread_count": SimpleLazyObject(lambda: _UNREAD.total(owner=user.pk) if user and user.is_authenticated else 0),
        "theme": getattr(user, "theme", "system"),
        "is_development": settings.DEMO_ACCOUNTS,
        "product_version": settings.VERSION,
    }
