"""Every address of the hub. Rooms add their own line here and nowhere else."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from hesuan.hub.api import site as api_site

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("hesuan.hub.identity.urls")),
    path("api/", include(api_site.urls())),
    path("gateway/v1/", include("hesuan.hub.gateway.urls")),
    path("", include("hesuan.hub.audit.urls")),
    path("i18n/language/", set_language, name="set_language"),
    path("", include("hesuan.hub.console.urls")),
]

handler404 = "hesuan.hub.console.views.pages.not_found"
handler500 = "hesuan.hub.console.views.pages.server_error"
