"""RUN.toml of a serving: ``[model]``, ``[cluster]``, ``[serving]``, and ``[plan]`` where one is asked about.

``[plan]`` alone is one kind of instance for prompts and answers; ``[plan.prefill]`` and ``[plan.decode]`` are
instances of their own. Every fault is told with file and line, all together; a plan that cannot be laid on
its cluster is told with both numbers and the nearest that can.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hesuan.errors import Faults, InputFault, declare
from hesuan.planner.files import finish, open_file
from hesuan.planner.files.fill import choice, is_faulty, made_of, values_of
from hesuan.planner.files.machine import cluster_of
from hesuan.planner.files.run import model_of
from hesuan.planner.inputs import Checker, Cluster, Model, Precision
from hesuan.planner.inputs.checking import NOT_POSITIVE
from hesuan.planner.serving.inputs import Deployment, Engine, ExpertBalance, Limits, Phase, Pool, Serving
from hesuan.toml_table import Document, Table

BATCH_OR_CONCURRENCY = declare(
    "serving.batch_or_concurrency",
    en="A forecast needs `batch` (requests of one attention rank) or `concurrency` (requests of the whole "
    "deployment): one of the two, not {count}.",
    zh="预测需要 `batch`（每 rank 请求数）或 `concurrency`（全部请求数）：二者取一，现有 {count}。",
)
TOO_MANY_CARDS = declare(
    "serving.too_many_cards",
    en="The plan takes {cards} cards; the cluster has {has}. With instances = {near} it takes no more.",
    zh="该方案需要 {cards} 张卡；集群有 {has} 张。instances = {near} 时不超出。",
)
INSTANCE_TOO_LARGE = declare(
    "serving.instance_too_large",
    en="One instance takes tp x dp x pp = {cards} cards; the cluster has {has} for it. With dp = {dp} and "
    "tp = {tp} it takes no more.",
    zh="一个实例需要 tp × dp × pp = {cards} 张卡；集群可给它 {has} 张。dp = {dp}、tp = {tp} 时不超出。",
)
NO_EXPERTS = declare(
    "serving.no_experts",
    en="`ep` is {ep}; {model} has no experts to spread. It can only be 1.",
    zh="`ep` 为 {ep}；{model} 没有可分布的专家。只能为 1。",
)
OTHER_PHASE = declare(
    "serving.plan_of_other_phase",
    en='`phase` is "{phase}"; that takes {wanted}.',
    zh="“phase”为“{phase}”；它需要 {wanted}。",
)
POOLS = ("prefill", "decode")
SEARCHED = (Phase.AGGREGATED, Phase.DISAGGREGATED)


@dataclass(frozen=True, slots=True)
class ServingRun:
    """What a file asks for; without a ``[plan]`` there is no deployment: a search finds one."""

    model: Model
    cluster: Cluster
    serving: Serving
    """With the plan's concurrency; 1 where there is none."""
    limits: Limits
    phases: tuple[Phase, ...]
    """What a search tries: the file's ``phase``, else together and apart."""
    deployment: Deployment | None
    document: Document

    @property
    def plan_where(self) -> str:
        """``file:line`` of the plan."""
        return self.document.where(("plan",))


def read_serving(path: Path) -> ServingRun:
    """Reads a whole serving.

    Raises:
        Faults: everything that is wrong with it.
    """
    top = open_file(path)
    model = model_of(top.table("model"), path.parent)
    cluster = cluster_of(top.table("cluster"))
    asked, limits = _serving(top.table("serving"))
    top.asked.add("plan")
    plan = _plan(top.table("plan"), model, cluster, asked.get("phase")) if "plan" in top.values else None
    top.close()
    given = asked.get("phase")
    phase = given or (Phase.DISAGGREGATED if plan and plan.prefill else Phase.AGGREGATED)
    whole = asked | {"phase": phase, "concurrency": plan.concurrency if plan else 1.0}
    serving = made_of(top.table("serving"), Serving, whole)
    finish(top.document)
    assert model and cluster and serving
    deployment = None
    if plan:
        prefill = plan.decode if phase is Phase.PREFILL else plan.prefill
        deployment = Deployment(model=model, cluster=cluster, decode=plan.decode, prefill=prefill)
    phases = (given,) if given else SEARCHED
    return ServingRun(model, cluster, serving, limits, phases, deployment, top.document)


def _serving(table: Table) -> tuple[dict[str, Any], Limits]:
    """``ttft_ms`` and ``tpot_ms`` are bounds; the other keys are named as in ``Serving``."""
    values = values_of(table, Serving, only_given=True)
    values |= {key: table.number(key) for key in ("isl", "osl")}
    table.asked.discard("concurrency")
    values.pop("concurrency", None)
    values |= choice(table, "phase", Phase) | choice(table, "precision", Precision)
    values |= choice(table, "engine", Engine)
    values |= _expert_balance(table)
    limits = Limits(ttft_s=_bound_s(table, "ttft_ms"), tpot_s=_bound_s(table, "tpot_ms"))
    table.close()
    return values, limits


def _expert_balance(table: Table) -> dict[str, ExpertBalance | float]:
    """A word or a number of at least 1, as a training's ``imbalance``; nothing where the key is left out."""
    value = table.values.get("expert_balance")
    if isinstance(value, int | float):
        return {"expert_balance": table.number("expert_balance")}
    return dict(choice(table, "expert_balance", ExpertBalance))


def _bound_s(table: Table, key: str) -> float | None:
    table.asked.add(key)
    if key not in table.values:
        return None
    value = table.number(key)
    if not value > 0:
        table.fault(InputFault(NOT_POSITIVE, where=table.where(key), field=key, found=value))
    return value * 1e-3


