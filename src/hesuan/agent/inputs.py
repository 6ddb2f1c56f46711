"""Runs' input files: fetched from the hub piece by piece, kept by their digest, bounded, checked at each use.

::

    inputs/SHA256        a whole file, whose content had that digest when it came
    inputs/SHA256.part   what has come of one so far; its length is where the next piece begins

The agent's loop never waits for a file: a round fetches a piece or two and goes on, and runs that need no
file, or have theirs, are not held up. One run fetches at a time, the oldest first, so that the bound of the
cache holds one run's files whole; a run that is cancelled meanwhile is simply not asked for again, and what
came of its files is the first to go when room is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hesuan.agent import durable
from hesuan.agent.schedulers.contract import INPUT_DIFFERS, Input
from hesuan.agent.uplink import HUB_AWAY, BackOff, Uplink
from hesuan.errors import InputFault, Refused, Unavailable, declare
from hesuan.toml_table import Table

Answer = TypeVar("Answer")

PIECES_A_ROUND = 2
RUN_BYTES = 1024 << 20
"""What one run's files may have together, unless the site says otherwise."""
CACHE_BYTES = 4096 << 20
"""What all files kept here may have together, unless the site says otherwise."""

TOO_MUCH = declare(
    "agent.inputs_too_large",
    en="The run's input files have {size_bytes} bytes; this site takes {limit_bytes} for one run.",
    zh="该运行的输入文件共 {size_bytes} 字节；本站点每个运行至多接受 {limit_bytes} 字节。",
)

