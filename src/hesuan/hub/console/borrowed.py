"""Texts of the account pages that come from allauth, worded in our catalogue so that they speak as the rest.

``LOCALE_PATHS`` stand above an application's own catalogue; naming a text here is enough.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

ACCOUNT_TEXTS = (
    gettext_noop("Two-Factor Authentication"),
    gettext_noop("Authenticator App"),
    gettext_noop("Sign Out"),
    gettext_noop("Are you sure you want to sign out?"),
    gettext_noop("Sign In"),
    gettext_noop("Sign Up"),
    gettext_noop("Email Addresses"),
    gettext_noop("Add Email Address"),
    gettext_noop("Add Email"),
    gettext_noop("Confirm Access"),
    gettext_noop("Please reauthenticate to safeguard your account."),
    gettext_noop("Recovery Codes"),
)