@dataclass(frozen=True, slots=True)
class _Laid:
    decode: Pool
    prefill: Pool | None
    concurrency: float


def _plan(table: Table, model: Model | None, cluster: Cluster | None, phase: Phase | None) -> _Laid | None:
    apart = any(name in table.values for name in POOLS)
    _fits_phase(table, phase, apart=apart)
    if apart:
        found = {name: _pool(table.table(name), model, cluster, needed=True) for name in POOLS}
    else:
        found = {"decode": _pool(table, model, cluster, needed=False), "prefill": None}
    load = _load(table, needed=phase is not Phase.PREFILL)
    table.close()
    decode, prefill = found["decode"], found["prefill"]
    if decode is None or load is None or (apart and prefill is None):
        return None
    if cluster and model and not is_faulty(table):
        pools = {"prefill": prefill, "decode": decode}
        _on_cluster(table, {name: pool for name, pool in pools.items() if pool}, cluster, model)
    batch, concurrency = load
    return _Laid(decode, prefill, concurrency or batch * decode.dp * decode.instances)


def _fits_phase(table: Table, phase: Phase | None, *, apart: bool) -> None:
    if phase is None or apart == (phase is Phase.DISAGGREGATED):
        return
    wanted = "[plan.prefill] + [plan.decode]" if phase is Phase.DISAGGREGATED else "[plan]"
    where = table.document.where(("serving", "phase"))
    table.fault(InputFault(OTHER_PHASE, where=where, phase=phase.value, wanted=wanted))


def _load(table: Table, *, needed: bool) -> tuple[float, float] | None:
    """Batch and concurrency, one of them 0."""
    given = [key for key in ("batch", "concurrency") if key in table.values]
    table.asked.update(("batch", "concurrency"))
    if len(given) != 1 and (needed or given):
        where = table.document.where(table.path)
        table.fault(InputFault(BATCH_OR_CONCURRENCY, where=where, count=len(given)))
        return None
    values = {key: table.number(key) for key in given}
    for key, value in values.items():
        if not value > 0:
            table.fault(InputFault(NOT_POSITIVE, where=table.where(key), field=key, found=value))
            return None
    return values.get("batch", 1.0 if not given else 0.0), values.get("concurrency", 0.0)


def _pool(table: Table, model: Model | None, cluster: Cluster | None, *, needed: bool) -> Pool | None:
    """One pool; ``instances`` may be left out where it alone takes the cluster: it fills the cards then."""
    values = values_of(table, Pool)
    if needed:
        values["instances"] = table.number("instances")
        table.close()
    inner = values.get("tp", 1) * values.get("dp", 1) * values.get("pp", 1)
    if "instances" not in values and cluster and inner > 0:
        values["instances"] = max(cluster.cards // inner, 1)
    try:
        pool = Pool(**values)
    except Faults as several:
        _placed(table, several.faults)
        return None
    if model:
        _legal(table, pool, model)
    return pool


def _legal(table: Table, pool: Pool, model: Model) -> None:
    """What the model cannot be cut into."""
    check = Checker("pool")
    if model.attending:
        check.divides("tp", pool.tp, of="model.heads", whole=model.heads)
    check.within(pool, "pp", 1, model.layers)
    if not model.experts and pool.ep > 1:
        check.add(InputFault(NO_EXPERTS, where="pool.ep", ep=pool.ep, model=model.name))
    _placed(table, check.faults)


def _placed(table: Table, faults: Any) -> None:
    """Keeps the faults of a pool at its table's lines."""
    for fault in faults:
        where = table.where(fault.where.rpartition(".")[2])
        table.fault(InputFault(fault.code, where=where, **fault.facts))


def _on_cluster(table: Table, pools: dict[str, Pool], cluster: Cluster, model: Model) -> None:
    """All instances fit the cards, or the nearest number of them is told."""
    room, where = cluster.cards, table.document.where(table.path)
    for pool in pools.values():
        cards = pool.cards_per_instance
        if cards > room:
            tp = _largest_divisor(model.heads, min(pool.tp, max(room // pool.pp, 1)))
            dp = max(room // (tp * pool.pp), 1)
            table.fault(InputFault(INSTANCE_TOO_LARGE, where=where, cards=cards, has=room, tp=tp, dp=dp))
            return
        room -= cards
    wanted = sum(pool.cards for pool in pools.values())
    if wanted > cluster.cards:
        near = _fewer(pools, cluster.cards)
        told = ", ".join(f"{name} {count}" if len(near) > 1 else str(count) for name, count in near.items())
        fault = InputFault(TOO_MANY_CARDS, where=where, cards=f"{wanted:g}", has=cluster.cards, near=told)
        table.fault(fault)


def _largest_divisor(whole: int, most: int) -> int:
    return max((size for size in range(1, most + 1) if whole % size == 0), default=1)


def _fewer(pools: dict[str, Pool], cards: int) -> dict[str, int]:
    """Whole instances in about the same ratio that take no more than the cards; one of each is known to."""
    found = dict.fromkeys(pools, 1)
    wanted = sum(pool.cards for pool in pools.values())

    def taken(counts: dict[str, int]) -> int:
        return sum(pools[name].cards_per_instance * count for name, count in counts.items())

    for name, pool in pools.items():
        share = int(pool.instances * cards / wanted)
        found[name] = max(share, 1)
        while found[name] > 1 and taken(found) > cards:
            found[name] -= 1
    return found
