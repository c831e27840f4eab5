"""The address book: which app answers where."""

from django.contrib import admin
from django.urls import include, path

from coreengine.kernel.api.roots import api_patterns

urlpatterns = [
    path("", include("coreengine.kernel.urls")),
    path("", include("coreengine.accounts.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("api/v1/", include((api_patterns(), "api"))),
    path("admin/", admin.site.urls),
]

for app, prefix in [("courses", ""), ("resources", ""), ("plugins", ""), ("agents", ""), ("workflows", "")]:
    urlpatterns.append(path(prefix, include(f"{app}.urls")))

handler400 = "coreengine.kernel.views.bad_request"
handler403 = "coreengine.kernel.views.permission_denied"
handler404 = "coreengine.kernel.views.not_found"
handler500 = "coreengine.kernel.views.server_error"

admin.site.site_header = "Core Engine"
admin.site.site_title = "Core Engine"
admin.site.index_title = "Administration"
