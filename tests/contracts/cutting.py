"""A TCP proxy that cuts the link in the middle of what a test names: of a question, or of its answer."""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import ExitStack, suppress

PATIENCE_S = 30
RESET = struct.pack("ii", 1, 0)


class Cutter:
    """Stands before a server on this machine. Whoever sends something that matches is cut off."""

    def __init__(self, port: int) -> None:
        self.cut: re.Pattern[bytes] | None = None
        """What a question or its answer must hold to be cut; None: nothing is."""
        self.where, self.left, self.cuts = "question", 0, 0
        self._target = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def arm(self, cut: bytes, where: str, times: int) -> None:
        """Cuts the next ``times`` times: in the middle of the ``question``, or of the ``answer``, when the
        hub has done what it was asked."""
        self.where, self.left, self.cuts = where, times, 0
        self.cut = re.compile(cut)

    def __enter__(self) -> Cutter:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _accept(self) -> None:
        while True:
            try:
                asker, _ = self._socket.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=[asker]))
            self._threads[-1].start()

    def _serve(self, asker: socket.socket) -> None:
        """One question; then the connection ends, and the next comes by another."""
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(asker)
            asker.settimeout(PATIENCE_S)
            question = _message(asker)
            server = stack.enter_context(socket.create_connection(("127.0.0.1", self._target), PATIENCE_S))
            if self.where == "question" and self._is_cut(question):
                server.sendall(question[: len(question) * 2 // 3])
                _reset(server, asker)
                return
            server.sendall(question)
            answer = _message(server)
            if self.where == "answer" and self._is_cut(question + answer):
                asker.sendall(answer[: len(answer) * 2 // 3])
                _reset(server, asker)
                return
            asker.sendall(answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))

    def _is_cut(self, data: bytes) -> bool:
        if not self.left or self.cut is None or not self.cut.search(data):
            return False
        self.left -= 1
        self.cuts += 1
        return True


def _reset(*ends: socket.socket) -> None:
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.close()


def _message(end: socket.socket) -> bytes:
    """One HTTP message with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(end)
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    while len(body) < int(found[1] if found else 0):
        body += _more(end)
    return head + b"\r\n\r\n" + body


def _more(end: socket.socket) -> bytes:
    piece = end.recv(65_536)
    if not piece:
        raise ConnectionResetError
    return piece
