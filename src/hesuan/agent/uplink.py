"""The one door outward: JSON over HTTPS to the hub, always asked by us, never the other way.

A hub that is away is the normal case, not an error: every call raises ``Unavailable`` for that, and the
caller waits a little longer each time, with jitter, so that a hundred agents do not all return at once. What
the hub *refuses* is told apart: it will not get better by waiting.
"""

from __future__ import annotations

import random
import time
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, cast

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.agent.spool import Command
from hesuan.errors import Conflict, InputFault, NotFound, Refused, Unavailable, declare
from hesuan.wire import keys
from hesuan.wire.canonical import Json
from hesuan.wire.messages import ENROL_DOMAIN, Message, format_at, parse_at, seal

CONNECT_S = 10.0
ANSWER_S = 30.0
LARGEST_WAIT_S = 25
BATCH = 100
LARGEST_BATCH_BYTES = 512 << 10
SKEW_BOUND = timedelta(minutes=5)
BACK_OFF_FIRST_S = 0.5
BACK_OFF_LONGEST_S = 30.0

HUB_AWAY = declare(
    "agent.hub_away",
    en="The hub at {hub} did not answer ({problem}). Nothing is lost; it is asked again.",
    zh="平台 {hub} 没有应答（{problem}）。数据不会丢失，稍后会重试。",
)
HUB_REFUSED = declare(
    "agent.hub_refused",
    en="The hub refused this ({status} {problem}): {detail}",
    zh="平台拒绝了该请求（{status} {problem}）：{detail}",
)
NO_OUTPUT_THERE = declare(
    "agent.hub_takes_no_output",
    en="The hub at {hub} is older than this agent and takes no output files. They stay here; it is asked"
    " again later.",
    zh="平台 {hub} 的版本早于本代理，不接收输出文件。文件保留在本地，稍后会再询问。",
)
NUMBERS_DIFFER = declare(
    "agent.numbers_differ",
    en="The hub expects message {expected} of this agent, and the oldest one here is {oldest}. The spool or"
    " the hub was restored from an older state; enrol this site anew.",
    zh="平台期待本代理的第 {expected} 号消息，而此处最早为第 {oldest} 号。"
    "缓存或平台曾恢复到旧状态；请重新注册本站点。",
)
CLOCK_SKEW = declare(
    "agent.clock_skew",
    en="This machine's clock is {skew_s} s {direction} the hub's; at most {bound_s} s are accepted, because"
    " usage carries times. Set the clock (such as by NTP); until then no new run is started.",
    zh="本机时钟比平台{direction_zh} {skew_s} 秒；用量记录带有时间，最多允许 {bound_s} 秒。"
    "请校准时钟（如用 NTP）；在此之前不会启动新的运行。",
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the hub gave us for the one-time code."""

    agent: str
    centre: str


@dataclass(slots=True)
class BackOff:
    """How long to wait before the next try: doubling, with full jitter over its upper half."""

    failures: int = 0

    def next_s(self) -> float:
        """The wait after one more failure."""
        self.failures += 1
        longest = min(BACK_OFF_LONGEST_S, BACK_OFF_FIRST_S * 2.0 ** min(self.failures - 1, 10))
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """It worked."""
        self.failures = 0


@dataclass(slots=True)
class Uplink:
    """Calls to one hub. ``skew`` is the hub's clock less ours, as last measured; safe from threads.
    ``transport`` is what carries a request; None: the network."""

    hub: str
    private: Ed25519PrivateKey
    agent: str = ""
    skew: timedelta = timedelta(0)
    transport: httpx.BaseTransport | None = None
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S, read=ANSWER_S + LARGEST_WAIT_S)
        self._client = httpx.Client(
            base_url=self.hub, timeout=timeout, follow_redirects=False, transport=self.transport
        )

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def enrol(self, *, code: str, name: str) -> Enrolment:
        """Registers this site's public key with a one-time code.

        Raises:
            Unavailable: ``agent.hub_away``.
            Refused: ``agent.hub_refused``, such as a used code; ``agent.clock_skew``.
        """
        asked: dict[str, Json] = {"code": code, "key": keys.public_text(self.private), "name": name}
        proof = keys.sign(self.private, domain=ENROL_DOMAIN, value=asked)
        answer = self._post("/gateway/v1/enrol", {**asked, "proof": proof})
        self.check_clock()
        return Enrolment(agent=str(answer["agent"]), centre=str(answer["centre"]))

    def send(self, sealed: Sequence[tuple[int, dict[str, Json]]]) -> int:
        """Sends messages in order; returns the number through which the hub has stored them.

        Raises:
            Unavailable: ``agent.hub_away``.
            Conflict: ``agent.numbers_differ``, ``agent.hub_refused`` for a contradiction.
            Refused: ``agent.hub_refused``.
        """
        try:
            answer = self._post("/gateway/v1/messages", {"messages": [message for _, message in sealed]})
        except Conflict as conflict:
            facts = cast("dict[str, Any]", conflict.facts.get("facts") or {})
            if "expected_seq" in facts:
                expected, oldest = facts["expected_seq"], sealed[0][0]
                raise Conflict(NUMBERS_DIFFER, expected=expected, oldest=oldest) from None
            raise
        return int(answer["stored_through"])

    def poll(self, *, after: int, wait_s: int) -> list[Command]:
        """Asks for commands after a number, waiting at the hub for up to ``wait_s`` seconds.

        Raises:
            Unavailable: ``agent.hub_away``.
            Refused: ``agent.hub_refused``, ``agent.clock_skew``.
        """
        body: dict[str, Json] = {"after": after, "wait_s": min(wait_s, LARGEST_WAIT_S)}
        answer = self._ask("poll", "/gateway/v1/commands", body)
        return [
            Command(int(item["seq"]), str(item["id"]), str(item["kind"]), item["body"])
            for item in answer["commands"]
        ]

    def records(self, since: datetime, until: datetime) -> list[dict[str, Json]]:
        """The hub's attempts of this centre that ended from ``since`` on and before ``until``.

        Raises:
            Unavailable: ``agent.hub_away``.
            Refused: ``agent.hub_refused``, ``agent.clock_skew``.
        """
        found: list[dict[str, Json]] = []
        window: dict[str, Json] = {"since": format_at(since), "until": format_at(until)}
        after: str | None = None
        while True:
            answer = self._ask("records", "/gateway/v1/records", {**window, "after": after})
            found += answer["attempts"]
            after = answer["next"]
            if after is None:
                return found

    def output(self, kind: str, body: dict[str, Json]) -> dict[str, Any]:
        """Sends a list of a run's files (``output``), or a piece of one (``output_piece``).

        Raises:
            Unavailable: ``agent.hub_away``.
            NotFound: ``agent.hub_takes_no_output``: the hub is older than this agent.
            Conflict, Refused: ``agent.hub_refused``, ``agent.clock_skew``.
        """
        return self._ask(kind, f"/gateway/v1/{kind.replace('_', '-')}", body)

    def input_piece(self, run: str, sha256: str, offset: int) -> bytes:
        """A piece of one of a run's input files, from an offset; empty at its end.

        Raises:
            Unavailable: ``agent.hub_away``.
            Refused: ``agent.hub_refused``, ``agent.clock_skew``.
        """
        return self._piece("input", "/gateway/v1/inputs", {"run": run, "sha256": sha256, "offset": offset})

    def app_files(self, *, command: str) -> object:
        """The list of files of the application that a command names, as the hub says it.

        Raises:
            As :meth:`input_piece`.
        """
        return self._ask("app", "/gateway/v1/apps", {"command": command}).get("files")

    def app_piece(self, command: str, sha256: str, offset: int) -> bytes:
        """A piece of one of that application's files, from an offset; empty at its end.

        Raises:
            As :meth:`input_piece`.
        """
        body: dict[str, Json] = {"command": command, "sha256": sha256, "offset": offset}
        return self._piece("app_piece", "/gateway/v1/app-pieces", body)

    def _piece(self, kind: str, path: str, body: dict[str, Json]) -> bytes:
        answer = self._ask(kind, path, body)
        try:
            return b64decode(answer["data"], validate=True)
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(HUB_AWAY, hub=self.hub, problem=repr(error)[:200]) from None

    def _ask(self, kind: str, path: str, body: dict[str, Json]) -> dict[str, Any]:
        """A signed request that is answered and not stored; a wrong clock is told as such."""
        message = Message(agent=self.agent, seq=0, kind=kind, at=datetime.now(UTC), body=body)
        try:
            answer = self._post(path, seal(message, self.private))
        except Refused:
            self.check_clock()
            raise
        self.check_clock()
        return answer

    def check_clock(self) -> None:
        """Raises ``agent.clock_skew`` when our clock is too far from the hub's."""
        if abs(self.skew) <= SKEW_BOUND:
            return
        behind = self.skew > timedelta(0)
        raise Refused(
            CLOCK_SKEW,
            skew_s=round(abs(self.skew).total_seconds()),
            direction="behind" if behind else "ahead of",
            direction_zh="慢" if behind else "快",
            bound_s=round(SKEW_BOUND.total_seconds()),
        )

    def _post(self, path: str, document: dict[str, Json]) -> dict[str, Any]:
        before, began = datetime.now(UTC), time.monotonic()
        try:
            response = self._client.post(path, json=document)
            answer = response.json() if response.content else {}
        except (httpx.HTTPError, ValueError) as error:
            if isinstance(error, ValueError) and _is_no_address(response, path, {}):
                raise NotFound(NO_OUTPUT_THERE, hub=self.hub) from None
            raise Unavailable(HUB_AWAY, hub=self.hub, problem=repr(error)[:200]) from None
        self._measure(answer, response, before, time.monotonic() - began)
        if _is_no_address(response, path, answer):
            raise NotFound(NO_OUTPUT_THERE, hub=self.hub)
        if response.status_code != 200 or not isinstance(answer, dict):
            _refuse(self.hub, response, answer)
        return answer

    def _measure(self, answer: object, response: httpx.Response, before: datetime, took_s: float) -> None:
        """Takes the hub's clock from its answer.

        The hub wrote its time somewhere between our asking and its answer reaching us; the nearest of these
        to its word is assumed, so that a long poll is not taken for a wrong clock.
        """
        hub_time = _hub_time(answer, response)
        if hub_time is None:
            return
        after = before + timedelta(seconds=took_s)
        if hub_time < before:
            self.skew = hub_time - before
        else:
            self.skew = max(hub_time - after, timedelta(0))


def _is_no_address(response: httpx.Response, path: str, answer: object) -> bool:
    """Whether a hub from before output files was asked for some: 404, and none of the gateway's own."""
    has_code = isinstance(answer, dict) and bool(answer.get("code"))
    return response.status_code == 404 and path.startswith("/gateway/v1/output") and not has_code


def _hub_time(answer: object, response: httpx.Response) -> datetime | None:
    text = answer.get("hub_time") if isinstance(answer, dict) else None
    if isinstance(text, str):
        try:
            return parse_at(text)
        except InputFault:
            return None
    header = response.headers.get("date", "")
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None


def _refuse(hub: str, response: httpx.Response, answer: object) -> NoReturn:
    """Tells what will pass by waiting from what will not."""
    status = response.status_code
    if status >= 500 or status in (408, 425, 429):
        raise Unavailable(HUB_AWAY, hub=hub, problem=f"HTTP {status}")
    problem = answer if isinstance(answer, dict) else {}
    facts = problem.get("facts") if isinstance(problem.get("facts"), dict) else {}
    kind = Conflict if status == 409 else Refused
    raise kind(
        HUB_REFUSED,
        status=status,
        problem=problem.get("code", ""),
        detail=problem.get("detail", ""),
        facts=facts,
    )


def fitting(waiting: list[tuple[int, dict[str, Json]]]) -> list[tuple[int, dict[str, Json]]]:
    """As many of the oldest messages as fit into one request, at least one."""
    size, count = 0, 0
    for _, sealed in waiting:
        size += len(str(sealed))
        if count and size > LARGEST_BATCH_BYTES:
            break
        count += 1
    return waiting[:count]
