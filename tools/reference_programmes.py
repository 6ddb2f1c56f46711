"""``docs/reference/programmes.md`` and ``.zh.md``: the programmes that ship, what each rests on and lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hesuan.policy
from hesuan.policy.cases import CaseFile, load_cases
from hesuan.policy.fields import Interpretation
from hesuan.policy.linter import blocking
from hesuan.policy.nodes import Plain, plain
from hesuan.policy.programme import Programme
from hesuan.policy.schema import load

FOLDER = Path(hesuan.policy.__file__).parent / "programmes"

INTRODUCTION = {
    "en": """# Programmes that ship

[中文](programmes.zh.md)

Real programmes of support for computing, as documents in `src/hesuan/policy/programmes/`, each with its
cases beside it (facts in, expected amount out), which the tests run. What the published rule does not say is
`"?"` there. To read or write one: [the guide](../guide/programmes.md), [the schema](programme-schema.md).

None of them is run by its issuer here. Where a demonstration needs a gap filled, the Demonstration office
示范办 has decided, citing why. Such a decision is an **assumption**: it is part of the version's digest, and
the trace of every amount that rests on it names it. Whoever runs a programme of their own replaces them.

| Status | Meaning |
| --- | --- |
| runnable | every rate, limit and least amount is published; assumptions fill what stands around them |
| on assumptions | what is paid rests on an assumption about a rule, or on a source that is not official |
| refused | rules that money depends on were not found, so it cannot be activated; nothing replaces them |

The status speaks of the rules, and the engine decides all their cases. The last column says whether the
platform runs the programme today; where not, what it does not carry out is named here, as it is when a
version is activated.

Evidence: **O** official text, **P** press or reprint of it, **M** mirror, **S** secondary.

""",
    "zh": """# 随软件提供的计划

[English](programmes.md)

真实的算力支持计划，以文档形式存于 `src/hesuan/policy/programmes/`，旁边是各自的算例（给定事实、预期金额），
由测试运行。公布的规则没有写明之处，文档中写作 `"?"`。阅读与编写：
[指南](../guide/programmes.zh.md)、[模式说明](programme-schema.zh.md)。

此处的计划均非由其发布机构运行。演示所需的空白由“Demonstration office 示范办”裁定并写明依据。
这种裁定即**假定**：它属于版本摘要的一部分，凡以其为据的金额，决定记录中都会注明。
自行运营计划者应以自己的裁定取代。

| 状态 | 含义 |
| --- | --- |
| 可运行 | 比例、限额与下限均已公布；假定只填补其外围 |
| 依假定运行 | 金额取决于对某条规则的假定，或来源并非官方 |
| 不予激活 | 金额所依赖的规则未能查到，因此不能激活；不以任何内容代替 |

状态只就规则而言，引擎能决定全部算例。最后一列说明平台今天能否运行该计划；不能的，列出尚不能执行之处，激活版本时也会逐项指明。

证据等级：**O** 官方文本，**P** 报刊或转载，**M** 镜像，**S** 二手。

""",
}
HEADER = {
    "en": "| Programme | Issuer | Status | Evidence | Open rules | Assumptions | Cases | On the platform |\n",
    "zh": "| 计划 | 发布机构 | 状态 | 证据 | 未定规则 | 假定 | 算例 | 平台上 |\n",
}
STATUS = {
    "en": {"runnable": "runnable", "assumptions": "on assumptions", "refused": "refused"},
    "zh": {"runnable": "可运行", "assumptions": "依假定运行", "refused": "不予激活"},
}
LACKS = {
    "en": {
        "unit": "counts in {}, the ledger in CNY",
        "counts": "a limit on what is redeemed, where users are paid back",
        "key": "a limit by {}",
        "base.kinds": "nothing of it is metered ({})",
        "settlement.flow": "pays by {}",
        "exchange": "units are exchanged",
        "issuance.selection": "selects by {}",
        "rate_kind": "pays up to a rate, and nobody sets the rate of one claim",
        "eligible": "asks for what nobody states ({})",
        "suppliers.require": "asks for what nobody states ({})",
        "when": "asks for what nobody states ({})",
    },
    "zh": {
        "unit": "以 {} 计，账本为人民币",
        "counts": "退还用户的方式下按兑付计的限额",
        "key": "按 {} 计的限额",
        "base.kinds": "其费用类别（{}）平台不计量",
        "settlement.flow": "资金流为 {}",
        "exchange": "单位须兑换",
        "issuance.selection": "以 {} 遴选",
        "rate_kind": "比例为上限，而单份兑付申请无人核定比例",
        "eligible": "所问事实（{}）无人可陈述",
        "suppliers.require": "所问事实（{}）无人可陈述",
        "when": "所问事实（{}）无人可陈述",
    },
}
"""What the platform does not carry out, by the field's name or the last part of it."""
ISSUED = {
    "en": {"none": "nothing is issued, aid comes after use", "order": "issued with the order"},
    "zh": {"none": "不发券，使用后直补", "order": "随订单发放"},
}
WORDS = {
    "en": {
        "runs": "**runs**",
        "beyond": "no: ",
        "and": "; ",
        "rules": "no: open rules",
        "sources": "Sources",
        "open": "Open rules",
        "assumed": "Assumptions",
        "rule": "Rule",
        "as": "As",
        "why": "Why",
    },
    "zh": {
        "runs": "**可运行**",
        "beyond": "否：",
        "and": "；",
        "rules": "否：规则未定",
        "sources": "来源",
        "open": "未定规则",
        "assumed": "假定",
        "rule": "规则",
        "as": "取值",
        "why": "依据",
    },
}


