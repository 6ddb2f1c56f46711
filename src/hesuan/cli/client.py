"""The hub over HTTP: where it is, who asks, and its problems as sentence and code.

Address and token come from ``HESUAN_HUB`` and ``HESUAN_TOKEN``, else from the file of ``hesuan login``, which
its owner alone can read. A token never travels over plain HTTP, except to this machine.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from hesuan.cli.exits import Told
from hesuan.cli.language import accept_language
from hesuan.errors import Code, Faults, InputFault, Refused, Unavailable, declare

TRIES = 3
PAUSE_S = 0.5
TIMEOUT_S = 30.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")

VARIABLES = {
    "HESUAN_HUB": "address of the hub, https://…; default: the one of `hesuan login`",
    "HESUAN_TOKEN": "bearer token, hsn_…; default: the one of `hesuan login`, shown to its own hub alone",
    "XDG_CONFIG_HOME": "where `hesuan login` keeps its file, hesuan/login.json; default ~/.config",
}

NO_HUB = declare(
    "cli.no_hub",
    en="No hub is named. Set HESUAN_HUB and HESUAN_TOKEN, or run `hesuan login --hub URL --token -`.",
    zh="未指定平台。请设置 HESUAN_HUB 与 HESUAN_TOKEN，或运行 `hesuan login --hub URL --token -`。",
)
NOT_AN_ADDRESS = declare(
    "cli.not_an_address",
    en="`{hub}` is not the address of a hub; write it as https://hub.example.",
    zh="“{hub}”不是平台地址；请写成 https://hub.example 的形式。",
)
PLAIN_HTTP = declare(
    "cli.plain_http",
    en="{hub} is reached over plain HTTP; a token would travel in the open. Use https.",
    zh="{hub} 使用明文 HTTP，令牌会被窃听。请使用 https。",
)
LOGIN_OPEN = declare(
    "cli.login_open",
    en="{path} can be read by others (mode {mode}). Run `chmod 600 {path}`; if in doubt, make a new token.",
    zh="{path} 可被他人读取（权限 {mode}）。请运行 `chmod 600 {path}`；如有疑虑请更换令牌。",
)
LOGIN_BROKEN = declare(
    "cli.login_broken",
    en="{path} is not a login file. Run `hesuan login` again.",
    zh="{path} 不是有效的登录文件。请重新运行 `hesuan login`。",
)
NO_ANSWER = declare(
    "cli.no_answer",
    en="{hub} did not answer after {tries} tries: {reason}.",
    zh="{hub} 在 {tries} 次尝试后仍无应答：{reason}。",
)
NOT_A_HUB = declare(
    "cli.not_a_hub",
    en="{hub} answered {status} with something that is not from a Hesuan hub.",
    zh="{hub} 返回 {status}，内容并非来自合算平台。",
)


@dataclass(frozen=True, slots=True)
class Login:
    """Where the hub is and who asks."""

    hub: str
    token: str


def login_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The file of ``hesuan login``."""
    base = environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "hesuan" / "login.json"


def read_login(environ: Mapping[str, str] = os.environ) -> Login:
    """The login in force: the environment's, else the file's.

    Raises:
        Refused: ``cli.no_hub``, ``cli.login_open``, ``cli.login_broken``, ``cli.plain_http``.
        InputFault: ``cli.not_an_address``.
    """
    hub, token = environ.get("HESUAN_HUB", ""), environ.get("HESUAN_TOKEN", "")
    if not (hub and token):
        stored = _stored(login_path(environ))
        hub = hub or (stored.hub if stored else "")
        # A stored token belongs to its own hub and is shown to no other.
        token = token or (stored.token if stored and stored.hub == hub else "")
    if not hub or not token:
        raise Told(NO_HUB, status=401)
    return checked(Login(hub.rstrip("/"), token))


