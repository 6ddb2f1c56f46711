"""The cells of a sweep on a Ray cluster, named by its client address ``ray://host:port``.

This is the only module that knows Ray, and it is imported only where somebody names a Ray cluster. Its nodes
need this Python's version, Ray and NumPy; Hesuan they need not have: the planner's source travels with the
sweep, so that both ends compute with the same lines. Nothing is installed there and nobody is told of it.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hesuan
from hesuan.cli.language import said
from hesuan.cli.planning.workers import ONE_THREAD, Found, Progress, pieces
from hesuan.errors import InputFault, Unavailable, declare
from hesuan.planner.explore.sweep import Cell, Job, broken, fill_all, numpy_version, without

RAY_MISSING = declare(
    "plan.ray_missing",
    en="`--on {address}` needs the Python package {package}, which is not installed here:"
    " pip install 'hesuan[ray]'",
    zh="`--on {address}` 需要 Python 包 {package}，本机尚未安装：pip install 'hesuan[ray]'",
)
RAY_UNREACHABLE = declare(
    "plan.ray_unreachable",
    en="No Ray cluster answers at {address}: {problem}. The address is that of Ray's client server"
    " (`ray start --head --ray-client-server-port=10001`).",
    zh="{address} 没有 Ray 集群应答：{problem}。该地址应为 Ray 的 client server"
    "（`ray start --head --ray-client-server-port=10001`）。",
)
RAY_UNFIT = declare(
    "plan.ray_unfit",
    en="The nodes of {address} cannot compute a cell: {problem}. They need Python {python}, Ray and NumPy.",
    zh="{address} 的节点无法计算：{problem}。节点需要 Python {python}、Ray 与 NumPy。",
)
RAY_SILENT = declare(
    "plan.ray_silent",
    en="Nothing came from {address} for {seconds} s; {done} of {total} cells were answered."
    " Has it any free CPU?",
    zh="{address} 已 {seconds} 秒没有返回；{total} 格中已有 {done} 格。集群是否有空闲 CPU？",
)

PATIENCE_S = 300.0
"""A cell takes seconds; Ray itself waits for ever where the link to a node was cut."""
DOOR_S = 10.0
AT_HOME = ("/agent", "/cli", "/hub", "/policy", "/replay", "/wire", "__pycache__")
"""Parts of the package that no cell needs and that stay here."""


def run_on_ray(jobs: Sequence[Job], address: str, workers: int | None, progress: Progress) -> list[Cell]:
    """The cells in the order of their jobs.

    Args:
        workers: Tasks at once; as many as the cluster has CPUs when left out.

    Raises:
        InputFault: ``plan.ray_missing``.
        Unavailable: ``plan.ray_unreachable``, ``plan.ray_unfit``, ``plan.ray_silent``.
    """
    ray = _ray(address)
    _connect(ray, address)
    try:
        _require_fit(ray, address)
        at_once = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        found = _answers(ray, jobs, address, at_once, progress)
    finally:
        ray.shutdown()
    return [found[at] for at in range(len(jobs))]


def _ray(address: str) -> Any:
    """Ray itself, told before its import to report to nobody."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import grpc  # noqa: F401 - Ray's client needs it, and tells of its absence late and in many words
        import ray
    except ModuleNotFoundError as error:
        raise InputFault(RAY_MISSING, address=address, package=error.name or "ray") from None
    return ray


def _connect(ray: Any, address: str) -> None:
    """Opens the door first: Ray tries an address where nobody listens for half a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    surroundings = {
        "py_modules": [str(Path(hesuan.__file__).parent)],
        "excludes": list(AT_HOME),
        "env_vars": ONE_THREAD,
    }
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=DOOR_S).close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what goes wrong is told in one sentence
            ray.init(address, runtime_env=surroundings, logging_level=logging.ERROR, log_to_driver=False)
    except Exception as error:  # Ray raises many kinds; each means that there is no cluster to work on
        raise Unavailable(RAY_UNREACHABLE, address=address, problem=_first_line(error)) from None


def _require_fit(ray: Any, address: str) -> None:
    """Asks a node which NumPy it has, before two thousand cells fail for one reason."""
    try:
        theirs = ray.get(ray.remote(numpy_version).remote(), timeout=PATIENCE_S)
    except Exception as error:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Unavailable(RAY_UNFIT, address=address, problem=_first_line(error), python=python) from None
    if theirs != numpy_version():
        told = said(
            en=f"NumPy is {theirs} there and {numpy_version()} here: a last digit may differ.",
            zh=f"集群的 NumPy 为 {theirs}，本机为 {numpy_version()}：末位数字可能不同。",
        )
        print(told, file=sys.stderr)


def _answers(ray: Any, jobs: Sequence[Job], address: str, at_once: int, progress: Progress) -> Found:
    """Keeps ``at_once`` tasks going. A piece whose task is lost for good is asked again cell by cell."""
    task = ray.remote(fill_all)
    waiting, found = pieces(len(jobs), at_once), Found()
    going: dict[Any, range] = {}
    while waiting or going:
        while waiting and len(going) < at_once:
            piece = waiting.pop(0)
            going[task.remote([jobs[at] for at in piece])] = piece
        ready, _ = ray.wait(list(going), num_returns=1, timeout=PATIENCE_S)
        if not ready:
            counts: dict[str, Any] = {"done": len(found), "total": len(jobs)}
            raise Unavailable(RAY_SILENT, address=address, seconds=round(PATIENCE_S), **counts)
        piece = going.pop(ready[0])
        try:
            found.update(zip(piece, ray.get(ready[0]), strict=True))
        except ray.exceptions.RayError as error:
            if len(piece) > 1:
                waiting += [range(at, at + 1) for at in piece]
            else:
                found[piece[0]] = without(jobs[piece[0]], broken(_first_line(error)))
        progress(len(found), len(jobs))
    return found


def _first_line(error: Exception) -> str:
    """What an error says in one line; where that only announces what follows, with the last line of that."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    return (f"{said} {lines[-1]}" if said.endswith(":") and len(lines) > 1 else said).rstrip(".")
