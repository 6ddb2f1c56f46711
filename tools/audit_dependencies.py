"""Holds the locked dependencies against published vulnerabilities; ends with 1 when one of them is affected.

pip-audit asks the advisory service of the package index. Where no network is, or the service does not know a
package, pip-audit itself calls that "no known vulnerabilities"; here it is counted and said loudly as *left
out*. Left out is not a failure, because a service that is away must not stop a correction from being
published, unless ``HESUAN_AUDIT_REQUIRE=on`` says that it is: whoever releases sets it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

LOCKED = "requirements/dev.txt"
"""The largest of the locked files: it holds what the others hold."""
COMMAND = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json", "-r", LOCKED)
LONGEST_S = 120
ACCEPTED: dict[str, str] = {}
"""Advisory → why it does not concern Hesuan, and until when that was judged."""


@dataclass
class Verdict:
    """What an audit came to."""

    audited: int = 0
    affected: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)


def read(report: dict[str, Any], accepted: dict[str, str]) -> Verdict:
    """A report of pip-audit, every package counted once."""
    verdict = Verdict()
    for package in report["dependencies"]:
        name = f"{package['name']} {package.get('version', '')}".strip()
        if "skip_reason" in package:
            verdict.left_out.append(f"{name}: {package['skip_reason']}")
            continue
        verdict.audited += 1
        for found in package["vulns"]:
            mended = ", ".join(found["fix_versions"]) or "no release yet"
            line = f"{name}: {found['id']}; mended in {mended}"
            known = {found["id"], *found.get("aliases", [])} & accepted.keys()
            (verdict.accepted if known else verdict.affected).append(line)
    return verdict


def told(verdict: Verdict) -> list[str]:
    """The verdict in lines; what was left out stands last and cannot be overlooked."""
    lines = [f"AFFECTED {line}" for line in verdict.affected]
    lines += [f"accepted {line}" for line in verdict.accepted]
    lines.append(f"dependencies: {verdict.audited} audited, {len(verdict.affected)} affected")
    if verdict.left_out:
        lines.append(
            f"*** LEFT OUT: {len(verdict.left_out)} NOT AUDITED, the first: {verdict.left_out[0]} ***"
        )
    return lines


def exit_code(verdict: Verdict, *, required: bool) -> int:
    """1 when a package is affected, or when all were to be audited and some were not."""
    return 1 if verdict.affected or (required and verdict.left_out) else 0


def audit() -> Verdict:
    """Asks the advisory service."""
    command = [sys.executable, "-m", "pip_audit", *COMMAND]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
        return read(json.loads(done.stdout), ACCEPTED)
    except (subprocess.TimeoutExpired, ValueError) as error:
        return Verdict(left_out=[f"everything: the advisory service did not answer ({type(error).__name__})"])


def main() -> int:
    """Audits and prints."""
    verdict = audit()
    for line in told(verdict):
        print(line)
    return exit_code(verdict, required=os.environ.get("HESUAN_AUDIT_REQUIRE") == "on")


if __name__ == "__main__":
    sys.exit(main())
