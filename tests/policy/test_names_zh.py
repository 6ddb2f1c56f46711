"""A trace read in Chinese: no identifier of the document stands alone, each is beside its name.

Asked of every step and every refusal of every case that ships, and of the lists the names are made from.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from tests.policy.rules import ask, rules_with

import hesuan.policy
from hesuan.policy import names_zh
from hesuan.policy.cases import Case, load_cases, run_case
from hesuan.policy.facts import FACTS
from hesuan.policy.sections import KEYS, LINE_KINDS, WINDOWS

FOLDER = Path(hesuan.policy.__file__).parent / "programmes"
CASES = sorted(FOLDER.glob("*.cases.yaml"))
BESIDE = re.compile(r"`[^`]*`|“[^”（]*”|（[^（）]*）|^\S+:\d+: |[\w.]+\.yaml:\d+")
"""What a reader passes over: quoted values, identifiers in brackets, the place in the document."""
ALONE = re.compile(r"[a-z]{3,}[a-z_.]*")


def alone(sentence: str) -> list[str]:
    """The identifiers and English words that stand by themselves."""
    while (shorter := BESIDE.sub("", sentence)) != sentence:
        sentence = shorter
    return ALONE.findall(sentence)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem.removesuffix(".cases"))
def test_no_line_of_a_case_leaves_a_reader_with_an_identifier(path: Path) -> None:
    cases = load_cases(path.read_text(), source=path.name)
    document = path.with_name(path.name.replace(".cases", ""))
    told = 0
    for case in cases.all:
        if not isinstance(case, Case):
            continue
        decision, _ = run_case(cases.programme(case, document.read_text(), source=document.name), case)
        # What a condition asks for, and what somebody stated, is quoted from the documents as it stands.
        stated = set(ALONE.findall(" ".join(map(str, case.facts.stated.values()))))
        for line in (*decision.trace, *decision.failures):
            words = [word for word in alone(line.sentence("zh")) if word not in stated]
            assert words == [], line.sentence("zh")
            told += 1
    assert told


def test_an_identifier_alone_would_be_seen() -> None:
    """Negative control: the sentences as they were."""
    assert alone("适用档次 small。") == ["small"]
    assert alone("¥1.00 取整为 ¥1.00（floor，单位 ¥0.01）。市级 ¥1.00，indiaai ¥2.00。") == ["indiaai"]
    assert alone("按申领方、每自然年的上限（unit_year）：¥1.00 尚余 ¥1.00。") == []


def test_every_fact_key_window_and_kind_has_its_name() -> None:
    assert set(FACTS) <= set(names_zh.FACTS)
    assert set(KEYS) == set(names_zh.KEYS) and set(WINDOWS) == set(names_zh.WINDOWS)
    assert set(LINE_KINDS) <= set(names_zh.LINE_KINDS)
    tables = (names_zh.FACTS, names_zh.KEYS, names_zh.WINDOWS, names_zh.LINE_KINDS, names_zh.SECTIONS)
    assert all(re.search("[\u4e00-\u9fff]", name) for table in tables for name in table.values())


def test_a_limit_is_named_by_what_it_counts() -> None:
    caps = (
        "caps: [{id: a, key: [applicant], window: rolling(P3Y), limit: 1.00, counts: issued},"
        " {id: b, key: [contract], window: lifetime, limit: 1, counts: claims}]"
    )
    programme = rules_with(caps)
    assert programme.names_zh["cap a"] == "按申领方、滚动 3 年的上限（a）"
    assert programme.names_zh["cap b"] == "按合同、全程的次数上限（b）"
    assert programme.names_zh["budget year"] == "每自然年的预算（year）"
    assert programme.names_zh["tier all"] == "第 1 档：固定比例 3/10（all）"


def test_a_refusal_names_the_fact_and_the_document_is_cited() -> None:
    refused = ask(rules_with(), stated={"relation.related_party": True}, on=date(2025, 6, 1))
    [failure] = refused.failures
    assert failure.sentence("zh") == (
        "t.yaml:11: “与供给方是否关联（relation.related_party）”为 是；"
        "计划要求 `relation.related_party == false`。"
    )
    assert failure.facts["fact"] == "relation.related_party", "for programs as ever"
    assert "`relation.related_party` is true" in failure.sentence("en")
