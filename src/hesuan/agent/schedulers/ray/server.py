"""Asking the head of a Ray cluster: JSON over HTTP, bounded in time and size, never by way of a proxy.

The address is inside the centre, and whoever may ask it may run anything there: what the operator put before
it wants headers, which are read anew for each question, so that a token can be changed while the agent runs.
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from hesuan.agent.schedulers.ray.settings import Settings
from hesuan.errors import Refused, Unavailable, declare

AWAY = declare(
    "agent.ray_away",
    en="Ray at {address} did not answer ({problem}). Nothing follows from that; it is asked again.",
    zh="{address} 的 Ray 没有应答（{problem}）。不据此作任何判断，稍后重试。",
)
SAID_NO = declare(
    "agent.ray_refused",
    en="Ray did not take the job: {problem}",
    zh="Ray 未接收该作业：{problem}",
)
HEADERS = declare(
    "agent.ray_headers",
    en="The file of headers {path} cannot be used: {problem}. It holds lines such as"
    " `Authorization: Bearer …` and is readable by the agent's user alone.",
    zh="请求头文件 {path} 无法使用：{problem}。"
    "文件每行一个请求头，如 `Authorization: Bearer …`，且只有代理的用户可读。",
)

LARGEST_BYTES = 64 << 20
LONGEST_LIST = "10000"
"""Ray gives no more at once, unless its operator has said otherwise."""
_OK, _BAD_REQUEST, _NOT_FOUND = 200, 400, 404
_HEADER = re.compile(r"([A-Za-z0-9-]+):[ \t]*(\S[\x20-\x7e]*)")


@dataclass(slots=True)
class Server:
    """The dashboard of one cluster, which serves the jobs too. Safe from threads."""

    settings: Settings
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx.Client(
            base_url=self.settings.address,
            timeout=self.settings.answer_s,
            verify=self._vouched(),
            trust_env=False,
            follow_redirects=False,
        )

    def read(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What stands under a path; None where there is nothing.

        Raises:
            Unavailable: ``agent.ray_away``: no answer, an error, or one that is too large.
        """
        status, data = self._call("GET", path, query=query)
        if status == _NOT_FOUND:
            return None
        if status != _OK:
            raise self._away(_status(status, data))
        return self._parsed(data)

    def state(self, kind: str, name: str = "", value: str = "") -> tuple[list[dict[str, Any]], bool]:
        """A list of the state API with all details: its rows, and whether they are all there are.

        Args:
            kind: ``nodes``, ``actors``, ``tasks``.
            name: The column that has to have the ``value``; empty: all rows.
            value: What it has to be.

        Raises:
            Unavailable: ``agent.ray_away``.
        """
        query = {"detail": "true", "limit": LONGEST_LIST}
        if name:
            query |= {"filter_keys": name, "filter_predicates": "=", "filter_values": value}
        answer = self.read(f"/api/v0/{kind}", query)
        try:
            found = answer["data"]["result"]
            rows = [row for row in found["result"] if isinstance(row, dict)]
            is_whole = int(found["num_filtered"]) == len(rows) and not found.get("partial_failure_warning")
            return rows, is_whole and int(found["num_after_truncation"]) == int(found["total"])
        except (KeyError, TypeError, ValueError):
            raise self._away(f"/api/v0/{kind}: {str(answer)[:200]}") from None

    def submit(self, body: Mapping[str, Any]) -> str:
        """Asks for a job under its submission id; one that is there already is the job.

        Raises:
            TimeoutError: whether it is there is not known.
            Refused: ``agent.ray_refused``: Ray answered that the request is none, and has no such job.
            Unavailable: ``agent.ray_away``: nobody let us in.
        """
        job = str(body["submission_id"])
        try:
            status, data = self._call("POST", "/api/jobs/", body=body)
        except Unavailable:
            raise TimeoutError from None
        if status == _OK:
            return job
        if status in (401, 403):
            raise self._away(_status(status, data))
        # Ray says that an id is taken in the words of an error of its own making: whether it is, we look.
        if self.job(job) is not None:
            return job
        if status == _BAD_REQUEST:
            raise Refused(SAID_NO, problem=_last_line(data))
        raise TimeoutError

    def job(self, job: str) -> dict[str, Any] | None:
        """A job by its submission id.

        Raises:
            Unavailable: ``agent.ray_away``.
        """
        found = self.read(f"/api/jobs/{job}")
        if found is not None and not isinstance(found, dict):
            raise self._away(f"{job}: {str(found)[:200]}")
        return found

    def stop(self, job: str) -> bool:
        """Asks for a job's end; whether anything was there to be ended.

        Raises:
            Unavailable: ``agent.ray_away``.
        """
        status, data = self._call("POST", f"/api/jobs/{job}/stop")
        if status == _NOT_FOUND:
            return False
        if status != _OK:
            raise self._away(_status(status, data))
        return self._parsed(data).get("stopped") is True

    def _call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None
    ) -> tuple[int, bytes]:
        headers, until_s = self._headers(), time.monotonic() + self.settings.answer_s
        try:
            with self._client.stream(method, path, params=query, json=body, headers=headers) as answer:
                data = bytearray()
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > LARGEST_BYTES or time.monotonic() > until_s:
                        raise self._away(f"{path}: {len(data)} bytes")
                return answer.status_code, bytes(data)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._away(type(error).__name__) from None

    def _vouched(self) -> ssl.SSLContext | bool:
        ca = self.settings.ca
        try:
            return ssl.create_default_context(cafile=str(ca)) if ca else True
        except OSError as error:  # an SSLError is one
            raise self._away(f"{ca}: {error.strerror}") from None

    def _headers(self) -> dict[str, str]:
        path = self.settings.headers
        if path is None:
            return {}
        try:
            if path.stat().st_mode & 0o077:
                raise Unavailable(HEADERS, path=path, problem="others may read it")
            lines = path.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(HEADERS, path=path, problem=type(error).__name__) from None
        found = {}
        for number, line in enumerate(lines, 1):
            read = _HEADER.fullmatch(line.rstrip())
            if read is None and line.strip():
                raise Unavailable(HEADERS, path=path, problem=f"line {number} is no header")
            if read is not None:
                found[read[1]] = read[2]
        return found

    def _parsed(self, data: bytes) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise self._away("no JSON") from None

    def _away(self, problem: str) -> Unavailable:
        return Unavailable(AWAY, address=self.settings.address, problem=problem)


def _status(status: int, data: bytes) -> str:
    return f"{status} {_last_line(data)}".strip()


def _last_line(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "no word"
