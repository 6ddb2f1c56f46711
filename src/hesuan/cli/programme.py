"""``hesuan programme``: lint, check and try a programme's document; load it into the hub.

All but ``load`` stand on the bare installation: whoever writes rules needs no platform to know what they say.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hesuan.cli.exits import Exit, tell
from hesuan.cli.language import current, said
from hesuan.cli.rules import deciding, linting, simulating
from hesuan.cli.rules.files import read_text
from hesuan.errors import Faults, InputFault, NotFound
from hesuan.policy.cases import load_cases
from hesuan.policy.linter import lint
from hesuan.policy.schema import load

CASES = ".cases.yaml"

if TYPE_CHECKING:
    from hesuan.hub.identity.actors import Actor

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def main(argv: list[str]) -> int:
    """Runs ``hesuan programme …``; returns the exit code."""
    words = _parser().parse_args(argv)
    if words.verb == "load":
        return _load(words.file, words.name)
    if words.verb == "activate":
        return _activate(words.file, words.name)
    if words.verb == "lint":
        return linting.run(words.files, as_json=words.as_json)
    if words.verb == "decide":
        return deciding.run(
            words.file,
            facts=words.facts,
            counters=words.counters,
            assume=words.assume,
            as_json=words.as_json,
        )
    if words.verb == "simulate":
        return simulating.run(
            words.file,
            claims_path=words.claims,
            assume=words.assume,
            grid=simulating.read_grid(words.rate, words.cap, words.steps),
            plot=words.plot,
            as_json=words.as_json,
        )
    codes = [_check(path) for path in words.files]
    return max(codes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hesuan programme",
        description=said(en="Programmes as documents.", zh="以文档写成的计划。"),
    )
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="lint|check|decide|simulate|load|activate"
    )
    _add_lint(verbs)
    check = verbs.add_parser(
        "check",
        help=said(
            en="what keeps it from being activated; runs FILE.cases.yaml beside it",
            zh="列出阻止激活的问题，并运行同名的 .cases.yaml 算例",
        ),
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE.yaml")
    _add_decide(verbs)
    _add_simulate(verbs)
    load_verb = verbs.add_parser(
        "load", help=said(en="store it in the hub as a draft", zh="作为草案存入平台")
    )
    load_verb.add_argument("file", type=Path, metavar="FILE.yaml")
    load_verb.add_argument(
        "--as",
        dest="name",
        required=True,
        help=said(en="a programme officer's sign-in name", zh="计划专员登录名"),
    )
    activate = verbs.add_parser(
        "activate",
        help=said(en="put a stored draft into force, by another person", zh="由另一人激活已存入的草案"),
    )
    activate.add_argument("file", type=Path, metavar="FILE.yaml")
    activate.add_argument(
        "--as",
        dest="name",
        required=True,
        help=said(
            en="an approver's sign-in name, not that of whoever loaded it", zh="审批人登录名，不得是载入者"
        ),
    )
    return parser


def _add_lint(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "lint",
        help=said(
            en="faults, open rules, tiers nobody reaches, cliffs, amounts that do not fit each other",
            zh="列出错误、未定规则、无人适用的档次、断崖与互不相容的金额",
        ),
        epilog=said(
            en="Exit code: 0 nothing blocks activation, 1 something does, 2 a file is no programme.",
            zh="退出码：0 没有阻止激活的问题；1 有；2 文件不是计划文档。",
        ),
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.yaml")
    _add_json(parser)


def _add_decide(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "decide",
        help=said(en="one request, with every step it was decided by", zh="裁定一笔申请，并列出每一步依据"),
        epilog=said(
            en="Exit code: 0 granted, 1 refused or queued, 2 a file is faulty.",
            zh="退出码：0 资助；1 不予支付或排队；2 文件有误。",
        ),
    )
    parser.add_argument("file", type=Path, metavar="FILE.yaml")
    parser.add_argument(
        "--facts",
        type=Path,
        required=True,
        metavar="FACTS.json",
        help=said(
            en="what is known about the request; - for standard input", zh="申请的事实；- 表示标准输入"
        ),
    )
    parser.add_argument(
        "--counters",
        type=Path,
        metavar="C.json",
        help=said(en="what caps and budgets have used; nothing without", zh="上限与预算的已用数额；缺省为零"),
    )
    _add_assume(parser)
    _add_json(parser)


def _add_simulate(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "simulate",
        help=said(
            en="a year of claims: what is spent, when it is gone, who gets nothing and why",
            zh="试算一年的申领：花了多少、何时用完、谁得不到及原因",
        ),
    )
    parser.add_argument("file", type=Path, metavar="FILE.yaml")
    parser.add_argument(
        "--claims",
        type=Path,
        required=True,
        metavar="CLAIMS.csv",
        help=said(
            en="claim, on, kind, amount; tax, metered_on, event, registries, other_aid; facts by their name",
            zh="列：claim、on、kind、amount；tax、metered_on、event、registries、other_aid；其余为事实名称",
        ),
    )
    _add_assume(parser)
    for name, default, en, zh in (
        ("rate", "5/100", "added to every rate at each step", "每一步加到各档比例上"),
        ("cap", "1/4", "part by which each step changes every cap", "每一步改变各上限的比例"),
    ):
        text = said(en=f"{en} ({default})", zh=f"{zh}（{default}）")
        parser.add_argument(f"--{name}", default=default, metavar=default, help=text)
    steps = said(en="steps to each side, 0 to 3 (1)", zh="两侧各几步，0 至 3（1）")
    parser.add_argument("--steps", type=int, default=1, choices=range(4), metavar="N", help=steps)
    plot = said(en="draw it as FILE.svg or FILE.png", zh="画成 FILE.svg 或 FILE.png")
    parser.add_argument("--plot", type=Path, metavar="FILE", help=plot)
    _add_json(parser)


def _add_assume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--assume",
        type=Path,
        metavar="ASSUME.yaml",
        help=said(en="interpretations to try a draft with", zh="试算草案所用的解释"),
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json",
        dest="as_json",
        action="store_true",
        help=said(en="print JSON, for programs", zh="以 JSON 输出，供程序使用"),
    )


def _check(path: Path) -> Exit:
    """Prints every finding and every case that came out otherwise."""
    try:
        text = read_text(path)
        programme = load(text, source=path.name)
        findings = lint(programme)
        differences, count = _run_cases(path, text)
    except (Faults, InputFault) as error:
        return tell(error)
    for finding in findings:
        weight = said(en="blocks", zh="阻止激活") if finding.blocks else said(en="note", zh="提示")
        print(f"{weight}  {finding.sentence(current())}")
    for difference in differences:
        print(difference)
    blocks = sum(finding.blocks for finding in findings)
    print(
        said(
            en=f"{path.name}: {programme.id} version {programme.version}, {blocks} open or blocking rules,"
            f" {count - len(differences)} of {count} cases as expected.",
            zh=f"{path.name}：{programme.id} 版本 {programme.version}，阻止激活的规则 {blocks} 条，"
            f"{count} 个算例中 {count - len(differences)} 个符合预期。",
        )
    )
    return Exit.REFUSED if blocks or differences else Exit.DONE


def _run_cases(path: Path, text: str) -> tuple[list[str], int]:
    """Differences, one a case, and how many cases there are."""
    beside = path.with_name(path.name.removesuffix(".yaml") + CASES)
    if not beside.exists():
        return [], 0
    cases = load_cases(read_text(beside), source=beside.name)
    found = [case.differences(cases.programme(case, text, source=path.name)) for case in cases.all]
    return ["\n".join(lines) for lines in found if lines], len(cases.all)


def _load(path: Path, name: str) -> Exit:
    """Stores a document as a draft."""
    actor = _actor(name)
    from hesuan.hub.programmes import services

    version = services.load_programme(actor=actor, text=read_text(path), source_name=path.name)
    print(f"{version.id}  {version.programme_id}  {version.version}  {version.state}")
    return Exit.DONE


def _activate(path: Path, name: str) -> Exit:
    """Activates the stored version that this file is, to the byte of its meaning."""
    actor = _actor(name)
    from hesuan.hub.programmes import selectors, services
    from hesuan.hub.programmes.errors import PROGRAMME_NOT_FOUND

    document = load(read_text(path), source=path.name)
    stored = [one for one in selectors.versions(actor, document.id) if one.digest == document.digest]
    if not stored:
        raise NotFound(PROGRAMME_NOT_FOUND, programme=document.id)
    version = services.activate(actor=actor, version_id=stored[0].id)
    print(f"{version.id}  {version.programme_id}  {version.version}  {version.state}")
    return Exit.DONE


def _actor(name: str) -> Actor:
    """Somebody who can sign in; whoever runs this has the hub's machine anyway."""
    try:
        from hesuan.hub.config import server
    except ModuleNotFoundError as error:
        from hesuan.cli.main import EXTRA_MISSING

        raise InputFault(EXTRA_MISSING, word="programme load", package=error.name, extra="hub") from None
    server.set_up()
    server.require_migrated()
    from hesuan.cli.hub import NO_SUCH_NAME
    from hesuan.hub.identity.models import Identity
    from hesuan.hub.identity.selectors import actor_of

    identity = Identity.objects.filter(username=name).first()
    if identity is None:
        raise NotFound(NO_SUCH_NAME, username=name)
    return actor_of(identity)
