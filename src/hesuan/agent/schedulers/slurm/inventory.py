"""What a Slurm cluster has, by its own word: nodes, cards, partitions, switches, limits; what is free now.

All of it is asked of the controller by reading commands. ``sbatch --test-only`` submits nothing; it does use
up a job's number each time.
"""

from __future__ import annotations

import os
import pwd
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from hesuan.agent.cards import CardGroup
from hesuan.agent.detect import Machine
from hesuan.agent.schedulers.slurm import reading
from hesuan.agent.schedulers.slurm.settings import Become, Settings
from hesuan.agent.schedulers.slurm.tools import Tools
from hesuan.agent.survey import (
    IN_SERVICE,
    Capacity,
    Extent,
    Fabric,
    FreeCards,
    Limit,
    Node,
    Qos,
    Queue,
    Start,
    Switch,
)
from hesuan.errors import Unavailable

TYPICAL_S = 3600
"""Time limit of the requests whose start is asked for, where the queue allows that much."""


def machine(tools: Tools, software: Mapping[str, str]) -> Machine:
    """The cluster as one machine: what one run can have at most, and all cards that are in service.

    Raises:
        Unavailable: ``agent.slurm_away``.
    """
    settings = tools.settings
    every = reading.nodes(tools.read("scontrol", "show", "nodes", "-o"), settings.gres)
    ours = [one for one in every if not settings.partition or settings.partition in one.queues]
    usable = [one for one in ours if one.state == IN_SERVICE]
    away = [f"{one.name} ({one.reason or one.state})" for one in ours if one not in usable]
    cards: Counter[str] = Counter()
    for one in usable:
        cards.update({card.chip: card.count for card in one.cards})
    config = reading.values(tools.read("scontrol", "show", "config"))
    return Machine(
        host=config.get("ClusterName", "slurm"),
        cores=max((one.cores for one in usable), default=1),
        memory_bytes=max((one.memory_bytes or 0 for one in usable), default=0) or None,
        cards=tuple(CardGroup(name, count, None) for name, count in sorted(cards.items())),
        software=software,
        notes=(f"Not in service: {', '.join(sorted(away))}.",) if away else (),
        extent=_extent(tools, every, config),
    )


def capacity(tools: Tools) -> Capacity:
    """What is free now, and when typical work would begin.

    Raises:
        Unavailable: ``agent.slurm_away``.
    """
    now = datetime.now(UTC)
    partition = ("-p", tools.settings.partition) if tools.settings.partition else ()
    free = reading.free_queues(tools.read("sinfo", "-h", *partition, "-o", "%R|%F|%C"))
    text = tools.read("scontrol", "show", "nodes", "-o")
    nodes = reading.nodes(text, tools.settings.gres)
    ours = [one for one in nodes if not tools.settings.partition or tools.settings.partition in one.queues]
    queues = reading.queues(tools.read("scontrol", "show", "partition", "-o"))
    return Capacity(
        at=now,
        queues=tuple(free),
        cards=tuple(_free_cards(text, ours, tools.settings)),
        starts=tuple(_starts(tools, ours, queues)),
    )


def _extent(tools: Tools, every: Iterable[Node], config: Mapping[str, str]) -> Extent:
    queues = reading.queues(tools.read("scontrol", "show", "partition", "-o"))
    has_books = config.get("AccountingStorageType", "").endswith("/slurmdbd")
    return Extent(
        nodes=tuple(every),
        queues=tuple(queues),
        topology=_topology(tools, config),
        limits=_limits(tools) if has_books else None,
        qos=_qos(tools, queues) if has_books else None,
    )


def _topology(tools: Tools, config: Mapping[str, str]) -> tuple[Switch, ...] | Fabric | None:
    """The tree, or the blocks, whose sizes a controller before 24.11 does not tell: its file does."""
    plugin = config.get("TopologyPlugin", "")
    if plugin.endswith("/tree"):
        return tuple(reading.switches(tools.read("scontrol", "show", "topology", "-o"))) or None
    if not plugin.endswith("/block"):
        return None
    told = tools.read("scontrol", "show", "topology")
    try:
        file = Path(config.get("SLURM_CONF", "")).with_name("topology.conf").read_text(errors="replace")
    except (OSError, ValueError):
        file = ""
    return reading.blocks(f"{told}\n{file}")


