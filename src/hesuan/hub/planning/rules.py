"""What predictions say to people, in both languages; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hesuan.planner.application import AppForecast, Assumption


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence in both languages."""

    en: str
    zh: str


ASSUMED: Mapping[Assumption, Sentence] = {
    Assumption.LINEAR: Sentence(
        "Assumed: time grows in proportion to work, after a fixed start-up.",
        "假定：启动之后，时间与工作量成正比。",
    ),
    Assumption.SAME_LOAD: Sentence(
        "Assumed: the machine is as busy as when it was measured.",
        "假定：机器的繁忙程度与测量时相同。",
    ),
    Assumption.SPREAD_UNKNOWN: Sentence(
        "Too few measurements to know how much runs differ; 10 % is assumed.",
        "测点太少，尚不知各次运行的差异；按 10 % 假定。",
    ),
    Assumption.BEYOND_MEASURED: Sentence(
        "This size lies outside what was measured; the interval is wider for it.",
        "该规模超出已测范围，区间因此放宽。",
    ),
    Assumption.OUTLIERS_WEIGHED_DOWN: Sentence(
        "A measured run far off the others counts less.",
        "偏离较大的测点已降低权重。",
    ),
}

TIME_LIMIT = Sentence(
    "Nothing is known of this script's time but its own limit: at most {limit_s} s.",
    "除其自身时限外，对该脚本的耗时一无所知：至多 {limit_s} 秒。",
)


def reasons(answer: AppForecast, *, app: str, cores: int, runs: int) -> tuple[Sentence, ...]:
    """What an app's prediction rests on, then everything it assumes.

    Args:
        answer: The planner's forecast.
        app: Name of the app.
        cores: Cores it was measured on.
        runs: How many of the points are finished runs rather than a benchmark's.
    """
    ground = Sentence(
        f"{answer.points_used} measured points of {app} on {cores} core(s) of this machine,"
        f" {runs} of them finished orders.",
        f"依据本机 {cores} 核上 {app} 的 {answer.points_used} 个测点，其中 {runs} 个来自已完成的订单。",
    )
    return ground, *(ASSUMED[assumption] for assumption in answer.assumed)


def source(answer: AppForecast, *, runs: int) -> str:
    """The clause a document carries: where the figure is from."""
    return f"fitted to {answer.points_used} measured points at this centre, {runs} of them finished runs"


def no_agent() -> Sentence:
    """The centre has nobody to ask."""
    return Sentence("This centre has no site agent at present.", "该算力中心目前没有站点代理。")


def no_app(app: str) -> Sentence:
    """The centre does not hold the app."""
    return Sentence(f"This centre's agent does not hold {app}.", f"该算力中心的站点代理未装载 {app}。")


def no_points(app: str, cores: int, others: Sequence[int]) -> Sentence:
    """Nothing was measured at this core count; other counts are no evidence, since speed-up is unknown."""
    if not others:
        return Sentence(
            f"{app} in its present version was never measured here.", f"{app} 的当前版本从未在此测量。"
        )
    listed = ", ".join(map(str, others))
    return Sentence(
        f"{app} was measured here on {listed} core(s), not on {cores}; how it scales is not known.",
        f"{app} 在此仅以 {listed} 核测量过，未以 {cores} 核测量；其加速比未知。",
    )


def one_size(app: str, cores: int) -> Sentence:
    """All points have one size."""
    return Sentence(
        f"{app} was measured here on {cores} core(s) in one size only; that cannot tell start-up from work.",
        f"{app} 在此以 {cores} 核仅测过一种规模，无法区分启动时间与工作时间。",
    )
