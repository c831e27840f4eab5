"""API addresses of people and tokens."""

from django.urls import path

from coreengine.accounts.api.views import ApiTokenViewSet, MeView
from coreengine.kernel.api.routers import ApiRouter

router = ApiRouter()
router.register("auth/tokens", ApiTokenViewSet, basename="api-token")

urlpatterns = [path("me/", MeView.as_view(), name="me")]
