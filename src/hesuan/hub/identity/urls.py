"""Account pages: allauth's, less those that would promise a message where the hub sends no mail,
and single sign-on with an ID token that is looked at."""

from __future__ import annotations

from allauth.account.urls import urlpatterns as account_pages
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from hesuan.hub.identity import single_sign_on

BY_MAIL = ("account_email", "account_confirm_email", "account_reset_password", "account_confirm_login_code")

urlpatterns: list[URLPattern | URLResolver] = [
    *(page for page in account_pages if settings.EMAIL_CONFIGURED or not page.name.startswith(BY_MAIL)),
    path("2fa/", include("allauth.mfa.urls")),
    path("3rdparty/", include("allauth.socialaccount.urls")),
    path("oidc/<str:provider_id>/login/", single_sign_on.login, name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", single_sign_on.callback, name="openid_connect_callback"),
]
