"""The texts of Slurm's reading commands, as Slurm 22.05 writes them; what is not there stays unknown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hesuan.agent.cards import CardGroup
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.slurm.tools import TIME_FORMAT
from hesuan.agent.survey import (
    IN_SERVICE,
    OUT_OF_SERVICE,
    UNKNOWN,
    Fabric,
    FreeQueue,
    Limit,
    Node,
    Qos,
    Queue,
    Switch,
)

_CARD = re.compile(r"([A-Za-z0-9_]+(?::[A-Za-z0-9_.\-]+)?):(\d+)")
_WORD = re.compile(r"(?:^|\s)([A-Z][A-Za-z_:]*)=(\S*)")
_OUT = {"DOWN", "DRAIN", "DRAINED", "DRAINING", "ERROR", "FAIL", "FAILING", "FUTURE", "INVAL",
        "INVALID_REG", "MAINT"}  # fmt: skip
_STARTS = re.compile(r"to start at (\S+) using")
_TIME = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")
_QUEUE_LIMITS = ("AllowAccounts", "AllowGroups", "AllowQos", "DefaultTime", "MaxCPUsPerNode", "MaxMemPerNode",
                 "MaxNodes", "MaxTime", "MinNodes", "QoS", "State")  # fmt: skip
ASSOCIATION = ("Account", "User", "Partition", "GrpJobs", "GrpTRES", "GrpSubmit", "GrpWall", "GrpTRESMins",
               "MaxJobs", "MaxTRES", "MaxTRESPerNode", "MaxSubmit", "MaxWall", "MaxTRESMins")  # fmt: skip
QOS = ("Name", "GrpJobs", "GrpSubmit", "GrpTRES", "GrpTRESMins", "GrpTRESRunMins", "GrpWall", "MaxJobsPA",
       "MaxJobsPU", "MaxSubmitPA", "MaxSubmitPU", "MaxTRES", "MaxTRESMins", "MaxTRESPA", "MaxTRESPerNode",
       "MaxTRESPU", "MaxWall", "MinTRES")  # fmt: skip
"""``PA``: of an account, ``PU``: of a user."""
_SPENT = re.compile(r"([^=,]+)=(N|\d+)\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Standing:
    """An account as the controller keeps it, TRES by TRES, in minutes."""

    limits: Mapping[str, int]
    """``GrpTRESMins``, where there is one."""
    used: Mapping[str, int]
    """What the controller counts against them."""
    running: Mapping[str, int]
    """What the jobs that run now may use yet, up to their time limits."""


def values(text: str) -> dict[str, str]:
    """``scontrol show config``: ``Name   = value`` a line."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, sign, value in pairs if sign}


def nodes(text: str, gres: Mapping[str, Resource]) -> list[Node]:
    """``scontrol show nodes -o``: one node a line, ``Name=value`` between blanks, the reason last."""
    return [_node(line, gres) for line in text.splitlines() if line.startswith("NodeName=")]


def queues(text: str) -> list[Queue]:
    """``scontrol show partition -o``: one a line."""
    found = []
    for line in text.splitlines():
        row = _row(line)
        if "PartitionName" in row:
            state = row.get("State", "")
            found.append(
                Queue(
                    name=row["PartitionName"],
                    state="open" if state == "UP" else "closed" if state else UNKNOWN,
                    is_default=row.get("Default") == "YES",
                    longest_s=seconds(row.get("MaxTime", "")),
                    nodes=_whole(row.get("TotalNodes", "")),
                    cores=_whole(row.get("TotalCPUs", "")),
                    limits={name: row[name] for name in _QUEUE_LIMITS if name in row},
                )
            )
    return found


def switches(text: str) -> list[Switch]:
    """``scontrol show topology -o`` of ``topology/tree``: one switch a line."""
    rows = [_row(line) for line in text.splitlines()]
    return [
        Switch(
            name=row["SwitchName"],
            level=_whole(row.get("Level", "")) or 0,
            nodes=row.get("Nodes", ""),
            switches=row.get("Switches", ""),
        )
        for row in rows
        if "SwitchName" in row
    ]


