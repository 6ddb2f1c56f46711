"""Limits of Slurm's accounts, kept in step with the runs that were paid for; off unless the site asks.

What this site knows of money is the runs that it is given: each was paid for up to a bound, its time limit
times what it holds. So an account may use what Slurm has counted for it already, what its running jobs still
may use, and the bounds of our runs that wait; no more. That is its ``GrpTRESMins``, for cores and for each
kind of card that the site maps. It is computed anew each time from what Slurm says now and from the runs'
own folders, never added to: whatever a killed agent left undone, the next computation makes good.

A waiting job counts for what its run's folder says, by its run, once: a job that somebody else has named like
one of our runs, or given a longer limit, adds nothing.

What an account's limits were before is written down before the first is set, is never exceeded, and comes
back when the site no longer asks.
"""

from __future__ import annotations

import fcntl
import math
import os
import pwd
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hesuan.agent import durable
from hesuan.agent.schedulers import cards
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.folders import RunFolders
from hesuan.agent.schedulers.slurm import books, inventory, reading
from hesuan.agent.schedulers.slurm.reading import Standing
from hesuan.agent.schedulers.slurm.script import NAME, minutes
from hesuan.agent.schedulers.slurm.tools import AWAY, DENIED, Tools
from hesuan.agent.survey import Capacity
from hesuan.errors import InputFault, Refused, Unavailable, declare
from hesuan.toml_table import Table

SETTING = declare(
    "agent.limits_setting",
    en="`keep_limits` is on and Slurm has {setting} = {found}: a limit of minutes does not hold there. It"
    " needs {wanted}. Set that and restart slurmctld, or leave `keep_limits` out of site.toml.",
    zh="“keep_limits”已开启，而 Slurm 的 {setting} = {found}，分钟限额在此不起作用。需要 {wanted}。"
    "请设置后重启 slurmctld，或从 site.toml 中去掉“keep_limits”。",
)
NO_ACCOUNT = declare(
    "agent.limits_account",
    en="Slurm knows no account {account} in cluster {cluster}, or does not show it to user {user}. Add it"
    " with sacctmgr, or mend [slurm.accounts] in site.toml.",
    zh="Slurm 在集群 {cluster} 中没有账户 {account}，或不向用户 {user} 显示。请用 sacctmgr 添加，"
    "或修正 site.toml 的 [slurm.accounts]。",
)
OF_NOBODY = declare(
    "agent.limits_of_nobody",
    en="`slurm.keep_limits` is true and [slurm.accounts] names no account. Only accounts named there get"
    " limits: name one for each organisation, or leave `keep_limits` out.",
    zh="“slurm.keep_limits”为 true，而 [slurm.accounts] 未列出任何账户。只有其中列出的账户才会设置限额："
    "请为每个机构列出一个账户，或去掉“keep_limits”。",
)

FILE = "slurm-limits.json"
"""In the agent's data folder: what the accounts' limits were before."""
HELD = "AssocGrp"
"""How the reasons begin for which Slurm holds a job at the limit of an account."""
AGAIN_S = 30.0
"""A run that is held at a limit has it computed anew no sooner than this after the last time."""
CORES = "cpu"
_WAITS = tuple(word for word in books.WAITING if word != "CONFIGURING")

Minutes = Mapping[str, int]
"""TRES, as Slurm names it → minutes."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What of a cluster's configuration counts here."""

    name: str
    counted: tuple[str, ...]
    """The TRES that get limits: cores, and the kinds of card that the site maps and Slurm counts."""
    threads: int
    """Hardware threads of a core: Slurm gives whole cores, and counts threads."""


def asked(table: Table, accounts: Mapping[str, str]) -> bool:
    """What ``[slurm]`` of a ``site.toml`` says of ``keep_limits``; a fault is left with the table."""
    keeps = bool(table.get("keep_limits", bool, "true or false", False))
    if keeps and not accounts:
        table.fault(InputFault(OF_NOBODY, where=table.where("keep_limits")))
    return keeps


