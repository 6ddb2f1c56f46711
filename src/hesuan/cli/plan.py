"""``hesuan plan``: how a training is best laid on cards, how long it takes, what it costs, how sure that is.

Every verb stands on the bare installation; nothing is asked of a hub. The arithmetic is the planner's
(:mod:`hesuan.planner`), the words and pictures are :mod:`hesuan.cli.planning`'s, one module a verb.
"""

from __future__ import annotations

import argparse
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.planning.kinds import is_serving

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

Verb = Callable[[argparse.Namespace], Exit]

MODULES = {
    "forecast": "forecasting",
    "search": "searching",
    "compare": "comparing",
    "sweep": "sweeping",
    "fit": "fitting",
    "backtest": "backtesting",
}
"""Word to module of :mod:`hesuan.cli.planning`."""
OF_SERVING = {
    "forecast": "serving_forecasting",
    "search": "serving_searching",
    "compare": "serving_comparing",
}
"""The same, where the file has a ``[serving]``."""


def main(argv: list[str]) -> int:
    """Runs ``hesuan plan …``; returns the exit code."""
    words = _parser().parse_args(argv)
    modules = OF_SERVING if words.verb in OF_SERVING and is_serving(words.file) else MODULES
    return _verb(modules[words.verb])(words)


def _verb(module: str) -> Verb:
    """One verb only is imported: a forecast shall not wait for what a back-test needs."""
    return cast(Verb, pkgutil.resolve_name(f"hesuan.cli.planning.{module}:run"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hesuan plan",
        description=said(
            en="How a training or a serving is best laid on cards, how fast it is, what it costs. No "
            "hub is needed.",
            zh="训练或推理在加速卡上怎样布置最好、有多快、花多少钱。不需要平台。",
        ),
    )
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="forecast|search|compare|sweep|fit|backtest"
    )
    _forecast(verbs)
    _search(verbs)
    _compare(verbs)
    _sweep(verbs)
    _fit(verbs)
    _backtest(verbs)
    return parser


def _forecast(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "forecast",
        en="one plan: step time and its parts, memory, money, with an 80 %% interval",
        zh="一个并行方案：单步耗时及其构成、显存、费用，附 80%% 区间",
    )
    _run_file(verb)
    _calibration(verb)
    _answer(verb)


def _search(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "search",
        en="every legal plan: the frontier, the best, and why the others lost",
        zh="穷举全部合法方案：前沿、最优，以及其余方案落选的理由",
    )
    _run_file(verb)
    verb.add_argument(
        "--by",
        choices=("time", "money", "cards"),
        help=said(
            en="what the list is sorted by: time (a serving: tokens per card) unless said",
            zh="列表按什么排序；缺省为 time（推理则为每卡词元）",
        ),
    )
    _top(verb)
    _calibration(verb)
    _answer(verb)


def _compare(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "compare",
        en="offers against each other, each at its own best plan, by useful work per yuan",
        zh="比较多个集群，各取自己的最优方案，以每元有效工作量排序",
    )
    _run_file(verb)
    verb.add_argument(
        "--on",
        required=True,
        metavar="A,B,…",
        help=said(
            en="names of clusters in the catalogue, or .toml files with a [cluster], with commas between",
            zh="目录中的集群名，或含 [cluster] 的 .toml 文件，以逗号分隔",
        ),
    )
    _calibration(verb)
    _answer(verb)


def _sweep(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "sweep",
        en="many workloads on many clusters, each pair at its own best plan, over all cores or on Ray",
        zh="多个训练任务 × 多个集群，每一对取自己的最优方案；用满本机各核，或在 Ray 集群上运行",
    )
    verb.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="RUN.toml|FOLDER",
        help=said(en="workloads; of a folder all its .toml files", zh="训练任务；文件夹则取其中全部 .toml"),
    )
    verb.add_argument(
        "--clusters",
        required=True,
        metavar="A,B,…",
        help=said(
            en="as `--on` of compare: NAME, NAME:CARDS, NAME:CARDS@YUAN, FILE.toml; a NAME may be a pattern"
            " of the catalogue's names: 'hgx-*', '*:1024'",
            zh="写法同 compare 的 --on：名称、名称:卡数、名称:卡数@元、FILE.toml；"
            "名称可用通配符：'hgx-*'、'*:1024'",
        ),
    )
    verb.add_argument(
        "--cards",
        metavar="N,N,…",
        help=said(
            en="sizes of the clusters named without one; without it each run's own",
            zh="未写卡数的集群取这些卡数；缺省取各任务自己的卡数",
        ),
    )
    _calibration(verb)
    _sweep_engine(verb)
    _sweep_answer(verb)


