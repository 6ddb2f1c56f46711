"""The durable spool: what must reach the hub, and what the hub has asked, in one SQLite file.

Everything the agent promises passes through one of these transactions, each of which is on disk before it
returns (WAL, ``synchronous=FULL``):

- *outbox*: messages in gapless numbers, sealed once when they are put, so that every re-send is the same
  bytes. A message stays until the hub has stored it. A *once* key makes putting it a second time do nothing,
  also after the message itself is long gone: that is how a run has one usage however often the agent dies.
- *inbox*: commands, each kept once by its id, with the last number seen; done when what it asked has been
  done, in the same transaction as the messages that say so.
- *meta*: its own notes, such as whether this site drains.
- *runs*: what was last said of each run, how far its log was sent and whether that is all of it that
  travels, whether its files were sent (how far, the hub knows), its usage as sent; *meters*: what its counter
  showed last.

Above a bound of waiting messages the spool says that it is full: then the agent starts nothing new and leaves
logs where they are, on disk beside the run. States, usage and signatures are always taken.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.agent.schedulers.contract import RunState
from hesuan.errors import Refused, declare
from hesuan.wire.canonical import Json, canonical
from hesuan.wire.messages import Message, seal

FULL_AT = 5_000
"""Waiting messages above which nothing new is begun; a few megabytes, hours of a hub that is away."""

SPOOL_OF_ANOTHER = declare(
    "agent.spool_of_another",
    en="This spool belongs to agent {found}, not to {agent}. Give each agent its own data folder.",
    zh="该缓存属于站点代理 {found}，而非 {agent}。请为每个代理使用各自的数据目录。",
)

_SCHEMA = """
create table if not exists meta (key text primary key, value text not null) strict;
create table if not exists outbox (seq integer primary key, sealed text not null) strict;
create table if not exists once (key text primary key, seq integer not null) strict;
create table if not exists commands (
  id text primary key, seq integer not null, kind text not null, body text not null,
  received_at text not null, done_at text) strict;
create table if not exists runs (
  run text primary key, state text not null, log_offset integer not null default 0, usage text,
  ordered text not null, log_told integer not null default 0, output_told integer not null default 0) strict;
create table if not exists meters (
  run text primary key, seq integer not null, counter_ms integer not null) strict;
create table if not exists signed (run text primary key, receipt text not null, digest text not null) strict;
"""


_RUNS = "select run, state, log_offset, usage, ordered, log_told from runs"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the hub."""

    seq: int
    id: str
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KnownRun:
    """What this agent has last said of a run. ``usage`` is the body as sent, once there is one; ``order`` is
    what the command asked for, to compare with a receipt; empty where the run was refused."""

    run: str
    state: RunState
    log_offset: int
    usage: dict[str, Json] | None
    order: dict[str, Json]
    log_told: bool = False
    """Whether its log was put to its end, or to its bound."""

    @property
    def settled(self) -> bool:
        """Whether its end and its usage are told; some of its log may follow."""
        return self.state == RunState.REFUSED or (self.state.final and self.usage is not None)


