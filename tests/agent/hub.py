"""A small real hub for the agent's tests: an HTTP server that speaks the site protocol, and its levers.

It checks every signature and number as the real one must, keeps each message once, and can lose answers,
be away, deliver every command again, and live in another time.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hesuan.errors import HesuanError
from hesuan.wire import keys
from hesuan.wire.attempts import attempts
from hesuan.wire.canonical import canonical
from hesuan.wire.ids import new_id
from hesuan.wire.messages import ENROL_DOMAIN, format_at, open_sealed
from hesuan.wire.outputs import Listed, travelling

Answer = tuple[int, dict[str, Any]]


@dataclass
class StandInHub:
    """The hub's state. ``address`` is where it listens while ``serving``."""

    address: str = ""
    key: str = ""
    agent: str = field(default_factory=new_id)
    centre: str = field(default_factory=new_id)
    codes: set[str] = field(default_factory=lambda: {"CODE-1"})
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    takes_outputs: bool = True
    output_bytes: int = 1 << 40
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    pieces: dict[tuple[str, int], bytes] = field(default_factory=dict)
    changed: set[tuple[str, int]] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    """Input files by the SHA-256 they are asked by."""
    apps: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Lists of applications' files by the digest they are asked by; the files are among the others."""
    piece_bytes: int = 100
    fetched: list[tuple[str, int]] = field(default_factory=list)
    """Digest and offset of each piece that was given."""
    requests: int = 0
    polls: int = 0
    lose_answers: int = 0
    away: bool = False
    deliver_everything: bool = False
    """Every command again and again, the newest first."""
    clock: timedelta = timedelta(0)
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def command(self, kind: str, body: dict[str, Any], *, command_id: str = "") -> str:
        """Leaves a command for the agent; its id is returned."""
        command_id = command_id or f"{kind}:{new_id()}"
        with self.lock:
            seq = len(self.commands) + 1
            self.commands.append({"seq": seq, "id": command_id, "kind": kind, "body": body})
        return command_id

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the stored messages of a kind, in order."""
        with self.lock:
            stored = [self.messages[seq]["message"] for seq in sorted(self.messages)]
        return [message["body"] for message in stored if message["kind"] == kind]

    def states(self, run: str) -> list[str]:
        """The states told of a run, in order."""
        return [body["state"] for body in self.bodies("run_state") if body["run"] == run]

    def log(self, run: str) -> str:
        """The log told of a run, put together by its offsets."""
        pieces = sorted((b["offset"], b["text"]) for b in self.bodies("log") if b["run"] == run)
        return "".join(text for _, text in pieces)

    def until(self, happened: Any, *, timeout_s: float = 240) -> None:
        """Waits until something has happened; fails after a while."""
        deadline = time.monotonic() + timeout_s
        while not happened():
            assert time.monotonic() < deadline, f"never happened; problems: {self.problems}"
            time.sleep(0.02)

    def respond(self, path: str, document: dict[str, Any]) -> Answer:
        """What one request is answered with, at the hub's time; a refusal is an answer too."""
        self.requests += 1
        try:
            status, answer = self.answer(path, document)
        except HesuanError as error:
            status, answer = self._problem(403, error.code.name)
        if status == 200:
            answer["hub_time"] = format_at(datetime.now(UTC) + self.clock)
        return status, answer

    def answer(self, path: str, document: dict[str, Any]) -> Answer:
        """What one request is answered with."""
        if self.away:
            return 503, {}
        match path:
            case "/gateway/v1/enrol":
                return self._enrol(document)
            case "/gateway/v1/messages":
                return self._messages(document)
            case "/gateway/v1/commands":
                return self._commands(document)
            case "/gateway/v1/records":
                return self._records(document)
            case "/gateway/v1/output" if self.takes_outputs:
                return self._output(document)
            case "/gateway/v1/output-piece" if self.takes_outputs:
                return self._output_piece(document)
            case "/gateway/v1/inputs" | "/gateway/v1/app-pieces":
                return self._inputs(document)
            case "/gateway/v1/apps":
                return self._app(document)
        return 404, {}

    def _enrol(self, document: dict[str, Any]) -> Answer:
        proof = document.pop("proof")
        if not keys.verify(document["key"], domain=ENROL_DOMAIN, value=document, signature=proof):
            return self._problem(401, "centre.proof_invalid")
        if document["code"] not in self.codes and document["key"] != self.key:
            return self._problem(409, "centre.code_used")
        self.codes.discard(document["code"])
        self.key = document["key"]
        return 200, {"agent": self.agent, "centre": self.centre}

    def _messages(self, document: dict[str, Any]) -> Answer:
        with self.lock:
            for sealed in document["messages"]:
                message = open_sealed(sealed, self.key)
                if message.seq in self.messages:
                    if canonical(self.messages[message.seq]) != canonical(sealed):
                        return self._problem(409, "gateway.contradiction", seq=message.seq)
                    continue
                if message.seq != len(self.messages) + 1:
                    return self._problem(409, "gateway.gap", expected_seq=len(self.messages) + 1)
                self.messages[message.seq] = sealed
            return 200, {"stored_through": len(self.messages)}

    def _commands(self, document: dict[str, Any]) -> Answer:
        poll = open_sealed(document, self.key)
        if abs(datetime.now(UTC) + self.clock - poll.at) > timedelta(minutes=5):
            return self._problem(403, "gateway.poll_stale")
        self.polls += 1
        deadline = time.monotonic() + min(float(str(poll.body["wait_s"])), 0.5)
        after = 0 if self.deliver_everything else int(str(poll.body["after"]))
        while True:
            with self.lock:
                found = [command for command in self.commands if command["seq"] > after]
            if found or time.monotonic() > deadline:
                return 200, {"commands": found[::-1] if self.deliver_everything else found}
            time.sleep(0.02)

    def _output(self, document: dict[str, Any]) -> Answer:
        body: Any = open_sealed(document, self.key).body
        if not any(one["run"] == body["run"] for one in self.bodies("usage")):
            return 200, {"state": "later", "awaited": []}
        self.lists.setdefault(body["run"], body)
        listed = [Listed(one["path"], one["bytes"], one["sha256"]) for one in body["files"] or []]
        bound = min(self.output_bytes, body["bound_bytes"])
        got = {number: len(self.pieces.get((body["run"], number), b"")) for number in range(len(listed))}
        awaited = [
            {"number": number, "offset": got[number]}
            for number in sorted(travelling(listed, bound))
            if got[number] < listed[number].bytes and (body["run"], number) not in self.changed
        ]
        return 200, {"state": "taken", "awaited": awaited}

    def _output_piece(self, document: dict[str, Any]) -> Answer:
        body: Any = open_sealed(document, self.key).body
        place = (body["run"], body["number"])
        had, data = self.pieces.get(place, b""), base64.b64decode(body["data"])
        size = self.lists[body["run"]]["files"][body["number"]]["bytes"]
        if not data:
            self.changed.add(place)
        elif body["offset"] == len(had):
            self.pieces[place] = had = had + data
        left_out = "changed" if place in self.changed else None
        return 200, {"offset": len(had), "complete": len(had) == size, "left_out": left_out}

    def output(self, run: str) -> dict[str, bytes]:
        """The files that came of a run, by their names."""
        files = self.lists[run]["files"]
        return {files[number]["path"]: data for (of, number), data in self.pieces.items() if of == run}

    def _records(self, document: dict[str, Any]) -> Answer:
        body = open_sealed(document, self.key).body
        within = [one for one in self.records if str(body["since"]) <= one["ended_at"] < str(body["until"])]
        return 200, {"attempts": within, "next": None}

    def _inputs(self, document: dict[str, Any]) -> Answer:
        body: dict[str, Any] = dict(open_sealed(document, self.key).body)
        if body["sha256"] not in self.files:
            return self._problem(404, "gateway.input_not_found")
        self.fetched.append((body["sha256"], body["offset"]))
        whole = self.files[body["sha256"]]
        data = whole[body["offset"] : body["offset"] + self.piece_bytes]
        return 200, {"data": b64encode(data).decode(), "size_bytes": len(whole), "offset": body["offset"]}

    def _app(self, document: dict[str, Any]) -> Answer:
        asked = open_sealed(document, self.key).body["command"]
        command = next(one for one in self.commands if one["id"] == asked)
        listed = self.apps.get(command["body"]["app_digest"])
        if listed is None:
            return self._problem(404, "gateway.app_not_found")
        return 200, {"app": "said by nobody", "files": listed}

    def usages(self) -> list[dict[str, Any]]:
        """What a hub would keep of the usage it was sent."""
        bodies = self.bodies("usage")
        return [{**one, "run": body["run"]} for body in bodies for one in attempts(body)]

    def _problem(self, status: int, code: str, **facts: object) -> Answer:
        self.problems.append(code)
        return status, {"code": code, "detail": code, "facts": facts}


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        status, answer = self.hub.respond(self.path, json.loads(self.rfile.read(length)))
        if self.hub.lose_answers > 0:
            self.hub.lose_answers -= 1
            self.close_connection = True
            return
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(data)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() + self.hub.clock.total_seconds())

    def log_message(self, *_: object) -> None: ...


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *whom: Any) -> None:
        """An agent that goes away in the middle is no error of the hub."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*whom)


@contextlib.contextmanager
def serving(hub: StandInHub, port: int = 0) -> Iterator[StandInHub]:
    """Listens on a free port of this machine, or on a given one, until the block is left."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = _Server(("127.0.0.1", port), handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
