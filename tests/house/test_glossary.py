"""The console speaks by the glossary: the term's own word in Chinese, and none of the words refused there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tools import messages

GLOSSARY = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"

HELD_TO = (
    "programme", "voucher", "centre", "site agent", "offering", "quote", "order", "hold", "capture",
    "receipt", "work order", "work unit", "checkpoint", "budget", "organisation", "log", "fact",
)  # fmt: skip
"""Terms whose English word has one meaning in the console, so that the Chinese word can be demanded."""

ELSEWHERE = {
    "In order of waiting": "a sequence",
    "Facts": "the members of one leaf",
    "Facts the rules ask for": "facts about an applicant",
    "Facts by name": "facts about an applicant",
    "Other facts …": "facts about an applicant",
    "Upload documents and put facts on record": "facts about an organisation",
    "Fact": "a fact about an organisation",
    "Enter a fact …": "a fact about an organisation",
    "a fact of the organisation": "a fact about an organisation",
}
"""Texts in which a word means something else, and what."""

REFUSED_CHINESE = {
    "凭证": "the bookkeeper's voucher; a 算力券 is none",
    "代金券": "a coupon",
    "优惠券": "a coupon",
    "供应商": "a provider; say 算力中心",
    "任务": "a task; say 作业 or 运行",
    "算力卷": "a misspelling of 算力券",
    "帐": "the older form of 账",
    "采集器": "a collector; say 站点代理",
}
REFUSED_ENGLISH = r"\b(coupon|center|provider|collector|SKU|tariff|campaign|billing|tenant|freeze)s?\b"


def glossary_terms() -> dict[str, tuple[str, ...]]:
    """Term → the Chinese words that may stand for it, from the table."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", GLOSSARY.read_text(), re.M)
    terms: dict[str, tuple[str, ...]] = {}
    for english, chinese in rows:
        names = re.split(r", | / ", re.sub(r" \(.*?\)", "", english))
        words = re.split(r"、| / ", chinese)
        for index, name in enumerate(names):
            own = words[index] if len(words) == len(names) else chinese
            alternatives = [part for part in re.split(r"[（）]", own) if part]
            terms[name.strip()] = (*terms.get(name.strip(), ()), *alternatives)
    return terms


def translations() -> Iterator[tuple[str, str]]:
    """Every English text of the console with its Chinese."""
    path = messages.catalogue_path("zh_Hans")
    for message in messages._read(path, "zh_Hans"):
        if message.id:
            english = message.id if isinstance(message.id, str) else " ".join(message.id)
            chinese = message.string if isinstance(message.string, str) else " ".join(message.string)
            yield english, chinese


def off_the_glossary(english: str, chinese: str, terms: dict[str, tuple[str, ...]]) -> list[str]:
    """The terms that a text uses in English and not, by their own word, in Chinese."""
    if english in ELSEWHERE:
        return []
    plain = re.sub(r"%\(\w+\)s", "", english).lower()
    wrong = []
    for term in sorted(HELD_TO, key=len, reverse=True):  # "work order" before "order"
        plain, times = re.subn(rf"\b{term}s?\b", "", plain)
        if times and not any(word in chinese for word in terms[term]):
            wrong.append(f"{term} is {' or '.join(terms[term])}")
    return wrong


def test_the_texts_use_the_glossarys_words() -> None:
    terms = glossary_terms()
    found = {
        english: wrong
        for english, chinese in translations()
        if (wrong := off_the_glossary(english, chinese, terms))
    }
    assert found == {}


def test_the_texts_use_no_refused_word() -> None:
    for english, chinese in translations():
        assert [word for word in REFUSED_CHINESE if word in chinese] == [], english
        assert re.findall(REFUSED_ENGLISH, english, re.I) == []


def test_every_term_held_to_stands_in_the_glossary() -> None:
    assert [term for term in HELD_TO if term not in glossary_terms()] == []


def test_the_glossary_check_finds_a_bookkeepers_voucher_and_a_missing_word() -> None:
    terms = glossary_terms()
    assert off_the_glossary("Apply for a voucher", "申请凭证", terms) != []
    assert off_the_glossary("Apply for a voucher", "申领算力券", terms) == []
    assert "凭证" in REFUSED_CHINESE and re.search(REFUSED_ENGLISH, "a coupon for the center")