@dataclass(slots=True)
class Spool:
    """The agent's memory. Safe from several threads; one process serves at a time (the agent holds a lock),
    and an operator's command may write beside it: a number is read in the transaction that uses it."""

    path: Path
    agent: str
    private: Ed25519PrivateKey
    full_at: int = FULL_AT
    _connection: sqlite3.Connection = field(init=False)
    _lock: threading.RLock = field(init=False, default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.path.chmod(0o600)
        self._connection.execute("pragma journal_mode=wal")
        self._connection.execute("pragma synchronous=full")
        self._connection.executescript(_SCHEMA)
        self._note_told("log_told")
        self._note_told("output_told")
        with self.transaction() as change:
            known = change.meta("agent")
            if known and known != self.agent:
                raise Refused(SPOOL_OF_ANOTHER, where=str(self.path), found=known, agent=self.agent)
            if not known:  # an agent that begins anew on a full disk writes nothing here
                change.set_meta("agent", self.agent)

    def _note_told(self, column: str) -> None:
        """In a spool from before something could follow an end, runs that have ended have told all of it."""
        columns = {name for _, name, *_ in self.rows("pragma table_info(runs)")}
        if column not in columns:
            with self.transaction() as change:
                change.execute(f"alter table runs add column {column} integer not null default 0")
                change.execute(f"update runs set {column} = 1 where usage is not null")  # noqa: S608 - ours

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Change]:
        """All of it or nothing; on disk when the block is left."""
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield Change(self)
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:  # SQLite has rolled back by itself when the disk is full
                    self._connection.execute("rollback")
                raise

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of one statement."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def put(self, kind: str, body: Mapping[str, Json], *, once: str = "") -> int | None:
        """Puts one message; see :meth:`Change.put`."""
        with self.transaction() as change:
            return change.put(kind, body, once=once)

    def waiting(self, limit: int) -> list[tuple[int, dict[str, Json]]]:
        """The oldest messages that the hub has not stored, with their numbers."""
        rows = self.rows("select seq, sealed from outbox order by seq limit ?", limit)
        return [(seq, json.loads(sealed)) for seq, sealed in rows]

    def waiting_count(self) -> int:
        """How many messages the hub has not stored."""
        return cast(int, self.rows("select count(*) from outbox")[0][0])

    def is_full(self) -> bool:
        """Whether nothing new should be begun."""
        return self.waiting_count() >= self.full_at

    def last_seq(self) -> int:
        """The number of the last message put; 0 before the first."""
        return int(self._meta("seq") or 0)

    def stored_through(self, seq: int) -> None:
        """Lets go of what the hub has stored."""
        with self.transaction() as change:
            change.execute("delete from outbox where seq <= ?", seq)

    def receive(self, commands: Sequence[Command]) -> int:
        """Keeps commands, each id once; returns how many were new."""
        with self.transaction() as change:
            return sum(change.receive(command) for command in commands)

    def last_command_seq(self) -> int:
        """The number of the last command kept; what to ask after."""
        return int(self._meta("command_seq") or 0)

    def open_commands(self) -> list[Command]:
        """Commands not done yet, oldest first."""
        rows = self.rows("select seq, id, kind, body from commands where done_at is null order by seq")
        return [Command(seq, id_, kind, json.loads(body)) for seq, id_, kind, body in rows]

    def runs(self) -> list[KnownRun]:
        """Every run that this agent has ever been asked for."""
        rows = self.rows(_RUNS + " order by run")
        return [_known(row) for row in rows]

    def run(self, run: str) -> KnownRun | None:
        """One run, or None."""
        rows = self.rows(_RUNS + " where run = ?", run)
        return _known(rows[0]) if rows else None

    def unsent_outputs(self) -> list[KnownRun]:
        """The runs that are told to their end and whose files are not, in the order they were asked for."""
        rows = self.rows(_RUNS + " where usage is not null and output_told = 0 order by rowid")
        return [_known(row) for row in rows]

    def signed(self, run: str) -> tuple[str, str] | None:
        """The receipt signed for a run, and its digest."""
        rows = self.rows("select receipt, digest from signed where run = ?", run)
        return cast("tuple[str, str]", rows[0]) if rows else None

    def _meta(self, key: str) -> str:
        rows = self.rows("select value from meta where key = ?", key)
        return str(rows[0][0]) if rows else ""