NOT_AN_INPUT_BOUND = declare(
    "agent.input_bound",
    en="`input_mib` is {run_mib} and `input_cache_mib` {cache_mib} [MiB]: what one run's input files may"
    " have, from 0, and what all that are kept may have, at least as much and at most {most}.",
    zh="“input_mib”为 {run_mib}，“input_cache_mib”为 {cache_mib} [MiB]：前者为每个运行的输入文件上限，"
    "不小于 0；"
    "后者为全部缓存的上限，不小于前者且至多 {most}。",
)
MOST_INPUT_MIB = 1 << 24


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a site takes of files."""

    run_bytes: int = RUN_BYTES
    cache_bytes: int = CACHE_BYTES


def read_bounds(top: Table) -> Bounds:
    """What a ``site.toml`` says of them above all its tables; a fault is left with the table."""
    run_mib = top.integer("input_mib", RUN_BYTES >> 20)
    cache_mib = top.integer("input_cache_mib", max(CACHE_BYTES >> 20, run_mib))
    if not 0 <= run_mib <= cache_mib <= MOST_INPUT_MIB:
        facts = {"run_mib": run_mib, "cache_mib": cache_mib, "most": MOST_INPUT_MIB}
        top.fault(InputFault(NOT_AN_INPUT_BOUND, where=top.where("input_mib"), **facts))
    return Bounds(run_mib << 20, cache_mib << 20)


@dataclass(slots=True)
class Inputs:
    """The input files of one site. ``fetch`` asks for a piece, by whose it is, SHA-256 and offset; ``pieces``
    are asked for in a round."""

    root: Path
    uplink: Uplink
    bounds: Bounds = field(default_factory=Bounds)
    clock: Callable[[], float] = time.monotonic
    fetch: Callable[[str, str, int], bytes] | None = None
    pieces: int = PIECES_A_ROUND
    _left: int = 0
    _fetching: str = ""
    _after: float = 0.0
    _back_off: BackOff = field(default_factory=BackOff)

    def begin_round(self) -> None:
        """A new round of the agent's loop: some pieces may be fetched again."""
        self._left, self._fetching = self.pieces, ""

    def ready(self, run: str, inputs: Sequence[Input]) -> bool:
        """Whether all files of a run are here; if not, fetches a piece or two of what is missing.

        Raises:
            Refused: ``agent.inputs_too_large``; ``agent.input_differs`` of a file that came whole and is not
                the one ordered; ``agent.hub_refused`` when the hub does not give it.
            Unavailable: ``agent.hub_away``.
        """
        whole = sum({one.sha256: one.size_bytes for one in inputs}.values())
        if whole > self.bounds.run_bytes:
            raise Refused(TOO_MUCH, size_bytes=whole, limit_bytes=self.bounds.run_bytes)
        missing = [one for one in inputs if not self._has(one)]
        if not missing:
            return True
        if self._fetching not in ("", run):
            return False
        self._fetching = run
        self._make_room({one.sha256 for one in inputs}, whole)
        for one in missing:
            while not self._has(one):
                if not self.may_ask():
                    return False
                self._fetch(run, one)
        return True

    def may_ask(self) -> bool:
        """Whether something more may be asked for in this round; it counts as asked."""
        if self._left <= 0 or self.clock() < self._after:
            return False
        self._left -= 1
        return True

    def carefully(self, ask: Callable[[], Answer]) -> Answer:
        """What the hub gives; when there is nothing to be had now, nobody asks again before some time has
        passed.

        Raises:
            Refused: ``agent.hub_refused``, the hub has no such thing.
            Unavailable: ``agent.hub_away``.
        """
        try:
            answer = ask()
        except Unavailable:
            self._after = self.clock() + self._back_off.next_s()
            raise
        except Refused as refused:
            if refused.facts.get("status") == 404:
                raise
            # Such as a clock that is wrong: waiting for it to be mended is no reason to refuse a run.
            self._after = self.clock() + self._back_off.next_s()
            sentence = refused.sentence("en")
            raise Unavailable(HUB_AWAY, hub=self.uplink.hub, problem=sentence) from None
        self._back_off.reset()
        return answer

    def here(self, inputs: Sequence[Input]) -> bool:
        """Whether all of some files are here."""
        return all(self._has(one) for one in inputs)

    def used(self, inputs: Sequence[Input]) -> None:
        """A run was given these files: they are the last to be let go."""
        for one in inputs:
            with contextlib.suppress(FileNotFoundError):
                os.utime(self.root / one.sha256)

    def distrust(self, inputs: Sequence[Input]) -> bool:
        """Removes those of some files whose content is not what it was; whether there were any."""
        altered = [one for one in inputs if _digest(self.root / one.sha256) not in ("", one.sha256)]
        for one in altered:
            (self.root / one.sha256).unlink(missing_ok=True)
        return bool(altered)

    def _has(self, one: Input) -> bool:
        try:
            return (self.root / one.sha256).stat().st_size == one.size_bytes
        except FileNotFoundError:
            return False

    def _fetch(self, run: str, one: Input) -> None:
        """Fetches the next piece of a file; the last one makes it whole, or shows that it is another."""
        part = self.root / f"{one.sha256}.part"
        offset = part.stat().st_size if part.exists() else 0
        if offset < one.size_bytes:
            data = self._ask(run, one, offset)
            offset += self._append(part, data)
        if offset < one.size_bytes and data:
            return
        if (found := _digest(part)) != one.sha256:
            part.unlink()
            raise Refused(INPUT_DIFFERS, path=one.path, found=found, ordered=one.sha256)
        part.rename(self.root / one.sha256)
        durable.sync_directory(self.root)

    def _ask(self, run: str, one: Input, offset: int) -> bytes:
        fetch = self.fetch or self.uplink.input_piece
        return self.carefully(lambda: fetch(run, one.sha256, offset))

    def _append(self, part: Path, data: bytes) -> int:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return len(data)

    def _make_room(self, needed: set[str], needed_bytes: int) -> None:
        """Lets the oldest unused files go until these have room beside the rest."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = [path for path in self.root.iterdir() if path.name.removesuffix(".part") not in needed]
        aged = sorted((path.stat().st_mtime_ns, path.name, path.stat().st_size) for path in others)
        over = sum(size for *_, size in aged) + needed_bytes - self.bounds.cache_bytes
        for _, name, size in aged:
            if over <= 0:
                return
            (self.root / name).unlink()
            over -= size


def _digest(path: Path) -> str:
    """The SHA-256 of a file; empty where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