def checked(login: Login) -> Login:
    """The login, if its address can carry a token safely."""
    parts = urlsplit(login.hub)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputFault(NOT_AN_ADDRESS, hub=login.hub)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Refused(PLAIN_HTTP, hub=login.hub)
    return login


def store_login(login: Login, path: Path) -> None:
    """Writes the login for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = json.dumps({"hub": login.hub, "token": login.token}) + "\n"
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def _stored(path: Path) -> Login | None:
    if not path.exists():
        return None
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Refused(LOGIN_OPEN, path=path, mode=f"{mode:04o}")
    try:
        value = json.loads(path.read_text())
        return Login(str(value["hub"]), str(value["token"]))
    except (ValueError, KeyError, TypeError):
        raise Refused(LOGIN_BROKEN, path=path) from None


class Hub:
    """A hub's API as a person sees it. Network failures are tried again; a keyed request keeps its key."""

    def __init__(self, login: Login | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        self.login = login or read_login()
        self._http = httpx.Client(
            base_url=self.login.hub + "/api/v1/",
            timeout=TIMEOUT_S,
            transport=transport,
            headers={
                "Authorization": f"Bearer {self.login.token}",
                "Accept-Language": accept_language(),
                "User-Agent": "hesuan-cli",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON at an address."""
        return self._send("GET", path, params=query).json()

    def get_bytes(self, path: str) -> bytes:
        """Exactly the bytes at an address."""
        return self._send("GET", path).content

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes at an address as they come, asked for once; the caller looks whether they are whole."""
        try:
            with self._http.stream("GET", path) as response:
                if not response.is_success:
                    response.read()
                    raise self._problem(response)
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(NO_ANSWER, hub=self.login.hub, tries=1, reason=reason) from None

    def post(self, path: str, body: object | None = None, *, key: str = "") -> Any:
        """Sends JSON; ``key`` makes a repetition harmless."""
        headers = {"Idempotency-Key": key} if key else {}
        content = {} if body is None else {"json": body}
        return self._send("POST", path, headers=headers, **content).json()

    def patch_bytes(self, path: str, content: bytes, **query: str | int) -> Any:
        """Sends a piece of a file, once: whether a lost one arrived, the file itself tells."""
        headers = {"Content-Type": "application/octet-stream"}
        return self._send("PATCH", path, params=query, content=content, headers=headers).json()

    def delete(self, path: str) -> None:
        """Removes what is at an address."""
        self._send("DELETE", path)

    def items(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """Every row of a paged list."""
        cursor = ""
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = page["next"]

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        repeatable = method == "GET" or "Idempotency-Key" in request.get("headers", {})
        tries = TRIES if repeatable else 1
        for left in range(tries - 1, -1, -1):
            try:
                response = self._http.request(method, path, **request)
            except httpx.TransportError as error:
                if left == 0:
                    reason = str(error) or type(error).__name__
                    raise Unavailable(NO_ANSWER, hub=self.login.hub, tries=tries, reason=reason) from None
                time.sleep(PAUSE_S)
                continue
            if response.is_success:
                return response
            raise self._problem(response)
        raise AssertionError("unreachable")

    def _problem(self, response: httpx.Response) -> Told | Faults:
        """The hub's problem document as our error."""
        try:
            problem = response.json()
            code, detail = str(problem["code"]), str(problem["detail"])
        except (ValueError, KeyError, TypeError):
            return Told(NOT_A_HUB, status=502, hub=self.login.hub)
        faults = problem.get("faults") or []
        if faults:
            return Faults(_fault(fault) for fault in faults)
        return Told(_code(code, detail), status=response.status_code)


def _fault(fault: Mapping[str, Any]) -> InputFault:
    return InputFault(_code(str(fault["code"]), str(fault["detail"])), where=str(fault.get("where", "")))


def _code(name: str, sentence: str) -> Code:
    """A code as the hub told it: the sentence is already in our language and complete."""
    literal = sentence.replace("{", "{{").replace("}", "}}")
    return Code(name, literal, literal)
