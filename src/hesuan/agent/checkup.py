"""``hesuan agent check``: whether this site keeps its promises, tried and not asked.

One step after the other, each with its verdict and, where it failed, what to do. The steps on the engine are
real jobs of a few seconds each: one that ends well, one submitted twice, one cancelled, one that outlives its
limit. They hold cores like any other and are nobody's run: no message about them reaches the hub, and their
folders are removed.
"""

from __future__ import annotations

import pwd
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hesuan.agent import engines
from hesuan.agent import site as sites
from hesuan.agent.engines import Equipped
from hesuan.agent.schedulers.contract import Observation, RunSpec, RunState, Usage
from hesuan.agent.schedulers.folders import RunFolders
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.slurm.limits import Keeper
from hesuan.agent.site import Site
from hesuan.agent.uplink import SKEW_BOUND, Uplink
from hesuan.agent.words import Text
from hesuan.errors import Faults, HesuanError
from hesuan.wire.ids import new_id

CLOCK_WARN_S = 2.0
"""Usage carries times: a clock this far off is worth a word, long before the hub refuses it."""
LOOK_S = 0.2
SHORT_LIMIT_S = 2
_HELLO = 'echo hesuan; echo seen > "$HESUAN_OUTPUT/seen"; sleep 2'


_NOTHING = Text("", "")