def bound(spec: Mapping[str, object], gres: Mapping[str, Resource], cluster: Cluster) -> dict[str, int]:
    """What a run may use at most before Slurm ends it.

    Args:
        spec: The members of :meth:`RunSpec.document`.
        gres: Slurm's names of cards.
        cluster: Which TRES are counted.
    """
    lasts = minutes(int(str(spec["time_limit_s"])))
    found = dict.fromkeys(cluster.counted, 0)
    found[CORES] = math.ceil(int(str(spec["cores"])) / cluster.threads) * cluster.threads * lasts
    if count := int(str(spec.get("cards", 0))):
        asked = RunSpec("", (), 1, 1, cards=count, card=str(spec.get("card", "")))
        name, one = cards.wanted(asked, gres)
        for tres in _names(name):
            if tres in found:
                found[tres] += count * one.slices * lasts
    return found


def due(standing: Standing, bounds: Iterable[Minutes], before: Mapping[str, int | None]) -> dict[str, int]:
    """The limits that an account should have now; ``before``: which TRES, and what each was at first.

    Slurm compares whole minutes of two sums of seconds, one that grows and one that shrinks: where jobs run,
    their minutes may be one more the next time.
    """
    waiting = list(bounds)
    found = {}
    for name, own in before.items():
        running = standing.running.get(name, 0)
        most = standing.used.get(name, 0) + running + bool(running)
        most += sum(one.get(name, 0) for one in waiting)
        found[name] = most if own is None else min(most, own)
    return found