def blocks(text: str) -> Fabric | None:
    """``topology/block``, as ``scontrol show topology`` or as its ``topology.conf`` has it; None: no block.

    The controller tells ``BlockName=b1 BlockIndex=0 Nodes=n[1-4]``, from 24.11 on with ``BlockSize=4`` and
    with ``AggregatedBlock=b[1-2]`` of larger ones; the file ``BlockName=b1 Nodes=n[1-4]`` and
    ``BlockSizes=4,8``. Of a block that both name the first counts.
    """
    rows = [_row(line) for line in text.splitlines() if not line.lstrip().startswith("#")]
    told = {_whole(row.get("BlockSize", "")) for row in rows}
    for row in rows:
        told |= {_whole(one) for one in row.get("BlockSizes", "").split(",")}
    sizes = sorted(size for size in told if size)
    found: dict[str, Switch] = {}
    for row in rows:
        if name := row.get("BlockName", ""):
            found.setdefault(name, Switch(name, 0, row.get("Nodes", "")))
        elif name := row.get("AggregatedBlock", ""):
            size = _whole(row.get("BlockSize", ""))
            level = sizes.index(size) if size in sizes else 1
            found.setdefault(name, Switch(name, level, row.get("Nodes", ""), name))
    return Fabric(tuple(found.values()), tuple(sizes)) if found else None


def qos(text: str, names: Collection[str]) -> list[Qos]:
    """``sacctmgr -n -P show qos format=…``: those named, with the columns of ``QOS`` that say something."""
    rows = [dict(zip(QOS, cells, strict=True)) for cells in map(_cells, text.splitlines())
            if len(cells) == len(QOS)]  # fmt: skip
    return [
        Qos(row["Name"], {name: row[name] for name in QOS[1:] if row[name]})
        for row in sorted(rows, key=lambda row: row["Name"])
        if row["Name"] in names
    ]


def _cells(line: str) -> list[str]:
    return line.split("|")


def associations(text: str) -> list[Limit]:
    """``sacctmgr -n -P show assoc format=…``: the columns of ``ASSOCIATION``; an empty one is no limit."""
    found = []
    for line in text.splitlines():
        cells = line.split("|")
        if len(cells) == len(ASSOCIATION):
            row = dict(zip(ASSOCIATION, cells, strict=True))
            limits = {name: row[name] for name in ASSOCIATION[2:] if row[name]}
            found.append(Limit(row["Account"], row["User"], limits if set(limits) - {"Partition"} else {}))
    return found


def standing(text: str, *, account: str, cluster: str) -> Standing | None:
    """``scontrol -o show assoc_mgr``: the line of the account itself, ``GrpTRESMins=cpu=12(6),mem=N(70)``."""
    for line in text.splitlines():
        row = _row(line)
        told = (row.get("ClusterName"), row.get("Account"), row.get("UserName"))
        if told == (cluster, account.lower(), ""):
            minutes = _SPENT.findall(row.get("GrpTRESMins", ""))
            running = _SPENT.findall(row.get("GrpTRESRunMins", ""))
            return Standing(
                limits={name: int(most) for name, most, _ in minutes if most != "N"},
                used={name: int(used) for name, _, used in minutes},
                running={name: int(left) for name, _, left in running},
            )
    return None


def free_queues(text: str) -> list[FreeQueue]:
    """``sinfo -o '%R|%F|%C'``: name, nodes and cores as allocated/idle/other/total; rows of one add up."""
    sums: dict[str, list[int]] = {}
    for line in text.splitlines():
        match line.split("|"):
            case [name, nodes_, cores]:
                counts = [_whole(one) for one in (*nodes_.split("/"), *cores.split("/"))]
                known = [one for one in counts if one is not None]
                if len(known) == 8:
                    before = sums.setdefault(name, [0] * 8)
                    sums[name] = [a + b for a, b in zip(before, known, strict=True)]
    return [
        FreeQueue(
            name=name,
            nodes=one[3],
            nodes_idle=one[1],
            nodes_out=one[2],
            cores=one[7],
            cores_idle=one[5],
            cores_allocated=one[4],
        )
        for name, one in sums.items()
    ]


