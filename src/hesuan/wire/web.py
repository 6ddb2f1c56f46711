"""A log's files over HTTP, with the standard library."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.request
import zlib
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from hesuan.errors import InputFault, Unavailable, declare

TIMEOUT_S = 20.0
MAX_FILE_BYTES = 256 * 65_537
"""A full bundle of the longest entries."""
MAX_ANSWER_BYTES = 65_536
"""Of a witness."""

NOT_AN_ADDRESS = declare(
    "web.not_an_address",
    en="`{url}` is not the address of a log: it begins with http:// or https:// and names a host.",
    zh="“{url}”不是日志地址：应以 http:// 或 https:// 开头并写明主机。",
)
NO_ANSWER = declare("web.no_answer", en="{url} did not answer: {reason}.", zh="{url} 未应答：{reason}。")


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
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310 - http(s), checked
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


def post(url: str, body: bytes, *, timeout_s: float) -> tuple[int, bytes]:
    """Status and body of an answer, whatever the status.

    Args:
        url: Where to.
        body: What to send.
        timeout_s: For connecting, and again for all of question and answer: however slowly the other side
            goes on, byte by byte, the connection is cut then.

    Raises:
        Unavailable: ``web.no_answer``.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise Unavailable(NO_ANSWER, url=url, reason="not http or https")
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "text/plain"})  # noqa: S310
    with _Deadline(timeout_s) as deadline:
        opener = urllib.request.build_opener(_Http(deadline), _Https(deadline))
        try:
            try:
                with opener.open(request, timeout=timeout_s) as answer:
                    return int(answer.status), bytes(answer.read(MAX_ANSWER_BYTES))
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read(MAX_ANSWER_BYTES)
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = deadline.said or str(getattr(error, "reason", error))
            raise Unavailable(NO_ANSWER, url=url, reason=reason) from None


class _Deadline:
    """Cuts every connection made under it once its time is over.

    A socket's own time limit begins anew with each byte: an answer of one byte a second never ends.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.said = ""
        self._watched: list[tuple[threading.Timer, socket.socket]] = []

    def __enter__(self) -> _Deadline:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        for timer, twin in self._watched:
            timer.cancel()
            timer.join()
            twin.close()

    def connect(self, *args: Any, **more: Any) -> socket.socket:
        """As :func:`socket.create_connection`."""
        made = socket.create_connection(*args, **more)
        twin = made.dup()  # the connection may be handed over to TLS, which takes the socket's number with it
        timer = threading.Timer(self.seconds, self._cut, [twin])
        timer.daemon = True
        self._watched.append((timer, twin))
        timer.start()
        return made

    def _cut(self, twin: socket.socket) -> None:
        self.said = f"not done after {self.seconds:g} s"
        with contextlib.suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        def connection(host: str, **more: Any) -> http.client.HTTPConnection:
            return _cut_by(self._deadline, http.client.HTTPConnection(host, **more))

        return self.do_open(connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        def connection(host: str, **more: Any) -> http.client.HTTPConnection:
            return _cut_by(self._deadline, http.client.HTTPSConnection(host, **more))

        return self.do_open(connection, req)


def _cut_by(deadline: _Deadline, made: http.client.HTTPConnection) -> http.client.HTTPConnection:
    made._create_connection = deadline.connect  # type: ignore[attr-defined]
    return made
