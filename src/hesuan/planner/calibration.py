"""What one cluster's own runs taught, as a file that is read back into forecasts.

``hesuan plan fit ROWS.csv --save OURS.toml`` writes it; ``predict(…, calibration=Calibration.load(path))``
and the verbs' ``--calibration`` read it. The factors are those of :mod:`hesuan.planner.calibrate`::

    ln(calibrated / plain) = common + sum_k share_k part_k + sum_j feature_j slope_j + sum_i pull_i near_i

``near_i = plan^2 exp(-d_i^2 / 2 reach^2) + model^2 [same model]`` is how near run ``i`` is to the plan asked.

They are relative to forecasts under one version of constants and formulas and hold for the chip they were
measured on: under another version, or for another chip, a calibration is refused and never applied in
silence. On another cluster of the same chip, or outside the kinds of model and the years it was fitted on, it
is applied with a caveat, and the interval stays at least as wide as without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hesuan.errors import Faults, InputFault, Refused, declare
from hesuan.planner.files import calibration_table, calibration_text, finish, open_file
from hesuan.planner.inputs import Cluster, Workload

OTHER_CHIP = declare(
    "plan.calibration_other_chip",
    en="{path} was fitted on {chip}; cluster {cluster} is made of {other}. A factor of one chip says nothing "
    "of another: leave the calibration out, or fit runs on {other}.",
    zh="{path} 由 {chip} 的运行拟合；集群 {cluster} 用的是 {other}。一种芯片的系数说明不了另一种："
    "请去掉该校准，或用 {other} 上的运行重新拟合。",
)
OTHER_CONSTANTS = declare(
    "plan.calibration_other_constants",
    en="{path} was fitted under constants and formulas {found}; here they are {current}. Its factors are "
    "relative to those forecasts: run `hesuan plan fit … --save` again on the same rows.",
    zh="{path} 由常数与公式 {found} 拟合；此处为 {current}。其系数相对于当时的预测："
    "请用同样的行重新运行 `hesuan plan fit … --save`。",
)
AMBIGUOUS = declare(
    "plan.calibration_ambiguous",
    en="{paths} all hold for {cluster}; name one.",
    zh="{paths} 都适用于 {cluster}；请只给出一个。",
)
UNUSED = declare(
    "plan.calibration_unused",
    en="{path} was fitted on {chip}; none of these clusters is made of it: {clusters}.",
    zh="{path} 由 {chip} 的运行拟合；以下集群都不用它：{clusters}。",
)
NOT_A_CALIBRATION = declare(
    "plan.not_a_calibration",
    en="The covariance has {found} rows and columns; {wanted} factors are named.",
    zh="协方差的行列数为 {found}；而列出的系数有 {wanted} 个。",
)
YEARS = 1.0
"""How far outside the years of its rows a calibration is taken to hold without a caveat [year]."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor on time with its 80 % interval; 1 leaves the forecast as it is."""

    name: str
    factor: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Kept:
    """One run it was fitted to: measured, forecast without and with the calibration [s], and what is left."""

    id: str
    plan: str
    observed_s: float
    forecast_s: float
    calibrated_s: float
    model: str = ""
    pull: float = 0.0
    """How far it pulls forecasts of plans near it, and of its model, its way [1/log]."""
    at: tuple[float, ...] = ()
    """Where its plan lies: the first of ``calibrate.observation.FEATURES``."""

    @property
    def residual(self) -> float:
        """``ln(observed / calibrated)``."""
        return math.log(self.observed_s / self.calibrated_s)


@dataclass(frozen=True, slots=True)
class Near:
    """Widths [log] of what plans within ``reach`` [doublings], and runs of one model, share past factors."""

    plan: float = 0.0
    reach: float = 1.0
    model: float = 0.0


