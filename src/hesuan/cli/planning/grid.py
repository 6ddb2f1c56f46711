"""The grid of a sweep as a person writes it: files and folders × names, patterns and sizes of clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from hesuan.cli.planning.kinds import is_serving
from hesuan.cli.planning.offers import NOT_AN_OFFER, read_offer
from hesuan.cli.planning.runs import calibrations_of
from hesuan.errors import Faults, InputFault, declare
from hesuan.planner.calibration import Calibration, chosen, require_used
from hesuan.planner.catalog import cluster_names
from hesuan.planner.explore import Job
from hesuan.planner.files import Run, read_run

NO_WORKLOADS = declare(
    "plan.no_workloads",
    en="{path} holds no .toml file of a training.",
    zh="{path} 中没有训练的 .toml 文件。",
)
NO_CLUSTERS = declare(
    "plan.no_clusters",
    en="No cluster of the catalogue is named like `{pattern}`. Names: {names}.",
    zh="目录中没有名称匹配“{pattern}”的集群。现有：{names}。",
)
NOT_SIZES = declare(
    "plan.not_sizes",
    en="`{text}` is not a list of card counts; write such as 64,256,1024.",
    zh="“{text}”不是卡数列表；请写如 64,256,1024。",
)
WILD = "*?["


def read_grid(
    files: Sequence[Path], clusters: str, cards: str | None, calibrations: Sequence[Path] = ()
) -> list[Job]:
    """All pairs, workload by workload, in the order they were named; each offer and each file once.

    Of ``calibrations``, else of the one that a run names, each moves the clusters it holds for; one of
    ``calibrations`` that holds for none is a fault.

    Raises:
        Faults: every faulty file and word, told at once.
    """
    faults: list[InputFault] = []
    words: list[str] = []
    runs: dict[Path, Run] = {}
    jobs: list[Job] = []
    with _gathered(faults):
        words = _offer_words(clusters, _sizes(cards))
    for path in dict.fromkeys(_paths(files, faults)):
        with _gathered(faults):
            runs[path] = read_run(path)
    for name, run in zip(_names(list(runs)), runs.values(), strict=True):
        work, known = run.workload, list[Calibration]()
        with _gathered(faults):
            known = calibrations_of(calibrations, run)
        for word in words:
            with _gathered(faults):
                offer = read_offer(word, work.cluster, where="--clusters")
                jobs.append(Job(name, word, work.model, work.training, offer, chosen(known, offer)))
    if jobs and not faults:
        with _gathered(faults):
            named = [Calibration.load(path) for path in calibrations]
            require_used(named, list({job.cluster.name: job.cluster for job in jobs}.values()))
    if faults:
        raise Faults({fault.sentence(): fault for fault in faults}.values())
    return jobs


@contextmanager
def _gathered(faults: list[InputFault]) -> Iterator[None]:
    """Keeps the faults of a block, so that all are told together."""
    try:
        yield
    except InputFault as fault:
        faults.append(fault)
    except Faults as several:
        faults.extend(several.faults)


def _paths(files: Sequence[Path], faults: list[InputFault]) -> Iterator[Path]:
    """Files as named, and the trainings of folders; a serving beside them is another verb's."""
    for path in files:
        inside = [path]
        if path.is_dir():
            inside = [one for one in sorted(path.glob("*.toml")) if not is_serving(one)]
        if not inside:
            faults.append(InputFault(NO_WORKLOADS, path=path))
        yield from inside


def _names(paths: Sequence[Path]) -> list[str]:
    """Files by their bare names; by their paths where two are named alike."""
    stems = [path.stem for path in paths]
    return [str(path) if stems.count(path.stem) > 1 else path.stem for path in paths]


def _sizes(text: str | None) -> list[int]:
    sizes = [part.strip() for part in text.split(",")] if text else []
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in sizes):
        raise InputFault(NOT_SIZES, where="--cards", text=text)
    return list(dict.fromkeys(map(int, sizes)))


def _offer_words(text: str, sizes: Sequence[int]) -> list[str]:
    """The offers, patterns spelt out and sizes filled in: ``hgx-*@14`` → ``hgx-a100:64@14``, …"""
    words: dict[str, None] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        for word in [part] if part.endswith(".toml") else _spelt_out(part):
            words |= dict.fromkeys(_sized(word, sizes))
    if not words:
        raise InputFault(NOT_AN_OFFER, where="--clusters", text=text)
    return list(words)


def _spelt_out(part: str) -> list[str]:
    cut = min((part.index(mark) for mark in ":@" if mark in part), default=len(part))
    pattern, rest = part[:cut], part[cut:]
    if not any(mark in pattern for mark in WILD):
        return [part]
    found = [name + rest for name in cluster_names() if fnmatchcase(name, pattern)]
    if not found:
        raise InputFault(NO_CLUSTERS, where="--clusters", pattern=pattern, names=", ".join(cluster_names()))
    return found


def _sized(word: str, sizes: Sequence[int]) -> list[str]:
    if not sizes or ":" in word or word.endswith(".toml"):
        return [word]
    name, at, price = word.partition("@")
    return [f"{name}:{cards}{at}{price}" for cards in sizes]
