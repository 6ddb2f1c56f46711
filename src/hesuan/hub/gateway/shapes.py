"""What each kind of message must hold: one table, as in ``docs/reference/site-protocol.md``."""

from __future__ import annotations

from hesuan.hub.centres.shapes import (
    BENCHMARK,
    CAPACITY,
    CORES,
    DIGEST,
    DRAIN_STATE,
    INVENTORY,
    NAME,
    REPORT,
    RUN_STATES,
    Anything,
    Free,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    Plain,
    Record,
    Shape,
    Text,
    Time,
    Ulid,
    Whole,
)
from hesuan.wire import outputs

STATES = RUN_STATES
FINAL_STATES = ("COMPLETED", "FAILED", "KILLED", "TIMEOUT", "CANCELLED", "REFUSED")
LONGEST_BATCH = 100
LONGEST_WAIT_S = 25
LONGEST_LOG_PIECE = 256 * 1024

_EXIT_STATUS = Maybe(Whole(0, 255))
_SIGNAL = Maybe(Whole(1, 64))
_SIGNATURE = Text(100)
_REASON = Free(2000)

MOST_ATTEMPTS = 100
_ATTEMPT = Record(
    {
        "key": Text(200),
        "state": Text(100),
        "started_at": Time(),
        "ended_at": Time(),
        "wall_ms": Whole(),
        "core_s": Whole(),
        "card_s": Whole(),
        "node_s": Whole(),
        "memory_mib_s": Whole(),
        "energy_j": Maybe(Whole()),
        "raw": Free(4000),
        "raw_digest": DIGEST,
    }
)

MESSAGES: dict[str, Shape] = {
    "inventory": INVENTORY,
    "capacity": CAPACITY,
    "benchmark": BENCHMARK,
    "run_state": Record(
        {
            "run": Ulid(),
            "state": OneOf(STATES),
            "reason": Maybe(_REASON),
            "exit_status": _EXIT_STATUS,
            "signal": _SIGNAL,
            "at": Time(),
        }
    ),
    "usage": Record(
        {
            "run": Ulid(),
            "attempt": Whole(1, 1),
            "state": OneOf(FINAL_STATES),
            "exit_status": _EXIT_STATUS,
            "signal": _SIGNAL,
            "started_at": Maybe(Time()),
            "ended_at": Maybe(Time()),
            "wall_ms": Whole(),
            "cpu_ms": Whole(),
            "cores": CORES,
            "peak_memory_bytes": Whole(),
            "evidence": NAME,
            "result": MapOf(Plain()),
            "output_digest": Maybe(DIGEST),
            "accounting": ListOf(_ATTEMPT, longest=MOST_ATTEMPTS, shortest=1),
        },
        optional=frozenset({"accounting"}),
    ),
    "meter": Record({"run": Ulid(), "seq": Whole(1), "counter_ms": Whole(), "at": Time()}),
    "rebase": Record(
        {
            "run": Ulid(),
            "seq": Whole(1),
            "before_ms": Whole(),
            "counter_ms": Whole(),
            "reason": _REASON,
            "at": Time(),
        }
    ),
    "log": Record(
        {
            "run": Ulid(),
            "offset": Whole(),
            "text": Free(LONGEST_LOG_PIECE),
            "cut": Record({"at_bytes": Whole(), "total_bytes": Maybe(Whole())}),
        },
        optional=frozenset({"cut"}),
    ),
    "countersign": Record({"receipt": Ulid(), "digest": DIGEST, "signature": _SIGNATURE}),
    "countersign_refused": Record({"receipt": Ulid(), "reason": _REASON}),
    "drain_state": DRAIN_STATE,
    "report": REPORT,
    "heartbeat": Record({"running": ListOf(Ulid(), longest=10_000)}),
}
POLL = Record({"after": Whole(), "wait_s": Whole(0, LONGEST_WAIT_S)})
RECORDS = Record({"since": Time(), "until": Time(), "after": Maybe(Text(200))})
OUTPUT = Record(
    {
        "run": Ulid(),
        "bound_bytes": Whole(),
        "files_count": Whole(),
        "total_bytes": Whole(),
        "withheld": Maybe(OneOf(("bound", "changed", "too_many"))),
        "files": Maybe(
            ListOf(
                Record({"path": Free(outputs.LONGEST_LIST_BYTES), "bytes": Whole(), "sha256": Text(64)}),
                longest=outputs.MOST_FILES,
            )
        ),
    }
)
OUTPUT_PIECE = Record(
    {
        "run": Ulid(),
        "number": Whole(0, outputs.MOST_FILES),
        "offset": Whole(),
        "data": Free(outputs.PIECE_BYTES * 4 // 3 + 4),
    }
)
APP = Record({"command": Text(200)})
APP_PIECE = Record({"command": Text(200), "sha256": Text(64), "offset": Whole()})
INPUT = Record({"run": Ulid(), "sha256": Text(64), "offset": Whole()})
ENROL = Record({"code": Text(64), "name": NAME, "key": Text(100), "proof": _SIGNATURE})
BATCH = Record({"messages": ListOf(Anything(), longest=LONGEST_BATCH, shortest=1)})
"""What is inside each message is read by ``wire.messages``, and its signature checked, before its body."""
