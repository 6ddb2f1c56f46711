"""The benchmark of a packaged application on this machine: several sizes, each run by the engine and metered
like any other run, every answer checked for being right.

It is a small state machine over the engine's own runs: a benchmark interrupted by anything goes on where it
stood, because its runs are named by the command that asked for it. The first run only warms the caches and
does not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from hesuan.agent.manifests import Manifest
from hesuan.agent.schedulers.contract import RunSpec, RunState, Scheduler, Usage
from hesuan.errors import NotFound, Refused, declare
from hesuan.wire.canonical import Json

BENCHMARK_FAILED = declare(
    "agent.benchmark_failed",
    en="The benchmark of {app} with {units} units on {cores} cores ended {state}, exit status {status};"
    " no figure is reported.",
    zh="{app} 的基准测试（{units} 个单位，{cores} 核）以 {state} 结束，退出码 {status}；不上报任何数值。",
)
BENCHMARK_WRONG = declare(
    "agent.benchmark_wrong",
    en="The benchmark of {app} with {units} units answered wrongly: {name} is {found}, at least {wanted} is"
    " needed; no figure is reported.",
    zh="{app} 的基准测试（{units} 个单位）结果有误：{name} 为 {found}，至少应为 {wanted}；不上报任何数值。",
)


def core_counts(cores: int) -> tuple[int, ...]:
    """The numbers of cores worth measuring on a machine: powers of two, and all of them."""
    powers = [1 << bit for bit in range(cores.bit_length()) if 1 << bit <= cores]
    return tuple(sorted({*powers, cores}))


@dataclass(frozen=True, slots=True)
class Step:
    """One run of a benchmark. ``counts`` is false for the warm-up."""

    run: str
    units: int
    cores: int
    counts: bool = True


@dataclass(slots=True)
class Benchmark:
    """One application, measured at one or several numbers of cores; ``key`` names its runs."""

    manifest: Manifest
    scheduler: Scheduler
    key: str
    cores: tuple[int, ...]
    measured: dict[int, list[tuple[int, Usage]]] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        """Every run of it, in order."""
        name = hashlib.sha256(self.key.encode()).hexdigest()[:20]
        sizes = self.manifest.benchmark_sizes
        yield Step(f"bench-{name}-warm", sizes[0], self.cores[0], counts=False)
        for cores in self.cores:
            for turn in range(self.manifest.benchmark_repeat):
                for units in sizes:
                    yield Step(f"bench-{name}-{cores}-{units}-{turn}", units, cores)

    def advance(self) -> Step | None:
        """Does what can be done now; returns the step that is under way, or None when all are done.

        Raises:
            Refused: ``agent.benchmark_failed``, ``agent.benchmark_wrong``.
            Unavailable: from the engine.
        """
        self.measured = {}
        for step in self.steps():
            usage = self._usage(step)
            if usage is None:
                return step
            self._check(step, usage)
            if step.counts:
                self.measured.setdefault(step.cores, []).append((step.units, usage))
        return None

    def bodies(self) -> list[dict[str, Json]]:
        """The ``benchmark`` messages, one for each number of cores."""
        return [self._body(cores, points) for cores, points in self.measured.items()]

    def _usage(self, step: Step) -> Usage | None:
        try:
            self.scheduler.poll(step.run)
        except NotFound:
            command = self.manifest.benchmark(units=step.units, cores=step.cores)
            limit_s = self.manifest.benchmark_time_limit_s
            self.scheduler.submit(
                RunSpec(step.run, command, step.cores, limit_s, self.manifest.folder, self.manifest.digest)
            )
        observed = self.scheduler.poll(step.run)
        if observed.state == RunState.UNKNOWN:
            raise self._failed(step, observed.state, None)
        return self.scheduler.usage(step.run) if observed.state.final else None

    def _check(self, step: Step, usage: Usage) -> None:
        if usage.state != RunState.COMPLETED:
            raise self._failed(step, RunState(usage.state), usage.exit_status)
        check = self.manifest.check
        if not check.passes(usage.result):
            raise Refused(
                BENCHMARK_WRONG,
                app=self.manifest.name,
                units=step.units,
                name=check.result,
                found=usage.result.get(check.result),
                wanted=check.at_least,
            )

    def _failed(self, step: Step, state: RunState, status: int | None) -> Refused:
        return Refused(
            BENCHMARK_FAILED,
            app=self.manifest.name,
            units=step.units,
            cores=step.cores,
            state=state.value,
            status=status,
        )

    def _body(self, cores: int, points: list[tuple[int, Usage]]) -> dict[str, Json]:
        check = self.manifest.check
        lowest = min(int(str(usage.result[check.result])) for _, usage in points)
        return {
            "app": self.manifest.name,
            "app_digest": self.manifest.digest,
            "cores": cores,
            "points": [{"units": units, "wall_ms": usage.wall_ms} for units, usage in points],
            "checked": {check.name: lowest, "at_least": check.at_least},
        }