class Verdict(StrEnum):
    """How a step went."""

    OK = "ok"
    WARN = "warn"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was tried, how it went, and what to do where it did not go well."""

    name: str
    verdict: Verdict
    found: Text
    do: Text = _NOTHING


class Trouble(Exception):
    """A step that failed, with what was found and what to do."""

    def __init__(self, found: Text, do: Text) -> None:
        self.found, self.do = found, do
        super().__init__(found.en)


def of_site(data: Path, file: Path | None, *, wait_s: float) -> Iterator[Step]:
    """All steps, as they are done.

    Args:
        data: The folder that was enrolled.
        file: As of :func:`hesuan.agent.engines.equip`.
        wait_s: How long a trial job may wait for its place in the queue.
    """
    try:
        site = sites.load(data)
    except (HesuanError, Faults) as error:
        yield Step("site", Verdict.FAILED, _sentences(error))
        return
    yield Step("site", Verdict.OK, _enrolled(site))
    yield _tried("hub", lambda: _hub(site))
    try:
        equipped = engines.equip(site, file)
    except (HesuanError, Faults) as error:
        yield Step("engine", Verdict.FAILED, _sentences(error), _MEND_ENGINE)
        return
    yield _engine(equipped)
    yield _tried("users", lambda: _users(equipped))
    if (keeper := equipped.keeper) is not None and keeper.accounts:
        yield _tried("limits", lambda: _limits(keeper))
    trial = Trial(equipped, wait_s)
    for name, step in trial.steps():
        tried = _tried(name, step)
        yield tried
        if name == "job" and tried.verdict == Verdict.FAILED:
            left = [later for later, _ in trial.steps() if later != "job"]
            nothing = Text("Not tried: no job ends well here yet.", "未尝试：此处尚无作业能正常结束。")
            yield from (Step(later, Verdict.SKIPPED, nothing) for later in left)
            return


def _tried(name: str, step: Callable[[], Text | Step]) -> Step:
    """Does one step; whatever goes wrong in it is its verdict."""
    try:
        found = step()
    except Trouble as trouble:
        return Step(name, Verdict.FAILED, trouble.found, trouble.do)
    except (HesuanError, Faults) as error:
        return Step(name, Verdict.FAILED, _sentences(error))
    except OSError as error:
        return Step(name, Verdict.FAILED, Text(str(error), str(error)))
    return found if isinstance(found, Step) else Step(name, Verdict.OK, found)


def _enrolled(site: Site) -> Text:
    return Text(
        f"Agent {site.agent} of centre {site.centre}; its private key is this user's alone.",
        f"算力中心 {site.centre} 的代理 {site.agent}；私钥仅本用户可读。",
    )


def _hub(site: Site) -> Text | Step:
    uplink = Uplink(site.hub, site.private, site.agent)
    try:
        began = time.monotonic()
        uplink.poll(after=0, wait_s=0)
        took_ms = round((time.monotonic() - began) * 1000)
    finally:
        uplink.close()
    skew_s = uplink.skew.total_seconds()
    found = Text(
        f"{site.hub} answered in {took_ms} ms and knows this agent; clocks differ by {abs(skew_s):.1f} s.",
        f"{site.hub} 在 {took_ms} 毫秒内应答，并识别本代理；时钟相差 {abs(skew_s):.1f} 秒。",
    )
    if abs(skew_s) < CLOCK_WARN_S:
        return found
    bound_s = round(SKEW_BOUND.total_seconds())
    do = Text(
        f"Set this machine's clock, such as by NTP; above {bound_s} s nothing new is started.",
        f"请校准本机时钟（如用 NTP）；超过 {bound_s} 秒将不启动新的运行。",
    )
    return Step("hub", Verdict.WARN, found, do)


def _engine(equipped: Equipped) -> Step:
    machine = equipped.machine
    cards = ", ".join(f"{one.count} × {one.chip}" for one in machine.cards) or "–"
    found = Text(
        f"{equipped.scheduler.name} on {machine.host}: at most {machine.cores} cores a run; cards: {cards}.",
        f"{machine.host} 上的 {equipped.scheduler.name}：每个运行至多 {machine.cores} 核；加速卡：{cards}。",
    )
    limits = equipped.limits
    if limits is not None:
        found = Text(f"{found.en} {limits.en}", f"{found.zh}{limits.zh}")
    if not machine.notes:
        return Step("engine", Verdict.OK, found)
    notes = " ".join(machine.notes)
    return Step("engine", Verdict.WARN, Text(f"{found.en} {notes}", f"{found.zh} {notes}"))


def _users(equipped: Equipped) -> Text | Step:
    """Local users, or namespaces, that organisations are mapped to; else all are the agent's alike."""
    if equipped.namespaces:
        spaces = len(set(equipped.namespaces.values()))
        return Text(
            f"{len(equipped.namespaces)} organisations have a namespace, {spaces} in all.",
            f"{len(equipped.namespaces)} 个机构有对应的命名空间，共 {spaces} 个。",
        )
    if not equipped.users:
        nobody = Text(
            "Every job is the agent's own user's: organisations are not kept apart from each other.",
            "所有作业都属于代理自己的用户：各机构之间没有隔离。",
        )
        return Step("users", Verdict.WARN, nobody)
    unknown = [user for user in sorted(set(equipped.users.values())) if not _exists(user)]
    if unknown:
        names = ", ".join(unknown)
        raise Trouble(
            Text(f"This machine has no user {names}.", f"本机没有用户 {names}。"),
            Text(
                "Create them, or name others in site.toml.", "请创建这些用户，或在 site.toml 中改用其他用户。"
            ),
        )
    count = len(equipped.users)
    return Text(f"{count} organisations have a local user.", f"{count} 个机构有对应的本地用户。")


def _limits(keeper: Keeper) -> Text | Step:
    """Whether the limits of Slurm's accounts can be kept and hold; nothing is set here."""
    if objections := keeper.objections():
        raise Trouble(_sentences(*objections), _NOTHING)
    accounts, names = ", ".join(keeper.accounts), ", ".join(keeper.cluster().counted)
    told = [
        Text(
            f"The limits of accounts {accounts} follow the runs: {names}.",
            f"账户 {accounts} 的限额随运行而定：{names}。",
        )
    ]
    if nobodys := ", ".join(keeper.without_account()):
        told.append(
            Text(
                f"Organisations without an account in [slurm.accounts] get no limit: {nobodys}.",
                f"在 [slurm.accounts] 中没有账户的机构不设限额：{nobodys}。",
            )
        )
    if decays := keeper.decays():
        told.append(
            Text(
                f"PriorityDecayHalfLife is {decays}: what Slurm forgets of past use is room for a while.",
                f"PriorityDecayHalfLife 为 {decays}：Slurm 逐渐遗忘的用量会在一段时间内成为余量。",
            )
        )
    verdict = Verdict.OK if len(told) == 1 else Verdict.WARN
    found = Text(" ".join(one.en for one in told), "".join(one.zh for one in told))
    return Step("limits", verdict, found, _NO_DECAY if decays else _NOTHING)


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