class Keeper:
    """Keeps the limits of the accounts that the site's file names, and of no others.

    Args:
        tools: Slurm's commands, with the site's settings.
        folders: The runs of this site.
        file: Where the limits of before are written down.
    """

    def __init__(self, tools: Tools, folders: RunFolders, file: Path) -> None:
        self.tools, self.folders, self.file = tools, folders, file
        self._cluster: Cluster | None = None
        self._kept_s: dict[str, float] = {}

    @property
    def accounts(self) -> tuple[str, ...]:
        """Whose limits are kept; none where the site does not ask."""
        settings = self.tools.settings
        return tuple(sorted(set(settings.accounts.values()))) if settings.keep_limits else ()

    def begin(self, tell: Callable[[str], None]) -> None:
        """Before the site serves: a site that asks for what its Slurm cannot do does not begin.

        Raises:
            Refused: ``agent.limits_setting``, ``agent.limits_denied``, ``agent.limits_account``.
        """
        try:
            for objection in self.objections():
                raise objection
            self.tend()
        except Unavailable as away:
            tell(away.sentence("en"))

    def look(self) -> Capacity:
        """What is free now, as often as the site is asked; the limits are tended on that occasion.

        Raises:
            Unavailable: ``agent.slurm_away``; also where limits that once could be set no longer can.
        """
        try:
            self.tend()
        except Refused as refused:
            raise Unavailable(AWAY, tool="sacctmgr", problem=refused.sentence("en")) from None
        return inventory.capacity(self.tools)

    def tend(self) -> None:
        """Gives back what is no longer kept, and computes the rest anew.

        Raises:
            Refused: ``agent.limits_denied``, ``agent.limits_account``.
            Unavailable: ``agent.slurm_away``.
        """
        for account in sorted(set(self._before()) - set(self.accounts)):
            self._give_back(account)
        for account in self.accounts:
            self.keep(account)

    def keep(self, account: str, *, coming: RunSpec | None = None) -> None:
        """Sets an account's limits to what they should be now; asked again, it changes nothing.

        The jobs that wait are asked for first: one that begins meanwhile counts twice until the next time,
        rather than not at all.

        Args:
            account: One of ``accounts``.
            coming: A run of this account that is about to be submitted.

        Raises:
            Refused, Unavailable: as ``tend``.
        """
        cluster = self.cluster()
        bounds = self._waiting(account, cluster)
        if coming is not None:
            bounds[coming.run] = bound(coming.document(), self.tools.settings.gres, cluster)
        standing = self._standing(account, cluster)
        before = self._noted(account, standing, cluster)
        wanted = due(standing, bounds.values(), before)
        self._kept_s[account] = time.monotonic()
        changed = {name: value for name, value in wanted.items() if standing.limits.get(name) != value}
        if changed:
            self._set(account, changed, cluster)

    def keep_for(self, organisation: object, *, held: bool = False) -> None:
        """After a run's end, or while one is ``held`` at a limit: as ``keep``, and nobody waits for it.

        What cannot be done now is done with the next run, or the next time that the site is looked at.
        """
        account = self.tools.settings.accounts.get(str(organisation), "")
        if account not in self.accounts:
            return
        last_s = self._kept_s.get(account)
        if held and last_s is not None and time.monotonic() - last_s < AGAIN_S:
            return
        try:
            self.keep(account)
        except (Refused, Unavailable):
            self._kept_s[account] = time.monotonic()

    def objections(self) -> list[Refused]:
        """Why limits would not hold at this cluster; each says what to do.

        Raises:
            Unavailable: ``agent.slurm_away``.
        """
        if not self.accounts:
            return []
        config = reading.values(self.tools.read("scontrol", "show", "config"))
        wanted = [
            ("AccountingStorageEnforce", "associations,limits,safe", _has_safe(config)),
            ("PriorityType", "priority/multifactor", _found(config, "PriorityType").endswith("/multifactor")),
        ]
        tracked = _found(config, "AccountingStorageTRES")
        wanted += [
            ("AccountingStorageTRES", _names(name)[-1], bool(set(_names(name)) & set(tracked.split(","))))
            for name in sorted(self.tools.settings.gres)
        ]
        found = [Refused(SETTING, setting=name, found=_found(config, name), wanted=text)
                 for name, text, is_so in wanted if not is_so]  # fmt: skip
        shared = self.tools.read("sinfo", "-h", *self._partition(), "-o", "%h").split()
        if "EXCLUSIVE" in shared:
            found.append(
                Refused(SETTING, setting="OverSubscribe", found="EXCLUSIVE", wanted="NO, YES, FORCE")
            )
        return [*found, *self._denied(config)]

    def _denied(self, config: Mapping[str, str]) -> list[Refused]:
        """Slurm lets root, its own user, operators and administrators set limits."""
        own = pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0 or _found(config, "SlurmUser").partition("(")[0] == own:
            return []
        level = self.tools.read("sacctmgr", "-n", "-P", "show", "user", own, "format=adminlevel").strip()
        if level in ("Operator", "Administrator"):
            return []
        return [Refused(DENIED, user=own, problem=f"AdminLevel {level or 'None'}")]

    def decays(self) -> str:
        """The half-life by which Slurm forgets use, which is room until the next computation; empty: none."""
        config = reading.values(self.tools.read("scontrol", "show", "config"))
        half_life = _found(config, "PriorityDecayHalfLife")
        return "" if half_life == "00:00:00" else half_life

    def without_account(self) -> list[str]:
        """Organisations that have a local user here and no account: their runs have no limit."""
        settings = self.tools.settings
        return sorted(set(settings.users) - set(settings.accounts))

    def cluster(self) -> Cluster:
        """The cluster as it was when first asked: these things change with a restart of Slurm.

        Raises:
            Unavailable: ``agent.slurm_away``.
        """
        if self._cluster is None:
            config = reading.values(self.tools.read("scontrol", "show", "config"))
            tracked = _found(config, "AccountingStorageTRES").split(",")
            mapped = {tres for name in self.tools.settings.gres for tres in _names(name)}
            threads = self.tools.read("sinfo", "-h", *self._partition(), "-o", "%Z").split()
            most = max((int(one) for one in threads if one.isdigit()), default=1)
            counted = (CORES, *sorted(mapped & set(tracked)))
            self._cluster = Cluster(_found(config, "ClusterName"), counted, max(1, most))
        return self._cluster

    def _partition(self) -> tuple[str, ...]:
        name = self.tools.settings.partition
        return ("-p", name) if name else ()

    def _waiting(self, account: str, cluster: Cluster) -> dict[str, Minutes]:
        """The bounds of our runs whose jobs wait under this account, by run."""
        settings = self.tools.settings
        words = ("-h", "-t", "all", "-A", account, "-o", "%A|%T|%j")
        found: dict[str, Minutes] = {}
        for line in self.tools.read("squeue", *words).splitlines():
            job, state, name = [*line.split("|", 2), "", ""][:3]
            run = name.removeprefix(NAME)
            if state not in _WAITS or not name.startswith(NAME) or not _may_be_run(run):
                continue
            spec = self._spec(run, job)
            if spec is not None and settings.accounts.get(str(spec.get("organisation", ""))) == account:
                found[run] = bound(spec, settings.gres, cluster)
        return found

    def _spec(self, run: str, job: str) -> Mapping[str, object] | None:
        """What was ordered, where this is a run of ours that is not over, and the job is its own."""
        if not self.folders.has(run):
            return None
        directory = self.folders.known(run)
        known = durable.read_json(directory.path / "job.json")
        if directory.final() is not None or (known is not None and known["job"] != job):
            return None
        return directory.spec()

    def _standing(self, account: str, cluster: Cluster) -> Standing:
        text = self.tools.read("scontrol", "-o", "show", "assoc_mgr", "flags=assoc", f"accounts={account}")
        standing = reading.standing(text, account=account, cluster=cluster.name)
        if standing is None:
            user = pwd.getpwuid(os.geteuid()).pw_name
            raise Refused(NO_ACCOUNT, account=account, cluster=cluster.name, user=user)
        return standing

    def _noted(self, account: str, standing: Standing, cluster: Cluster) -> Mapping[str, int | None]:
        """What the limits were before we set any, of each TRES that we set; written down the first time."""
        with self._alone():
            every = self._before()
            known = every.get(account, {})
            new = {name: standing.limits.get(name) for name in cluster.counted if name not in known}
            if new:
                self._write({**every, account: {**known, **new}})
        whole = {**known, **new}
        return {name: whole[name] for name in cluster.counted}

    def _give_back(self, account: str) -> None:
        """The limits as they were; then they are forgotten here."""
        before = self._before().get(account, {})
        self._set(account, {name: -1 if own is None else own for name, own in before.items()}, self.cluster())
        with self._alone():
            self._write({name: own for name, own in self._before().items() if name != account})

    def _set(self, account: str, limits: Minutes, cluster: Cluster) -> None:
        text = ",".join(f"{name}={value}" for name, value in sorted(limits.items()))
        where = ("where", f"name={account}", f"cluster={cluster.name}")
        self.tools.set_limits("account", *where, "set", f"GrpTRESMins={text}")

    def _before(self) -> dict[str, dict[str, int | None]]:
        return durable.read_json(self.file) or {}  # type: ignore[return-value]

    def _write(self, every: Mapping[str, Mapping[str, int | None]]) -> None:
        if every:
            durable.write_json(self.file, every)
        else:
            self.file.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time: the agent serves while its operator checks."""
        fd = os.open(self.file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _names(gres: str) -> tuple[str, ...]:
    """``gpu:ascend910c`` as TRES are named: of its kind, and of its type."""
    kind = gres.partition(":")[0]
    return tuple(dict.fromkeys((f"gres/{kind}", f"gres/{gres}")))


def _may_be_run(text: str) -> bool:
    return bool(text) and not text.startswith(".") and Path(text).name == text


def _has_safe(config: Mapping[str, str]) -> bool:
    return "safe" in _found(config, "AccountingStorageEnforce").split(",")


def _found(config: Mapping[str, str], name: str) -> str:
    return config.get(name, "–")