@dataclass(frozen=True, slots=True)
class Shipped:
    """One programme and its cases."""

    programme: Programme
    cases: CaseFile
    open: tuple[str, ...]


def shipped() -> Iterator[Shipped]:
    """Every programme, by id."""
    for beside in sorted(FOLDER.glob("*.cases.yaml")):
        document = beside.with_name(beside.name.replace(".cases.yaml", ".yaml"))
        programme = load(document.read_text(encoding="utf-8"), source=document.name)
        cases = load_cases(beside.read_text(encoding="utf-8"), source=beside.name)
        yield Shipped(programme, cases, tuple(one.field for one in blocking(programme)))


def page(language: str = "en") -> str:
    """The whole page in one language."""
    found = list(shipped())
    table = [HEADER[language], f"{'| --- ' * 8}|\n"]
    table += [_row(one, language) for one in found]
    return INTRODUCTION[language] + "".join(table) + "".join(_section(one, language) for one in found)


def page_zh() -> str:
    """The whole page in Chinese."""
    return page("zh")


def _row(one: Shipped, language: str) -> str:
    programme = one.programme
    cells = [
        f"[`{programme.id}`](#{programme.id.replace('.', '')})",
        programme.issuer,
        STATUS[language][one.cases.status],
        str(programme.terms.evidence),
        str(len(one.open) or "–"),
        str(len(programme.interpreted) or "–"),
        str(len(one.cases.all)),
        on_the_platform(one, language),
    ]
    return f"| {' | '.join(cells)} |\n"


def on_the_platform(one: Shipped, language: str) -> str:
    """Whether the platform runs it today, and what keeps it from that."""
    # The hub's room stands on Django, which `prepare` has set up by now.
    from hesuan.hub.programmes import reach

    words = WORDS[language]
    if one.open:
        return words["rules"]
    told = [
        _lack(str(dict(found.facts)["value"]), found.field, language) for found in reach.beyond(one.programme)
    ]
    return words["beyond"] + words["and"].join(dict.fromkeys(told)) if told else words["runs"]


def _lack(value: str, field: str, language: str) -> str:
    if field == "issuance.event":
        return ISSUED[language][value]
    words = LACKS[language]
    return words[field if field in words else field.rpartition(".")[2]].format(f"`{value}`")


def _section(one: Shipped, language: str) -> str:
    programme, words = one.programme, WORDS[language]
    links = ", ".join(f"[{source.title or source.url}]({source.url})" for source in programme.terms.sources)
    parts = [
        f"\n## {programme.id}\n\n{programme.title}\n\n{one.cases.why[language]}\n",
        f"\n{words['sources']}: {links}\n",
    ]
    if one.open:
        parts.append(f"\n{words['open']}: {' '.join(f'`{field}`' for field in one.open)}\n")
    if programme.interpreted:
        parts.append(f"\n| {words['assumed']} | {words['as']} | {words['why']} |\n| --- | --- | --- |\n")
        parts += [_assumption(path, entry, language) for path, entry in programme.interpreted.items()]
    return "".join(parts)


def _assumption(path: str, entry: Interpretation, language: str) -> str:
    en, _, zh = entry.citing.partition(" For demonstration only. ")
    why = zh.removesuffix("仅供演示。") if language == "zh" else en
    return f"| `{path}` | `{_text(plain(entry.value))}` | {why} |\n"


def _text(value: Plain) -> str:
    """A value as a document writes it."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) + "}"
    return value
