"""The cells of a sweep on the cores of this machine: a pool of processes, one thread each.

Processes are spawned, never forked: a fork copies a parent that may hold locks and threads. A worker that
dies (the kernel takes memory back, somebody ends it) breaks its whole pool, so what is unanswered then is
asked once more one by one, each in a process that may die alone; the cell that ends its process says so.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress

from hesuan.planner.explore.sweep import Cell, Job, broken, fill_all, without

Progress = Callable[[float, float], None]
Found = dict[int, Cell]
"""Cells by the number of their job."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ONE_THREAD = dict.fromkeys(THREADS, "1")
"""Each process has one core; libraries that start a thread a core would fight over them."""
MOST_AT_ONCE = 16
SHARES = 8
"""So many pieces for each worker, that the last ones do not wait for one."""


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pieces(count: int, workers: int) -> list[range]:
    """The numbers 0 … count - 1 in runs long enough to be worth a message, and short enough to share out."""
    size = max(1, min(MOST_AT_ONCE, count // (workers * SHARES)))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def run_here(jobs: Sequence[Job], workers: int, progress: Progress) -> list[Cell]:
    """The cells in the order of their jobs; with one worker in this process itself."""
    found: Found = {}
    if workers == 1 or len(jobs) <= 1:
        for at, job in enumerate(jobs):
            found[at] = fill_all([job])[0]
            progress(len(found), len(jobs))
    else:
        _together(jobs, found, min(workers, len(jobs)), progress)
        _alone(jobs, found, progress)
    return [found[at] for at in range(len(jobs))]


def _together(jobs: Sequence[Job], found: Found, workers: int, progress: Progress) -> None:
    """All pieces in one pool; ends early when a worker dies."""
    with _pool(workers) as pool:
        asked: dict[Future[tuple[Cell, ...]], range] = {}
        with suppress(BrokenProcessPool), _deaf():
            for piece in pieces(len(jobs), workers):
                asked[pool.submit(fill_all, [jobs[at] for at in piece])] = piece
        for future in as_completed(asked):
            with suppress(BrokenProcessPool, CancelledError):
                found.update(zip(asked[future], future.result(), strict=True))
            progress(len(found), len(jobs))


def _alone(jobs: Sequence[Job], found: Found, progress: Progress) -> None:
    """What a broken pool left, one by one, in a process that is made anew when it dies."""
    left = [at for at in range(len(jobs)) if at not in found]
    while left:
        with _pool(1) as pool:
            while left:
                at = left.pop(0)
                try:
                    with _deaf():
                        future = pool.submit(fill_all, [jobs[at]])
                    found[at] = future.result()[0]
                except BrokenProcessPool:
                    found[at] = without(jobs[at], broken("its process ended"))
                    break
                finally:
                    progress(len(found), len(jobs))


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end with the block, at once where the block is left by an error or Ctrl-C."""
    before = set(multiprocessing.active_children())
    with _environment(ONE_THREAD):
        pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - before:
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes started in here never hear Ctrl-C, which a terminal sends to all: this one ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables that processes started in here inherit."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