@dataclass(slots=True)
class Trial:
    """Jobs of our own on the site's engine."""

    equipped: Equipped
    wait_s: float

    def steps(self) -> tuple[tuple[str, Callable[[], Text | Step]], ...]:
        """In their order; those after ``job`` make no sense before it goes well."""
        return (("job", self._job), ("once", self._once), ("cancel", self._cancel), ("limit", self._limit))

    def _job(self) -> Text:
        """One job whose output, log and usage come back."""
        spec = self._spec(_HELLO)
        try:
            ended = self._until_over(spec)
            if ended.state != RunState.COMPLETED:
                raise Trouble(
                    Text(f"A job of two seconds ended {ended.state}: {ended.reason}",
                         f"一个两秒的作业以 {ended.state} 结束：{ended.reason}"),
                    _READ_LOG,
                )  # fmt: skip
            self._came_back(spec.run)
            usage = self._usage(spec.run)
        finally:
            self._remove(spec.run)
        held = f"{usage.wall_ms / 1000:.1f} s × {usage.cores}"
        return Text(
            f"A job ended well; output and log came back, and {usage.evidence} says it held {held} cores.",
            f"作业正常结束；输出与日志已取回，{usage.evidence} 记录其占用 {held} 核。",
        )

    def _came_back(self, run: str) -> None:
        folder = self._folders().known(run)
        if not (folder.output / "seen").exists():
            raise Trouble(
                Text(f"The job wrote a file to {folder.output}, and it is not there on this machine.",
                     f"作业向 {folder.output} 写入了文件，但本机看不到。"),
                Text("`runs` has to be a folder that every node sees under the same path.",
                     "`runs` 须是所有节点以同一路径看到的目录。"),
            )  # fmt: skip
        if b"hesuan" not in self.equipped.scheduler.log(run, 0, 1000):
            raise Trouble(Text("The job's log is empty here.", "此处看不到作业日志。"), _READ_LOG)

    def _once(self) -> Text:
        """The same run twice is one job: its script leaves a line for each start."""
        spec = self._spec('echo x >> "$HESUAN_OUTPUT/starts"; sleep 1')
        try:
            for _ in range(2):
                self.equipped.scheduler.submit(spec)
            self._until_over(spec)
            starts = (self._folders().known(spec.run).output / "starts").read_text().split()
        finally:
            self._remove(spec.run)
        if len(starts) != 1:
            raise Trouble(
                Text(f"One run was started {len(starts)} times.", f"同一运行启动了 {len(starts)} 次。"),
                _REPORT,
            )
        return Text("The same run, submitted twice, was one job.", "同一运行提交两次，只有一个作业。")

    def _cancel(self) -> Text:
        spec = self._spec("sleep 600")
        try:
            self._until(spec, lambda one: one.state == RunState.RUNNING)
            self.equipped.scheduler.cancel(spec.run)
            ended = self._until_over(spec)
        finally:
            self._remove(spec.run)
        if ended.state != RunState.CANCELLED:
            raise Trouble(
                Text(f"A cancelled job ended {ended.state}: {ended.reason}",
                     f"被取消的作业以 {ended.state} 结束：{ended.reason}"),
                Text("The agent's user must be allowed to cancel these jobs in the scheduler.",
                     "代理的用户须有权在调度器中取消这些作业。"),
            )  # fmt: skip
        return Text("A job was cancelled while it ran.", "运行中的作业可以取消。")

    def _limit(self) -> Text:
        spec = self._spec("sleep 600", limit_s=SHORT_LIMIT_S)
        try:
            ended = self._until_over(spec)
            usage = self._usage(spec.run)
        finally:
            self._remove(spec.run)
        if ended.state != RunState.TIMEOUT:
            raise Trouble(
                Text(f"A job that outlived its limit ended {ended.state}: {ended.reason}",
                     f"超出时限的作业以 {ended.state} 结束：{ended.reason}"),
                Text("`timeout` (coreutils) has to be on the nodes.", "节点上须有 `timeout`（coreutils）。"),
            )  # fmt: skip
        held_s = usage.wall_ms / 1000
        return Text(
            f"A job was ended at its limit of {SHORT_LIMIT_S} s; it held its cores for {held_s:.1f} s.",
            f"作业在 {SHORT_LIMIT_S} 秒时限处被结束；占用 {held_s:.1f} 秒。",
        )

    def _spec(self, text: str, *, limit_s: int = 60) -> RunSpec:
        """By a name that no run has: the books keep it, and nobody is to look for it at the hub."""
        whose = next(iter(self.equipped.users or self.equipped.namespaces), "")
        return RunSpec(f"check-{new_id()}", ("sh", "-c", text), 1, limit_s, organisation=whose)

    def _until_over(self, spec: RunSpec) -> Observation:
        return self._until(spec, lambda one: one.state.final)

    def _until(self, spec: RunSpec, wanted: Callable[[Observation], bool]) -> Observation:
        scheduler = self.equipped.scheduler
        scheduler.submit(spec)
        deadline = time.monotonic() + self.wait_s
        while not wanted(observed := scheduler.poll(spec.run)):
            if observed.state.final:
                return observed
            if time.monotonic() > deadline:
                scheduler.cancel(spec.run)
                raise Trouble(
                    Text(f"After {self.wait_s:.0f} s the job is {observed.state}: {observed.reason}",
                         f"{self.wait_s:.0f} 秒后作业仍为 {observed.state}：{observed.reason}"),
                    _WAIT_LONGER,
                )  # fmt: skip
            time.sleep(LOOK_S)
        return observed

    def _usage(self, run: str) -> Usage:
        usage = self.equipped.scheduler.usage(run)
        if usage is None or not usage.wall_ms:
            raise Trouble(Text("The job has no usage.", "作业没有用量。"), _REPORT)
        return usage

    def _folders(self) -> RunFolders:
        scheduler = self.equipped.scheduler
        assert isinstance(scheduler, LocalScheduler | OutsideScheduler)
        return scheduler.folders

    def _remove(self, run: str) -> None:
        """Leaves nothing of the trial behind, unless it still runs."""
        if self._folders().has(run) and self.equipped.scheduler.poll(run).state.final:
            self._folders().forget(run)