def allocated(
    text: str, names: Collection[str], gres: Mapping[str, Resource]
) -> tuple[Counter[str], frozenset[str]]:
    """Cards that jobs hold on these nodes, and of which chips the controller keeps count at all."""
    held: Counter[str] = Counter()
    counted: set[str] = set()
    for line in text.splitlines():
        row = _row(line)
        if row.get("NodeName") not in names:
            continue
        configured, used = _tres(row.get("CfgTRES", "")), _tres(row.get("AllocTRES", ""))
        for name in configured:
            known = gres.get(name)
            chip = known.card if known else name
            counted.add(chip)
            # A slice in use is a card that nobody else can have whole.
            held[chip] += -(-used.get(name, 0) // (known.slices if known else 1))
    return held, frozenset(counted)


def expected(said: str) -> tuple[datetime | None, str]:
    """What ``sbatch --test-only`` says of the start, in UTC; None with the reason where it says none."""
    found = _STARTS.search(said)
    try:
        if found:
            return datetime.strptime(found[1], TIME_FORMAT).replace(tzinfo=UTC), ""
    except ValueError:
        pass
    lines = said.strip().splitlines()
    return None, re.sub(r"^(?:sbatch: )?(?:error: )?", "", lines[-1]) if lines else "no word"


def seconds(text: str) -> int | None:
    """A time limit as Slurm writes it, ``2-12:00:00`` or ``30:00``; None for none, or what is no time."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest or None


def _node(line: str, gres: Mapping[str, Resource]) -> Node:
    fixed, _, reason = line.partition(" Reason=")
    row = _row(fixed)
    state = _state(row.get("State", ""))
    features = row.get("AvailableFeatures", "(null)")
    memory = _whole(row.get("RealMemory", ""))
    return Node(
        name=row["NodeName"],
        state=state,
        cores=_whole(row.get("CPUEfctv", "")) or _whole(row.get("CPUTot", "")) or 0,
        memory_bytes=memory * 2**20 if memory else None,
        cards=_cards(row.get("Gres", ""), gres),
        reason="" if state == IN_SERVICE else _reason(row.get("State", ""), reason),
        features=() if features == "(null)" else tuple(sorted(filter(None, features.split(",")))),
        queues=tuple(sorted(filter(None, row.get("Partitions", "").split(",")))),
    )


def _state(text: str) -> str:
    """``IDLE+DRAIN``, ``DOWN*``: the star says that the node does not answer."""
    words = set(text.rstrip("*$~#!%@^-").split("+"))
    if words & _OUT or text.endswith("*"):
        return OUT_OF_SERVICE
    return UNKNOWN if not text or "UNKNOWN" in words else IN_SERVICE


def _reason(state: str, reason: str) -> str:
    """The state's word and the operator's reason, without who wrote it and when."""
    said = re.sub(r"\s*\[[^\[\]]*@[^\[\]]*\].*$", "", reason)
    return f"{state}: {said}" if said else state


def _cards(text: str, gres: Mapping[str, Resource]) -> tuple[CardGroup, ...]:
    """``gpu:ascend910c:8(S:0-1)``: eight, by their catalogue's name where the site gives it."""
    found: Counter[str] = Counter()
    for name, count in _CARD.findall(re.sub(r"\([^)]*\)", "", text)):
        known = gres.get(name)
        found[known.card if known else name] += int(count) // (known.slices if known else 1)
    return tuple(CardGroup(name, count, None) for name, count in sorted(found.items()) if count)


def _tres(text: str) -> dict[str, int]:
    """``cpu=16,gres/gpu=8,gres/gpu:ascend910c=8``: generic resources by their names in ``gres``."""
    found = {}
    for one in text.split(","):
        name, sign, count = one.partition("=")
        if sign and name.startswith("gres/") and count.isdigit():
            found[name.removeprefix("gres/")] = int(count)
    return found


def _row(line: str) -> dict[str, str]:
    """``Name=value`` pairs; the first of a name counts."""
    row: dict[str, str] = {}
    for name, value in _WORD.findall(line):
        row.setdefault(name, value)
    return row


def _whole(text: str) -> int | None:
    digits = text.rstrip("+")
    return int(digits) if digits.isdigit() else None
