"""What single sign-on fetches goes through the guarded door.

The issuer is the operator's setting, but the addresses of its tokens, people and keys stand in a document
that it serves: whoever holds the issuer would choose what this server asks for next. So allauth's session
gets one transport, :class:`Guarded`, and no other.
"""

from __future__ import annotations

import io
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import requests
from django.conf import settings
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from hesuan.errors import HesuanError
from hesuan.wire.door import Door, places

TIMEOUT_S = 10.0
MOST_BYTES = 1024**2
REDIRECTS = range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST)


class NotFetched(requests.RequestException):
    """Refused by the door, unreachable, or a redirect, which nobody follows."""


class Guarded(BaseAdapter):
    """Requests' transport through a :class:`Door`."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self.door = door

    def send(  # noqa: PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the signature of requests
        timeout: object = None,  # noqa: ARG002
        verify: bool | str = True,
        cert: object = None,  # noqa: ARG002
        proxies: object = None,  # noqa: ARG002
    ) -> requests.Response:
        """One request, judged; see the module.

        Raises:
            NotFetched: With the door's own sentence.
        """
        body = request.body.encode() if isinstance(request.body, str) else request.body
        try:
            answer = self.door.fetch(
                str(request.url),
                method=str(request.method),
                body=body if isinstance(body, bytes) else None,
                headers=_plain(request.headers),
                timeout_s=TIMEOUT_S,
                most_bytes=MOST_BYTES,
                tls=ssl.create_default_context(cafile=_authorities(verify)),
            )
        except HesuanError as error:
            raise NotFetched(error.sentence(), request=request) from error
        if answer.status in REDIRECTS:
            raise NotFetched(
                f"{request.url}: HTTP {answer.status}, a redirect is not followed", request=request
            )
        response = requests.Response()
        response.status_code, response.reason = answer.status, answer.reason
        response.headers = CaseInsensitiveDict(answer.headers)
        response.url, response.request = str(request.url), request
        response.raw = io.BytesIO(answer.body)
        return response

    def close(self) -> None:
        """Nothing stays open between requests."""


def session() -> requests.Session:
    """A session for the configured issuer alone."""
    made = requests.Session()
    made.mount("https://", Guarded(_door()))
    made.mount("http://", Guarded(_door()))
    return made


def _door() -> Door:
    apps: list[dict[str, Any]] = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
    environment = settings.ENVIRONMENT
    return Door(
        places(str(app["settings"]["server_url"]) for app in apps) | frozenset(environment.oidc_hosts),
        schemes=frozenset({"https"} if settings.PRODUCTION else {"http", "https"}),
        networks=environment.fetch_networks,
        setting="HESUAN_FETCH_NETWORKS / HESUAN_OIDC_HOSTS",
    )


def _plain(headers: Mapping[str, str | bytes]) -> dict[str, str]:
    """Headers as text, without the packing that nobody unpacks here."""
    told = {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in headers.items()
    }
    return told | {"Accept-Encoding": "identity"}


def _authorities(verify: bool | str) -> str:
    """The certificates that requests would trust: its own, or those of ``REQUESTS_CA_BUNDLE``."""
    return verify if isinstance(verify, str) else str(requests.utils.DEFAULT_CA_BUNDLE_PATH)