@dataclass(frozen=True, slots=True)
class Caveat:
    """Why a calibration may hold less here; the interval is then not narrowed."""

    what: str
    """``cluster``, ``kind`` or ``era``."""
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class CalibratedBy:
    """What a result says of the calibration it was made with."""

    file: str
    rows: int
    rows_sha256: str
    dated: str
    caveats: tuple[Caveat, ...]

    @property
    def is_its_own(self) -> bool:
        """Whether it was fitted to runs of this very cluster."""
        return all(one.what != "cluster" for one in self.caveats)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A saved fit: factors, how sure they are, and what they hold for."""

    file: str
    """Where it was read from; a name to print."""
    chip: str
    clusters: tuple[str, ...]
    """Names its rows had in the catalogue, or the name its user gave."""
    kinds: tuple[str, ...]
    """``dense``, ``moe`` or both."""
    era: tuple[float, float]
    """First and last year of the rows' software."""
    constants: str
    """Version of the constants and formulas whose forecasts the factors correct."""
    rows: int
    rows_sha256: str
    """Of the rows' file, byte by byte."""
    dated: str
    """As its user or its rows said; empty where nobody did."""
    noise: float
    """Standard deviation of one run about the fit [log]."""
    quantile: float
    """Half-width of the 80 % interval in standard deviations of a further run."""
    factors: tuple[Factor, ...]
    covariance: tuple[tuple[float, ...], ...]
    """Of the factors' logs, in their order."""
    runs: tuple[Kept, ...]
    near: Near = Near()

    @classmethod
    def load(cls, path: Path | str) -> Calibration:
        """Reads a file that ``hesuan plan fit --save`` wrote.

        Raises:
            Faults: everything that is wrong with the file.
        """
        top = open_file(Path(path))
        values = calibration_table(top)
        finish(top.document)
        factors = tuple(Factor(**one) for one in values.pop("factors"))
        runs = tuple(Kept(**one) for one in values.pop("runs"))
        near = Near(**values.pop("near"))
        found = cls(file=str(path), factors=factors, runs=runs, near=near, **values)
        sizes = {len(found.covariance), *map(len, found.covariance)}
        if sizes != {len(factors)}:
            told = ", ".join(map(str, sorted(sizes)))
            raise Faults([InputFault(NOT_A_CALIBRATION, where=str(path), found=told, wanted=len(factors))])
        return found

    def text(self) -> str:
        """The file: what :meth:`load` reads, and what a person can argue with."""
        return calibration_text(self)

    def coefficients(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Logs of the factors in the order of ``names``; one it does not name moves nothing."""
        known = {one.name: math.log(one.factor) for one in self.factors}
        return np.array([known.get(name, 0.0) for name in names])

    def local(self, model: str, features: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Log factor that runs near each plan, and runs of its model, add; ``features``: each [plan]."""
        total = np.zeros(len(features[0]))
        for run in self.runs:
            away = sum(((c - x) ** 2 for c, x in zip(features, run.at, strict=False)), np.zeros(total.size))
            near = self.near.plan**2 * np.exp(-0.5 * away / self.near.reach**2) if run.at else 0.0
            total += run.pull * (near + self.near.model**2 * (run.model == model))
        return total

    def spread(self, names: Sequence[str], row: NDArray[np.float64]) -> float:
        """Standard deviation [log] of one further run with this row of the design."""
        at = {name: place for place, name in enumerate(names)}
        x = np.array([row[at[one.name]] if one.name in at else 0.0 for one in self.factors])
        return math.sqrt(float(x @ np.array(self.covariance) @ x) + self.noise**2)

    def check(self, cluster: Cluster, constants: str) -> None:
        """Refuses a machine, or constants, that it says nothing of.

        Raises:
            Refused: ``plan.calibration_other_chip``, ``plan.calibration_other_constants``.
        """
        if cluster.chip.name != self.chip:
            raise Refused(
                OTHER_CHIP, path=self.file, chip=self.chip, cluster=cluster.name, other=cluster.chip.name
            )
        if constants != self.constants:
            raise Refused(OTHER_CONSTANTS, path=self.file, found=self.constants, current=constants)

    def used_on(self, work: Workload) -> CalibratedBy:
        """What a result on this workload has to say of it."""
        return CalibratedBy(self.file, self.rows, self.rows_sha256, self.dated, self.caveats(work))

    def caveats(self, work: Workload) -> tuple[Caveat, ...]:
        """Where this workload leaves what the runs have shown."""
        kind = "moe" if work.model.is_moe else "dense"
        era = work.training.era
        found = []
        if work.cluster.name not in self.clusters:
            names = ", ".join(self.clusters)
            found.append(
                Caveat(
                    "cluster",
                    f"fitted on {names}, not on {work.cluster.name}: same chip, another fabric or host",
                    f"由 {names} 拟合，而非 {work.cluster.name}：芯片相同，互连或主机不同",
                )
            )
        if kind not in self.kinds:
            other = {"moe": ("dense models only", "仅稠密模型"), "dense": ("MoE models only", "仅 MoE 模型")}
            en, zh = other[kind]
            found.append(Caveat("kind", f"its runs are of {en}", f"其运行{zh}"))
        if not self.era[0] - YEARS <= era <= self.era[1] + YEARS:
            span = f"{self.era[0]:g}–{self.era[1]:g}"
            found.append(
                Caveat(
                    "era",
                    f"its software is of {span}, this run's of {era:g}",
                    f"其软件为 {span} 年，此运行为 {era:g} 年",
                )
            )
        return tuple(found)


def chosen(calibrations: Sequence[Calibration], cluster: Cluster) -> Calibration | None:
    """The one that holds for a cluster: one that names it, else one of its chip; none is no fault.

    Raises:
        InputFault: ``plan.calibration_ambiguous``.
    """
    same = [one for one in calibrations if one.chip == cluster.chip.name]
    named = [one for one in same if cluster.name in one.clusters] or same
    if len(named) > 1:
        raise InputFault(AMBIGUOUS, paths=", ".join(one.file for one in named), cluster=cluster.name)
    return named[0] if named else None


def require_used(calibrations: Sequence[Calibration], clusters: Sequence[Cluster]) -> None:
    """Refuses calibrations that hold for none of the clusters: whoever names one expects it to count.

    Raises:
        Faults: ``plan.calibration_unused``.
    """
    chips = {one.chip.name for one in clusters}
    names = ", ".join(one.name for one in clusters)
    idle = [one for one in calibrations if one.chip not in chips]
    if idle:
        raise Faults(InputFault(UNUSED, path=one.file, chip=one.chip, clusters=names) for one in idle)
