"""Addresses of the console's pages. Each page answers GET and POST at one address, so that the language
switch and the browser's reload always find it again."""

from __future__ import annotations

from django.urls import path

from hesuan.hub.console.views import account, home, soon

app_name = "console"

urlpatterns = [
    path("", home.page, name="home"),
    path("account/", account.page, name="account"),
    path("offerings/", soon.page, name="offerings"),
    path("quotes/", soon.page, name="quotes"),
    path("orders/", soon.page, name="orders"),
    path("programmes/", soon.page, name="programmes"),
    path("applications/", soon.page, name="applications"),
    path("vouchers/", soon.page, name="vouchers"),
    path("centres/", soon.page, name="centres"),
    path("log/", soon.page, name="log"),
]
