"""A time limit for all of a question and its answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any


class Deadline:
    """Cuts every connection made under it once its time is over.

    A socket's own time limit begins anew with each byte: an answer of one byte a second never ends.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.said = ""
        self._watched: list[tuple[threading.Timer, socket.socket]] = []

    def __enter__(self) -> Deadline:
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