def _sentences(*errors: HesuanError | Faults) -> Text:
    every = [one for error in errors for one in (error.faults if isinstance(error, Faults) else (error,))]
    return Text(*(" ".join(one.sentence(language) for one in every) for language in ("en", "zh")))


_NO_DECAY = Text(
    "Leave it, or set PriorityDecayHalfLife=0 with a PriorityUsageResetPeriod.",
    "可保持不变，或设置 PriorityDecayHalfLife=0 并配合 PriorityUsageResetPeriod。",
)
_MEND_ENGINE = Text(
    "Mend site.toml, or see that the agent's user may call the scheduler's commands.",
    "请修正 site.toml，或确认代理的用户可以执行调度器的命令。",
)
_WAIT_LONGER = Text(
    "Wait longer (--wait), or make place in the queue; if it says the books are not there, see to the"
    " scheduler's accounting.",
    "请延长等待（--wait）或让队列有空位；若提示账目不全，请检查调度器的记账服务。",
)
_READ_LOG = Text(
    "Read the scheduler's log of the job; the run's folder is removed after the check.",
    "请查看调度器中该作业的日志；检查结束后会删除运行目录。",
)
_REPORT = Text(
    "This is a fault of ours or of the engine: report it with the scheduler's version.",
    "这是我们或引擎的缺陷：请连同调度器版本一并报告。",
)