def _sweep_engine(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--on",
        default="local",
        metavar="local|ray://HOST:PORT",
        help=said(
            en="where it is computed: here, or on a Ray cluster (extra `ray`), with the same answer",
            zh="在何处计算：本机，或 Ray 集群（需要可选依赖 `ray`）；结果相同",
        ),
    )
    verb.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help=said(
            en="cells at once; without it as many as there are cores", zh="同时计算的格数；缺省为全部核数"
        ),
    )


def _sweep_answer(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--by",
        choices=("worth", "speed", "step", "mfu"),
        help=said(
            en="figure of the matrix: tokens per yuan (where every price is known), tokens per second,"
            " step time, MFU",
            zh="表中数值：每元词元（价格齐全时的缺省）、每秒词元、单步耗时、MFU",
        ),
    )
    verb.add_argument(
        "--plans",
        action="store_true",
        help=said(en="also the best plan of every cell", zh="另列每一格的最优方案"),
    )
    form = verb.add_mutually_exclusive_group()
    form.add_argument(
        "--json", dest="as_json", action="store_true", help=said(en="for programs", zh="供程序使用")
    )
    form.add_argument(
        "--csv", dest="as_csv", action="store_true", help=said(en="one line a cell", zh="每格一行")
    )


def _fit(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "fit",
        en="measured runs of one cluster (five are enough) → its efficiencies, residuals, intervals",
        zh="由一个集群的实测运行（五行即可）拟合效率，给出残差与区间",
    )
    verb.add_argument(
        "rows",
        type=Path,
        metavar="ROWS.csv",
        help=said(en="columns: docs/guide/plan.md", zh="列名见 docs/guide/plan.zh.md"),
    )
    verb.add_argument(
        "--save",
        type=Path,
        metavar="FILE.toml",
        help=said(
            en="write the calibration that the other verbs read with --calibration",
            zh="写出校准文件，其他动词用 --calibration 读取",
        ),
    )
    verb.add_argument(
        "--cluster",
        metavar="NAME",
        help=said(
            en="name of the cluster it holds for; without it the catalogue's name of the rows' cluster",
            zh="它适用的集群名称；缺省为各行集群在目录中的名称",
        ),
    )
    verb.add_argument(
        "--date",
        default="",
        metavar="DAY",
        help=said(
            en="day of the runs, written as it stands; without it the last of the rows' column `date`",
            zh="运行日期，原样写入文件；缺省取各行 `date` 列中最晚者",
        ),
    )
    _answer(verb)


def _backtest(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "backtest",
        en="forecasts against measured rows: the errors by source, chip and kind",
        zh="用实测数据检验预测：按来源、芯片与类别列出误差",
    )
    verb.add_argument(
        "--rows",
        type=Path,
        metavar="FILE.csv",
        help=said(
            en="trainings or servings, known by their columns; without it the rows that come with Hesuan",
            zh="训练或推理数据，由列名识别；缺省为随合算附带的数据",
        ),
    )
    _answer(verb)


def _add(verbs: Verbs, name: str, *, en: str, zh: str) -> argparse.ArgumentParser:
    text = said(en=en, zh=zh)
    return verbs.add_parser(name, help=text, description=text.replace("%%", "%"))


def _run_file(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "file",
        type=Path,
        metavar="RUN.toml",
        help=said(en="model, cluster, training or serving, plan", zh="模型、集群、训练或推理、并行方案"),
    )


def _calibration(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--calibration",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.toml",
        help=said(
            en="what `fit --save` wrote from measured runs; repeatable, each holds for its chip",
            zh="`fit --save` 由实测运行写出的文件；可重复，各自适用于所写的芯片",
        ),
    )


def _top(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--top",
        type=int,
        default=10,
        metavar="N",
        help=said(en="how many plans are listed (10)", zh="列出多少个方案（10）"),
    )


def _answer(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--json", dest="as_json", action="store_true", help=said(en="for programs", zh="供程序使用")
    )
    verb.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.svg|png",
        help=said(
            en="save a picture too; PNG needs the extra `plot`",
            zh="另存一张图；PNG 需要可选依赖 `plot`",
        ),
    )
