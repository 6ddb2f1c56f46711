"""Every programme that ships, loaded and activated as an office would: open rules are named, each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.people import Person, signer
from tools import reference_programmes

import hesuan.policy
from hesuan.errors import Refused
from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import ProgrammeVersion
from hesuan.policy.cases import CaseFile, load_cases

RUN = {
    "cn.beijing.suanliquan.2023",
    "cn.hangzhou.suanliquan.2025",
    "cn.henan.suanliquan.2023",
    "cn.langfang.suanliquan.2023",
    "cn.nanning.suanliquan.2025",
    "cn.qingyang.suanliquan.2024",
    "cn.shenzhen.xunliquan.2026",
    "cn.wuhu.suanliquan.2025",
    "cn.zhangzhou.suanliquan.2025",
}
"""What can be activated today; the reference page says of the others why not."""
FOLDER = Path(hesuan.policy.__file__).parent / "programmes"


def expected(path: Path) -> CaseFile:
    beside = path.with_name(path.name.replace(".yaml", ".cases.yaml"))
    return load_cases(beside.read_text(), source=beside.name)


def documents(*, refused: bool) -> list[Path]:
    found = sorted(path for path in FOLDER.glob("*.yaml") if not path.name.endswith(".cases.yaml"))
    return [path for path in found if (expected(path).status == "refused") == refused]


def load(officer: Person, path: Path) -> ProgrammeVersion:
    return services.load_programme(actor=officer.actor, text=path.read_text(), source_name=path.name)


def reasons(refused: Refused) -> list[dict[str, object]]:
    found = refused.facts["reasons"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("path", documents(refused=True), ids=lambda path: path.stem)
def test_activating_it_is_refused_and_each_open_rule_is_named(officer: Person, path: Path) -> None:
    draft = load(officer, path)
    with pytest.raises(Refused) as refused:
        services.activate(actor=signer(officer).actor, version_id=draft.id)
    assert refused.value.code.name == "programme.open_rule"
    assert set(expected(path).open) <= {reason["field"] for reason in reasons(refused.value)}
    for language in ("en", "zh"):
        sentence = refused.value.sentence(language)
        assert all(field in sentence for field in expected(path).open)
    draft.refresh_from_db()
    assert draft.state == ProgrammeVersion.State.DRAFT


@pytest.mark.parametrize("path", documents(refused=False), ids=lambda path: path.stem)
def test_what_has_no_open_rule_runs_or_is_told_what_the_platform_does_not_carry_out(
    officer: Person, path: Path
) -> None:
    draft = load(officer, path)
    if path.stem in RUN:
        version = services.activate(actor=signer(officer).actor, version_id=draft.id)
        assert version.state == ProgrammeVersion.State.ACTIVE
        return
    with pytest.raises(Refused) as refused:
        services.activate(actor=signer(officer).actor, version_id=draft.id)
    assert refused.value.code.name == "programme.not_activatable"


@pytest.mark.parametrize(("language", "name"), [("en", "programmes.md"), ("zh", "programmes.zh.md")])
def test_the_reference_page_tells_the_same(language: str, name: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / name).read_text()
    runs = reference_programmes.WORDS[language]["runs"]
    told = {row.split("`")[1] for row in page.splitlines() if row.startswith("| [`") and runs in row}
    assert told == RUN
