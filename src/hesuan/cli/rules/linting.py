"""``hesuan programme lint``: everything the linter finds in some documents, for people or for programs."""

from __future__ import annotations

import re
from pathlib import Path

from hesuan.cli.exits import Exit
from hesuan.cli.language import current, said
from hesuan.cli.rules.files import Json, plain_facts, print_json, read_text
from hesuan.errors import Faults, InputFault
from hesuan.policy.finding import Finding
from hesuan.policy.linter import lint
from hesuan.policy.schema import load

_PLACE = re.compile(r"(.*?):([0-9]+)(?::([0-9]+))?")


def run(paths: list[Path], *, as_json: bool) -> Exit:
    """Lints every file, prints, and answers with the worst: 0 clean, 1 something blocks, 2 unreadable."""
    reports = [_lint(path) for path in paths]
    worst = max(report.exit for report in reports)
    if as_json:
        print_json({"exit": int(worst), "files": [report.as_json() for report in reports]})
    else:
        for report in reports:
            report.show()
    return worst


class Report:
    """What was found in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.programme: dict[str, Json] = {}
        self.findings: tuple[Finding, ...] = ()
        self.faults: tuple[InputFault, ...] = ()

    @property
    def blocks(self) -> int:
        """How many findings keep it from being activated."""
        return sum(one.blocks for one in self.findings) + len(self.faults)

    @property
    def exit(self) -> Exit:
        """This file's own exit code."""
        return Exit.FAULTY if self.faults else Exit.REFUSED if self.blocks else Exit.DONE

    def show(self) -> None:
        """Prints one line for each finding, then one for the file."""
        for fault in self.faults:
            print(f"{_severity(True)}  {fault.sentence(current())} [{fault.code.name}]")
        for one in self.findings:
            print(f"{_severity(one.blocks)}  {one.sentence(current())} [{one.code.name}]")
        warns = len(self.findings) + len(self.faults) - self.blocks
        if self.faults:
            en = f"{self.path.name}: not a programme yet, {self.blocks} faults."
            zh = f"{self.path.name}：尚不成其为计划，错误 {self.blocks} 处。"
        else:
            name = f"{self.programme['programme']} version {self.programme['version']}"
            name_zh = f"{self.programme['programme']} 版本 {self.programme['version']}"
            en = f"{self.path.name}: {name}: {self.blocks} block activation, {warns} warnings."
            zh = f"{self.path.name}：{name_zh}：阻止激活 {self.blocks} 项，警告 {warns} 项。"
        print(said(en=en, zh=zh))

    def as_json(self) -> Json:
        """The same for programs; the keys are stable."""
        found: list[Json] = [_fault_as_json(fault, self.path.name) for fault in self.faults]
        found += [_finding_as_json(one, self.path.name) for one in self.findings]
        return {
            "file": self.path.name,
            "readable": not self.faults,
            "programme": self.programme.get("programme"),
            "version": self.programme.get("version"),
            "digest": self.programme.get("digest"),
            "blocks": self.blocks,
            "warns": len(found) - self.blocks,
            "findings": found,
        }


def _lint(path: Path) -> Report:
    report = Report(path)
    try:
        programme = load(read_text(path), source=path.name)
    except InputFault as fault:
        report.faults = (fault,)
    except Faults as error:
        report.faults = error.faults
    else:
        report.programme = {
            "programme": programme.id,
            "version": programme.version,
            "digest": programme.digest,
        }
        report.findings = lint(programme)
    return report


def _severity(blocks: bool) -> str:
    return said(en="blocks", zh="阻止激活") if blocks else said(en="warns ", zh="警告    ")


def _finding_as_json(one: Finding, file: str) -> Json:
    return {
        "code": one.code.name,
        "severity": "blocks" if one.blocks else "warns",
        "field": one.field,
        "file": file,
        "line": one.line,
        "column": one.column,
        "en": one.text("en"),
        "zh": one.text("zh"),
        "facts": plain_facts(one.facts),
    }


def _fault_as_json(fault: InputFault, file: str) -> Json:
    place = _PLACE.fullmatch(fault.where)
    return {
        "code": fault.code.name,
        "severity": "blocks",
        "field": str(fault.facts.get("key") or fault.facts.get("path") or ""),
        "file": file,
        "line": int(place[2]) if place else 0,
        "column": int(place[3] or 0) if place else 0,
        "en": fault.code.en.format_map(fault.facts),
        "zh": fault.code.zh.format_map(fault.facts),
        "facts": plain_facts(fault.facts),
    }
