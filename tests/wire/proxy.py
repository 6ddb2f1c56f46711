"""A TCP connection that misbehaves, between a test and a server of its own: T12's partial network."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

PATIENCE_S = 30
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Stands before a server on this machine.

    ``mode``: ``pass`` · ``reset``: the connection is reset · ``drip``: the answer comes byte by byte, each
    within the asker's patience · ``half_open``: the question is taken and nothing is ever said.
    """

    def __init__(self, port: int, *, between_bytes_s: float = 0.05) -> None:
        self.mode = "pass"
        self.answered: list[bytes] = []
        """What the asker was sent, connection by connection."""
        self.asked = 0
        """Connections made."""
        self._target, self._pause_s = port, between_bytes_s
        self._stopping = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> Proxy:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
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
            self.asked += 1
            thread = threading.Thread(target=self._serve, args=[asker])
            self._threads.append(thread)
            thread.start()

    def _serve(self, asker: socket.socket) -> None:
        sent = bytearray()
        with asker, suppress(OSError):
            asker.settimeout(PATIENCE_S)
            if self.mode == "reset":
                asker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                return
            answer = self._ask(_request(asker))
            if self.mode == "half_open":
                self._stopping.wait(PATIENCE_S)
                return
            try:
                for piece in [answer] if self.mode == "pass" else [bytes([one]) for one in answer]:
                    if self.mode == "drip" and self._stopping.wait(self._pause_s):
                        return
                    asker.sendall(piece)
                    sent += piece
            finally:
                self.answered.append(bytes(sent))

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self._target), PATIENCE_S) as server:
            server.sendall(request)
            return b"".join(iter(lambda: server.recv(65_536), b""))


def _request(asker: socket.socket) -> bytes:
    """One HTTP request with its body; ``Connection: close`` is what urllib asks for."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += asker.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += asker.recv(65_536)
    return head + b"\r\n\r\n" + body
