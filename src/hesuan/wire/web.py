"""A log's files over HTTP, with the standard library, for a person who names the log.

Whoever runs ``hesuan verify`` may read a log at home or in an office's own network, so no address is refused
here as :mod:`hesuan.wire.door` refuses it to a server. The log's server, though, does not choose what this
machine asks for next: a redirect is followed to the same host alone, as from http to https.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
import zlib
from http.client import HTTPMessage
from typing import IO
from urllib.parse import urlsplit

from hesuan.errors import InputFault, Unavailable, declare
from hesuan.wire.door import NO_ANSWER, place

TIMEOUT_S = 20.0
MAX_FILE_BYTES = 256 * 65_537
"""A full bundle of the longest entries."""

NOT_AN_ADDRESS = declare(
    "web.not_an_address",
    en="`{url}` is not the address of a log: it begins with http:// or https:// and names a host.",
    zh="“{url}”不是日志地址：应以 http:// 或 https:// 开头并写明主机。",
)


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows a redirect within one host and takes any other for the answer."""

    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = place(req.full_url), place(newurl)
        if before is None or after is None or before[0] != after[0]:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_SameHost)


class Web:
    """The files below one address."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputFault(NOT_AN_ADDRESS, url=ascii(url)[1:-1][:200])
        self.url = url.rstrip("/")

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; ``None`` when the server says there is none.

        Raises:
            Unavailable: ``web.no_answer``.
        """
        return fetch(f"{self.url}/{path}")


def fetch(url: str, body: bytes | None = None, *, timeout_s: float = TIMEOUT_S) -> bytes | None:
    """What an address answers; ``None`` for 404 and 410.

    Raises:
        Unavailable: ``web.no_answer``.
    """
    request = urllib.request.Request(url, data=body, headers={"Accept-Encoding": "gzip, identity"})  # noqa: S310
    try:
        with _OPENER.open(request, timeout=timeout_s) as answer:
            data: bytes = answer.read(MAX_FILE_BYTES + 1)
            packed = answer.headers.get("Content-Encoding") == "gzip"
        if packed:
            data = zlib.decompressobj(31).decompress(data, MAX_FILE_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            return None
        raise Unavailable(NO_ANSWER, url=url, reason=f"HTTP {error.code}") from None
    except (OSError, zlib.error, ValueError, http.client.HTTPException, ssl.SSLError) as error:
        raise Unavailable(NO_ANSWER, url=url, reason=str(getattr(error, "reason", error))) from None
    if len(data) > MAX_FILE_BYTES:
        raise Unavailable(NO_ANSWER, url=url, reason=f"more than {MAX_FILE_BYTES} bytes")
    return data