@dataclass(frozen=True, slots=True)
class Change:
    """The writes of one transaction."""

    spool: Spool

    def execute(self, sql: str, *values: object) -> int:
        """Runs one statement; returns how many rows it changed."""
        return self.spool._connection.execute(sql, values).rowcount

    def meta(self, key: str) -> str:
        """One of the spool's own notes; empty if there is none."""
        return self.spool._meta(key)

    def set_meta(self, key: str, value: str) -> None:
        """Writes one of the spool's own notes."""
        self.execute("insert or replace into meta values (?, ?)", key, value)

    def put(self, kind: str, body: Mapping[str, Json], *, once: str = "") -> int | None:
        """Numbers, seals and keeps a message; returns its number, or None if ``once`` was put before."""
        if once and self.spool.rows("select 1 from once where key = ?", once):
            return None
        seq = int(self.meta("seq") or 0) + 1
        message = Message(agent=self.spool.agent, seq=seq, kind=kind, at=datetime.now(UTC), body=body)
        sealed = canonical(seal(message, self.spool.private)).decode()
        self.execute("insert into outbox values (?, ?)", seq, sealed)
        self.set_meta("seq", str(seq))
        if once:
            self.execute("insert into once values (?, ?)", once, seq)
        return seq

    def last_state_at(self, run: str) -> str:
        """The latest time that a state of a run was told with; empty before the first."""
        begins = f"state:{run}:"
        rows = self.spool.rows("select key from once where key >= ? and key < ?", begins, begins[:-1] + ";")
        return max((key.removeprefix(begins).partition(":")[2] for (key,) in rows), default="")

    def receive(self, command: Command) -> bool:
        """Keeps a command unless its id is known; whether it was new."""
        last = int(self.meta("command_seq") or 0)
        self.set_meta("command_seq", str(max(last, command.seq)))
        now = datetime.now(UTC).isoformat()
        body = json.dumps(command.body, ensure_ascii=False)
        return bool(
            self.execute(
                "insert or ignore into commands values (?, ?, ?, ?, ?, null)",
                command.id,
                command.seq,
                command.kind,
                body,
                now,
            )
        )

    def done(self, command: Command) -> None:
        """Marks a command as done."""
        now = datetime.now(UTC).isoformat()
        self.execute("update commands set done_at = ? where id = ? and done_at is null", now, command.id)

    def know_run(self, run: str, *, state: RunState, order: Mapping[str, Json]) -> bool:
        """Notes a run at its first mention; whether it was new."""
        return bool(
            self.execute(
                "insert or ignore into runs (run, state, ordered) values (?, ?, ?)",
                run,
                state.value,
                json.dumps(order, ensure_ascii=False),
            )
        )

    def set_run(self, run: str, *, state: RunState, usage: Mapping[str, Json] | None = None) -> None:
        """Notes what was last said of a run; a usage record once noted stays."""
        text = None if usage is None else canonical(dict(usage)).decode()
        self.execute(
            "update runs set state = ?, usage = coalesce(usage, ?) where run = ?", state.value, text, run
        )

    def set_log_offset(self, run: str, offset: int) -> None:
        """Notes how far a run's log was put."""
        self.execute("update runs set log_offset = ? where run = ?", offset, run)

    def set_log_told(self, run: str) -> None:
        """Notes that nothing more of a run's log is to be put."""
        self.execute("update runs set log_told = 1 where run = ?", run)

    def set_output_told(self, run: str) -> None:
        """Notes that nothing more of a run's files is to be sent."""
        self.execute("update runs set output_told = 1 where run = ?", run)

    def meter(self, run: str) -> tuple[int, int]:
        """The last number that a run's counter was told under, and what it showed; 0 and 0 before."""
        rows = self.spool.rows("select seq, counter_ms from meters where run = ?", run)
        return cast("tuple[int, int]", rows[0]) if rows else (0, 0)

    def set_meter(self, run: str, *, seq: int, counter_ms: int) -> None:
        """Notes what a run's counter was told to show."""
        self.execute("insert or replace into meters values (?, ?, ?)", run, seq, counter_ms)

    def note_signed(self, run: str, *, receipt: str, fingerprint: str) -> None:
        """Notes the one receipt signed for a run."""
        self.execute("insert or ignore into signed values (?, ?, ?)", run, receipt, fingerprint)


def _known(row: tuple[Any, ...]) -> KnownRun:
    run, state, log_offset, usage, order, log_told = row
    used = json.loads(usage) if usage else None
    return KnownRun(run, RunState(state), log_offset, used, json.loads(order), bool(log_told))
