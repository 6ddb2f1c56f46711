"""RUN.toml: ``[model]``, ``[cluster]``, ``[training]`` and, where one plan is asked about, ``[plan]``.

Names are looked up in the catalogue; dimensions beside or instead of a name are taken as they stand. Every
fault is told with file and line, all together; a key that nobody knows is told with the nearest right one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hesuan.errors import Faults, InputFault, declare
from hesuan.planner.catalog import model as model_named
from hesuan.planner.files.config import model_from_config
from hesuan.planner.files.fill import Error, choice, is_faulty, looked_up, made_of, placed, values_of
from hesuan.planner.files.machine import cluster_of
from hesuan.planner.inputs import (
    Cluster,
    Mla,
    Model,
    Plan,
    Precision,
    Recompute,
    Schedule,
    Training,
    Workload,
)
from hesuan.toml_table import Document, Table, read

UNREADABLE = declare(
    "planner.file_unreadable",
    en="{path} cannot be read: {problem}.",
    zh="无法读取 {path}：{problem}。",
)
CARDS_DO_NOT_DIVIDE = declare(
    "planner.cards_do_not_divide",
    en="`dp` is left out and tp x pp x cp = {inner} does not divide the cluster's {cards} cards. Name `dp`.",
    zh="未写 `dp`，而 tp × pp × cp = {inner} 不能整除集群的 {cards} 张卡。请写明 `dp`。",
)


@dataclass(frozen=True, slots=True)
class Run:
    """What a file asks for; ``plan`` is None without a ``[plan]``: a search finds one."""

    workload: Workload
    plan: Plan | None
    document: Document
    calibration: Path | None = None
    """The file of ``calibration = "FILE"``, looked for beside this one."""

    def placed(self, error: Error) -> Error:
        """An error about this run's inputs, such as ``plan.tp``, at its line."""
        return placed(self.document, error)

    def placed_faults(self, faults: Faults) -> Faults:
        """Likewise, of all faults."""
        return Faults(self.placed(fault) for fault in faults.faults)


def read_run(path: Path) -> Run:
    """Reads a whole run.

    Raises:
        Faults: everything that is wrong with it.
    """
    top = open_file(path)
    model = model_of(top.table("model"), path.parent)
    cluster = cluster_of(top.table("cluster"))
    training = _training(top.table("training"))
    calibration = calibration_beside(top, path.parent)
    top.asked.add("plan")
    plan = _plan(top.table("plan"), cluster) if "plan" in top.values else None
    top.close()
    finish(top.document)
    assert model and cluster and training
    return Run(Workload(model, cluster, training), plan, top.document, calibration)


def calibration_beside(top: Table, folder: Path) -> Path | None:
    """The path of ``calibration``, relative to the file's folder; a fault where no file is."""
    name = top.text("calibration", "")
    if not name:
        return None
    if not (folder / name).is_file():
        problem = "no such file"
        top.fault(InputFault(UNREADABLE, where=top.where("calibration"), path=name, problem=problem))
    return folder / name


def read_cluster(path: Path) -> Cluster:
    """Reads the ``[cluster]`` of a file that may hold anything else besides.

    Raises:
        Faults: everything that is wrong with it.
    """
    top = open_file(path)
    cluster = cluster_of(top.table("cluster"))
    finish(top.document)
    assert cluster
    return cluster


def open_file(path: Path) -> Table:
    """The outermost table of a file.

    Raises:
        Faults: it cannot be read, or is no TOML.
    """
    try:
        return read(path)
    except OSError as error:
        problem = error.strerror or str(error)
        raise Faults([InputFault(UNREADABLE, path=path, problem=problem)]) from None


def finish(document: Document) -> None:
    """Raises the faults in the order of their lines, each once."""
    unique = {fault.sentence(): fault for fault in document.faults}
    document.faults[:] = sorted(unique.values(), key=_line)
    document.finish()


def _line(fault: InputFault) -> int:
    line = fault.where.rpartition(":")[2]
    return int(line) if line.isdigit() else 0


def model_of(table: Table, folder: Path) -> Model | None:
    """By a name of the catalogue or a published ``config.json``, single dimensions changed or not; or by its
    dimensions alone. The path of a ``config`` is relative to the file's folder.
    """
    if "config" in table.values:
        found = looked_up(table, "config", lambda text: model_from_config(folder / text))
    elif "layers" in table.values or "hidden" in table.values:
        return _model_by_dimensions(table)
    else:
        found = looked_up(table, "name", model_named)
    given = values_of(table, Model, only_given=True) | _mla(table)
    table.asked.add("config")
    table.close()
    if "config" not in table.values:
        given.pop("name", None)
    return made_of(table, partial(replace, found), given) if found else None


def _model_by_dimensions(table: Table) -> Model | None:
    """``kv_heads`` is ``heads`` and ``head_dim`` is ``hidden / heads`` unless they are given."""
    asked = dict(table.values)
    heads, hidden = asked.get("heads"), asked.get("hidden")
    if isinstance(heads, int) and isinstance(hidden, int) and heads > 0:
        asked = {"kv_heads": heads, "head_dim": hidden // heads, "ffn": 0, **asked}
    whole = Table(table.document, {"name": "model", **asked}, table.path)
    values = values_of(whole, Model) | _mla(whole)
    whole.close()
    return made_of(table, Model, values)


def _mla(table: Table) -> dict[str, Mla]:
    """``mla = { q_lora = 1536, kv_lora = 512, rope = 64, nope = 128, value = 128 }``, where there is one."""
    if "mla" not in table.values:
        table.asked.add("mla")
        return {}
    inner = table.table("mla")
    values = values_of(inner, Mla)
    inner.close()
    made = made_of(inner, Mla, values)
    return {"mla": made} if made else {}


def _training(table: Table) -> Training | None:
    """``tokens`` is what the whole training reads; the other keys are named as in ``Training``."""
    values = values_of(table, Training) | choice(table, "precision", Precision)
    if "tokens" in table.values:
        values["tokens_total"] = table.number("tokens")
    table.asked.add("tokens")
    table.close()
    return made_of(table, Training, values)


def _plan(table: Table, cluster: Cluster | None) -> Plan | None:
    """``dp`` may be left out: it takes the cards that the other sizes leave."""
    values = values_of(table, Plan)
    values |= choice(table, "recompute", Recompute) | choice(table, "schedule", Schedule)
    table.close()
    if "dp" not in values and cluster is not None and not is_faulty(table):
        inner = values.get("tp", 1) * values.get("pp", 1) * values.get("cp", 1)
        if inner <= 0 or cluster.cards % inner:
            where = table.document.where(table.path)
            table.fault(InputFault(CARDS_DO_NOT_DIVIDE, where=where, inner=inner, cards=cluster.cards))
            return None
        values["dp"] = cluster.cards // inner
    return made_of(table, Plan, values)
