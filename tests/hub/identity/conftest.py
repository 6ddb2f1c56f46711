"""The issuer that single sign-on is tried against."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings
from tests.hub.identity.issuer import Issuer

from hesuan.hub.config.settings import single_sign_on


@pytest.fixture
def issuer(settings: Settings) -> Iterator[type[Issuer]]:
    """A running issuer, configured as the environment's three settings would."""
    cache.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Issuer.address = f"http://127.0.0.1:{server.server_port}"
    Issuer.person = {"sub": "248289761001", "preferred_username": "jia", "email": "jia@id.example"}
    Issuer.asked = []
    Issuer.claims = {}
    Issuer.forge, Issuer.gone = None, False
    Issuer.document = {}
    settings.SOCIALACCOUNT_PROVIDERS = single_sign_on(Issuer.address + "/", "hesuan", "its secret")
    yield Issuer
    server.shutdown()
    server.server_close()