def _qos(tools: Tools, queues: Iterable[Queue]) -> tuple[Qos, ...] | None:
    """Those that our jobs can come under: of the users, of the queues, and the one that the site asks for."""
    words = ("sacctmgr", "-n", "-P", "show", "assoc", "format=QOS,DefaultQOS", "where")
    try:
        users = tools.read(*words, f"user={','.join(_users(tools))}") if _users(tools) else ""
        told = tools.read("sacctmgr", "-n", "-P", "show", "qos", f"format={','.join(reading.QOS)}")
    except Unavailable:
        return None
    names = {tools.settings.qos, *users.replace("|", ",").replace("\n", ",").split(",")}
    return tuple(reading.qos(told, {*names, *(one.limits.get("QoS", "") for one in queues)} - {""}))


def _users(tools: Tools) -> list[str]:
    """The users that jobs are submitted as."""
    return sorted({*tools.settings.users.values()} if tools.settings.become != Become.AGENT else {_own()})


def _limits(tools: Tools) -> tuple[Limit, ...] | None:
    """Of the users that jobs are submitted as, and of their accounts; None where the books do not answer."""
    users = _users(tools)
    words = ("sacctmgr", "-n", "-P", "show", "assoc", f"format={','.join(reading.ASSOCIATION)}", "where")
    try:
        theirs = reading.associations(tools.read(*words, f"user={','.join(users)}")) if users else []
        accounts = sorted({one.account for one in theirs})
        shared = reading.associations(tools.read(*words, f"account={','.join(accounts)}")) if accounts else []
    except Unavailable:
        return None
    return tuple(one for one in (*(row for row in shared if not row.user), *theirs) if one.limits)


def _own() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _free_cards(text: str, nodes: Iterable[Node], settings: Settings) -> Iterable[FreeCards]:
    """By the controller's count of what is allocated, where it counts this kind at all."""
    names = {one.name for one in nodes if one.state == IN_SERVICE}
    held, counted = reading.allocated(text, names, settings.gres)
    total: Counter[str] = Counter()
    for one in nodes:
        if one.name in names:
            total.update({card.chip: card.count for card in one.cards})
    for chip, count in sorted(total.items()):
        yield FreeCards(chip, count, held[chip] if chip in counted else None)


def _starts(tools: Tools, nodes: Iterable[Node], queues: Iterable[Queue]) -> Iterable[Start]:
    """One core; then, of each kind of card the site maps, one, and as many as a node has."""
    settings = tools.settings
    used = [one for one in queues if one.name == settings.partition or (
        not settings.partition and one.is_default)]  # fmt: skip
    queue = used[0] if used else None
    limit_s = min(TYPICAL_S, (queue.longest_s if queue else None) or TYPICAL_S)
    yield _start(tools, queue, limit_s, "", 0)
    largest: Counter[str] = Counter()
    for node in nodes:
        for card in node.cards:
            largest[card.chip] = max(largest[card.chip], card.count)
    for name, known in sorted(settings.gres.items()):
        for count in sorted({1, largest[known.card]} - {0}) if largest[known.card] else ():
            yield _start(tools, queue, limit_s, name, count)


def _start(tools: Tools, queue: Queue | None, limit_s: int, gres: str, count: int) -> Start:
    settings = tools.settings
    words = ["--ntasks=1", "--cpus-per-task=1", "--nodes=1", f"--time={max(1, limit_s // 60)}"]
    words += [f"--partition={settings.partition}"] if settings.partition else []
    words += [f"--qos={settings.qos}"] if settings.qos else []
    organisation = min(settings.users, default="") if settings.become != Become.AGENT else ""
    account = settings.accounts.get(organisation or min(settings.accounts, default=""), "")
    words += [f"--account={account}"] if account else []
    card = settings.gres.get(gres)
    words += [f"--gres={gres}:{count * card.slices}"] if card else []
    said = tools.foresee(words, user=settings.users.get(organisation, ""))
    expected, reason = reading.expected(said)
    return Start(
        queue=queue.name if queue else settings.partition,
        cores=1,
        card=card.card if card else "",
        cards=count,
        time_limit_s=limit_s,
        expected_at=expected,
        reason=reason,
    )
