"""``hesuan witness``: a witness as an HTTP server, on the standard library and ``cryptography`` alone.

``POST /add-checkpoint`` and, for monitors, ``GET /<SHA-256 of the origin>/checkpoint``. Put a web server with
TLS in front of it; it keeps connections alive, answers several at once and reads nothing large.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

from hesuan.errors import HesuanError, InputFault, declare
from hesuan.wire import keys
from hesuan.wire.checkpoint import is_name
from hesuan.wire.cosignature import witness_key
from hesuan.wire.quorum import Policy, parse_policy
from hesuan.wire.witness import MAX_BODY_BYTES, Answer, Store, Witness

KEY_FILE = "witness-key.pem"
TIMEOUT_S = 30
DONE, WRONG = 0, 1

NO_POLICY = declare(
    "witness.policy_unreadable",
    en="The policy {file} cannot be read: {reason}. It names the logs to witness, one line `log <key>` each.",
    zh="无法读取策略文件 {file}：{reason}。该文件以“log <公钥>”逐行列出要见证的日志。",
)
NO_LOGS = declare(
    "witness.no_logs",
    en="The policy {file} names no log: there is nothing to witness.",
    zh="策略文件 {file} 未列出任何日志，没有可见证的内容。",
)
NOT_A_NAME = declare(
    "witness.not_a_name",
    en="`{name}` cannot name a witness: a name has no spaces and no plus sign, such as witness.example/w1.",
    zh="“{name}”不能作为见证方名称：名称不得含空格和加号，例如 witness.example/w1。",
)
CANNOT_LISTEN = declare(
    "witness.cannot_listen",
    en="Cannot listen on {address}: {reason}.",
    zh="无法监听 {address}：{reason}。",
)


class Server(ThreadingHTTPServer):
    """One witness behind an address."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, asks the witness, writes its answer."""

    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S
    server_version = "hesuan-witness"
    sys_version = ""
    server: Server

    def do_POST(self) -> None:
        """``add-checkpoint``."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a body of known length is needed\n"))
            return
        body = self.rfile.read(int(length))
        if self.path != "/add-checkpoint":
            self._answer(Answer(404, "POST goes to /add-checkpoint\n"))
            return
        self._answer(self.server.witness.add_checkpoint(body))

    def do_GET(self) -> None:
        """A monitor's question."""
        name, _, rest = self.path.removeprefix("/").partition("/")
        found = (
            self.server.witness.checkpoint(name) if rest == "checkpoint" else Answer(404, "no such file\n")
        )
        self._answer(found)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """One line a request, without what the other side wrote."""
        del format
        sys.stderr.write(f"{self.log_date_time_string()} {self.command} {args[1] if len(args) > 1 else ''}\n")

    def _answer(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(WRONG, f"{self.prog}: {message}\n")


def _parser(language: str) -> argparse.ArgumentParser:
    def said(en: str, zh: str) -> str:
        return zh if language == "zh" else en

    parser = _Parser(
        prog="hesuan witness",
        description=said(
            "Cosigns the checkpoints of logs as long as each continues the one before (C2SP tlog-witness)."
            " Made once, the key and what was seen stand in the folder.",
            "只要日志的检查点延续前一检查点，即予联署（C2SP tlog-witness）。密钥与已见检查点存于目录。",
        ),
    )
    parser.add_argument(
        "folder", type=Path, help=said("key and checkpoints seen", "存放密钥与已见检查点的目录")
    )
    parser.add_argument(
        "--name", required=True, help=said("such as witness.example/w1", "如 witness.example/w1")
    )
    parser.add_argument(
        "--policy",
        metavar="FILE",
        help=said(
            "the logs to witness (C2SP tlog-policy); without it only the witness's key is printed",
            "要见证的日志（C2SP tlog-policy）；不给出时仅打印见证方公钥",
        ),
    )
    parser.add_argument(
        "--listen", default="127.0.0.1:8091", metavar="HOST:PORT", help=said("address", "监听地址")
    )
    parser.add_argument("--lang", choices=["en", "zh"], default=language, help=said("language", "语言"))
    return parser


def main(argv: Sequence[str]) -> int:
    """The command; returns its exit code: 0, or 1 when it cannot start."""
    words = list(argv)
    language = words[1] if words[:1] == ["--lang"] else "en"
    arguments = _parser(language).parse_args(words)
    try:
        return _run(arguments)
    except HesuanError as error:
        sys.stderr.write(f"{error.sentence(arguments.lang)} [{error.code.name}]\n")
        return WRONG


def _run(arguments: argparse.Namespace) -> int:
    if not is_name(arguments.name):
        raise InputFault(NOT_A_NAME, name=ascii(arguments.name)[1:-1])
    arguments.folder.mkdir(parents=True, exist_ok=True)
    private = keys.load_or_create(arguments.folder / KEY_FILE)
    sys.stdout.write(f"{witness_key(arguments.name, private).text()}\n")
    sys.stdout.flush()
    if arguments.policy is None:
        return DONE
    logs = [log.key for log in read_policy(arguments.policy).logs]
    if not logs:
        raise InputFault(NO_LOGS, file=arguments.policy)
    witness = Witness(name=arguments.name, private=private, logs=logs, store=Store(arguments.folder))
    with _listen(arguments.listen, witness) as server:
        host, port = server.server_address[:2]
        sys.stderr.write(f"http://{host!s}:{port}/add-checkpoint\n")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return DONE
    return DONE


def read_policy(name: str) -> Policy:
    """Reads a policy file.

    Raises:
        InputFault: ``witness.policy_unreadable``, ``policy_file.malformed``, or a key that is none.
    """
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise InputFault(NO_POLICY, file=name, reason=error.strerror or str(error)) from None
    return parse_policy(data)


def _listen(address: str, witness: Witness) -> Server:
    host, _, port = address.rpartition(":")
    try:
        return Server((host or "127.0.0.1", int(port)), witness)
    except (OSError, ValueError, OverflowError) as error:
        raise InputFault(CANNOT_LISTEN, address=address, reason=str(error)) from None
