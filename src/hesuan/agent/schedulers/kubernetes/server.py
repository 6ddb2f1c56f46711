"""Asking the API server: JSON over HTTPS, bounded in time and size, never by way of a proxy.

What it answers with is a ``Status`` of its own where it refuses; anything else that is no success comes from
something in between, and nothing follows from it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from hesuan.agent.schedulers.kubernetes.access import Way, way
from hesuan.agent.schedulers.kubernetes.settings import Settings
from hesuan.errors import Refused, Unavailable, declare

AWAY = declare(
    "agent.kubernetes_away",
    en="Kubernetes at {address} did not answer ({problem}). Nothing follows from that; it is asked again.",
    zh="{address} 的 Kubernetes 没有应答（{problem}）。不据此作任何判断，稍后重试。",
)
SAID_NO = declare(
    "agent.kubernetes_refused",
    en="Kubernetes did not take the job: {problem}",
    zh="Kubernetes 未接收该作业：{problem}",
)

LARGEST_BYTES = 64 << 20
_PAGE = "500"
_SHORT = 500
_OK, _CREATED, _ACCEPTED = 200, 201, 202
_REFUSALS = (400, 403, 404, 413, 422)
_FORBIDDEN = 403
_RIGHT = re.compile(r"cannot \S+ (?:resource|path) .*")
_MERGE = "application/merge-patch+json"


class Denied(Unavailable):
    """The server knows the agent and does not let it do this: a rule is missing in its roles."""

    @property
    def right(self) -> str:
        """What it may not, in the server's own words: verb, resource and where."""
        said = str(self.facts.get("problem", ""))
        found = _RIGHT.search(said)
        return found[0] if found else said


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; ``document`` is empty where it was no JSON object."""

    status: int
    data: bytes

    @property
    def document(self) -> dict[str, Any]:
        """What it says."""
        try:
            found = json.loads(self.data)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def is_kubernetes_own(self) -> bool:
        """Whether the server itself refuses, and not something before it."""
        return self.document.get("kind") == "Status"

    @property
    def message(self) -> str:
        """Why, in one line."""
        said = str(self.document.get("message") or "") or self.data.decode("utf-8", "replace")
        return f"{self.status} {' '.join(said.split())[:_SHORT]}".strip()


@dataclass(slots=True)
class Server:
    """The API server of one cluster. Safe from threads."""

    settings: Settings
    _way: Way = field(init=False)
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._way = way(self.settings.access)
        self._client = httpx.Client(
            base_url=self._way.address,
            timeout=self.settings.answer_s,
            verify=self._way.tls,
            trust_env=False,
            follow_redirects=False,
        )

    @property
    def address(self) -> str:
        """Where it answers."""
        return self._way.address

    def read(self, path: str) -> dict[str, Any] | None:
        """An object; None where the server says that there is none.

        Raises:
            Unavailable: ``agent.kubernetes_away``: no answer, or one that is none.
        """
        answer = self._call("GET", path)
        if answer.status == 404 and answer.is_kubernetes_own:
            return None
        return self._good(answer)

    def items(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """A list, all pages of it.

        Raises:
            Denied: the agent may not list them.
            Unavailable: ``agent.kubernetes_away``.
        """
        found: list[dict[str, Any]] = []
        following = ""
        while True:
            asked = {**(query or {}), "limit": _PAGE} | ({"continue": following} if following else {})
            page = self._good(self._call("GET", path, query=asked))
            rows = page.get("items")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise self.away(f"{path}: no list")
            found += rows
            following = str((page.get("metadata") or {}).get("continue") or "")
            if not following:
                return found

    def text(self, path: str, query: Mapping[str, str]) -> bytes:
        """What is no JSON, such as a log; nothing where the server has none."""
        answer = self._call("GET", path, query=query)
        return answer.data if answer.status == _OK else b""

    def create(self, path: str, body: Mapping[str, Any]) -> bool:
        """Asks for an object under the name in it; False where one of that name is there already.

        Raises:
            TimeoutError: whether it is there is not known.
            Refused: ``agent.kubernetes_refused``: the server will not make it.
            Unavailable: ``agent.kubernetes_away``: the agent may not ask for it.
        """
        try:
            answer = self._call("POST", path, body=body)
        except Unavailable:
            raise TimeoutError from None
        if answer.status in (_OK, _CREATED, _ACCEPTED):
            return True
        if answer.status == 401:
            raise self.away(answer.message)
        if not answer.is_kubernetes_own:
            raise TimeoutError
        if answer.status == 409 and answer.document.get("reason") == "AlreadyExists":
            return False
        if answer.status == 403 and "cannot create resource" in answer.message:
            raise self.away(answer.message)
        if answer.status in _REFUSALS:
            raise Refused(SAID_NO, problem=answer.message)
        raise TimeoutError

    def change(self, path: str, body: Mapping[str, Any]) -> None:
        """Merges into an object; one that is gone is left gone.

        Raises:
            Unavailable: ``agent.kubernetes_away``.
        """
        answer = self._call("PATCH", path, body=body, kind=_MERGE)
        if not (answer.status == 404 and answer.is_kubernetes_own):
            self._good(answer)

    def delete(self, path: str, body: Mapping[str, Any]) -> None:
        """Asks for an object's end; one that is gone, or is another by now, is left alone.

        Raises:
            Unavailable: ``agent.kubernetes_away``.
        """
        answer = self._call("DELETE", path, body=body)
        if not (answer.status in (404, 409) and answer.is_kubernetes_own):
            self._good(answer)

    def away(self, problem: str) -> Unavailable:
        """That nothing follows from what was heard."""
        return Unavailable(AWAY, address=self.address, problem=problem)

    def _good(self, answer: Answer) -> dict[str, Any]:
        if answer.status == _FORBIDDEN and answer.is_kubernetes_own:
            raise Denied(AWAY, address=self.address, problem=answer.message)
        if answer.status not in (_OK, _CREATED, _ACCEPTED):
            raise self.away(answer.message)
        if not answer.document:
            raise self.away("no JSON")
        return answer.document

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        kind: str = "application/json",
    ) -> Answer:
        token, until_s = self._way.token(), time.monotonic() + self.settings.answer_s
        headers = {"Accept": "application/json, */*", "Content-Type": kind}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        content = json.dumps(body).encode() if body is not None else None
        try:
            with self._client.stream(method, path, params=query, content=content, headers=headers) as answer:
                data = bytearray()
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > LARGEST_BYTES or time.monotonic() > until_s:
                        raise self.away(f"{path}: {len(data)} bytes")
                return Answer(answer.status_code, bytes(data))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.away(type(error).__name__) from None
