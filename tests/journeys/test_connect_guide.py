"""The guide for a new centre as written: a hub, Slurm's own daemons, the tokens of three people.

What the page calls ``https://compute.example``, ``/var/lib/hesuan`` and ``/shared/hesuan`` is this test's.
A block of the page begins with a remark that says who types it; words in capitals are what an earlier answer
held. The Chinese page types the same, so one walk serves for both.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.docs.shown import ROOT
from tests.engines import slurm as clusters

from hesuan.cli.client import Hub, Login
from hesuan.cli.demo.command import cast
from hesuan.cli.demo.people import Person
from hesuan.cli.demo.stage import Process, Stage
from hesuan.cli.demo.story import wait_for
from hesuan.wire.ids import new_id

PAGES = {"en": "connect-a-centre.md", "zh": "connect-a-centre.zh.md"}
HESUAN = 'hesuan() { "$PYTHON" -m hesuan.cli "$@"; }\n'
"""The command of this very installation."""
WHO = {
    "the centre's operator": "centre",
    "the platform's operator": "operator",
    "the user": "owner",
    "the machine": "",
}


def blocks(language: str, kind: str) -> list[str]:
    page = (ROOT / "docs" / "guide" / PAGES[language]).read_text()
    return re.findall(rf"```{kind}\n(.*?)```", page, re.S)


def bare(text: str) -> list[str]:
    """Without remarks, which each language has in its own words."""
    return [re.sub(r"\s*#.*", "", line) for line in text.splitlines() if not line.startswith("#")]


def test_both_languages_type_the_same() -> None:
    for kind in ("sh", "toml"):
        assert [bare(one) for one in blocks("en", kind)] == [bare(one) for one in blocks("zh", kind)] != []


@dataclass
class Walk:
    """One walk through the page: what it has learnt, and where its folders are."""

    stage: Stage
    people: dict[str, Person]
    folder: Path
    cluster: clusters.Cluster
    known: dict[str, str] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        places = {
            "https://compute.example": self.stage.address,
            "/var/lib/hesuan": str(self.folder / "agent"),
            "/shared/hesuan": str(self.folder / "shared"),
            "/opt/hesuan/apps": str(ROOT / "apps"),
            "hsn_operator": self.people["centre"].token,
        }
        for shown, real in {**places, **self.known}.items():
            text = re.sub(rf"(?<![\w-]){re.escape(shown)}(?![\w-])", real, text)
        return text

    def environment(self, who: str) -> dict[str, str]:
        login = {"HESUAN_HUB": self.stage.address, "HESUAN_TOKEN": self.people[who].token} if who else {}
        slurm = {"SLURM_CONF": str(self.cluster.conf)} if not who else {}
        return {**self.stage.environment(), "PYTHON": sys.executable, "COLUMNS": "120", **login, **slurm}

    def type(self, block: str) -> str:
        remark, _, script = block.partition("\n")
        who = WHO[remark.removeprefix("# ").strip()]
        if "hesuan agent run" in script:
            return self.serve(script)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", HESUAN + self.filled(script)],
            cwd=self.folder,
            env=self.environment(who),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def serve(self, script: str) -> str:
        words = self.filled(script).split()
        assert words[0] == "hesuan"
        popen = subprocess.Popen(
            [sys.executable, "-m", "hesuan.cli", *words[1:]],
            cwd=self.folder,
            env=self.environment(""),
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / "agent.log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.stage.processes.append(Process("agent", popen, self.folder / "agent.log"))
        with Hub(Login(self.stage.address, self.people["centre"].token)) as hub:
            wait_for(
                "inventory", lambda: hub.get(f"centres/{self.known['CENTRE']}"), lambda it: it["observed"]
            )
        return ""

    def learn(self, block: str, said: str) -> None:
        """What later blocks name in capitals."""
        if "/api/v1/me" in block:
            _, end = json.JSONDecoder().raw_decode(said)  # one object behind the other
            self.known["CENTRE"] = json.loads(said[end:])["id"]
        if "enrolment-codes" in block:
            self.known["CODE"] = json.loads(said)["code"]


@pytest.fixture(scope="module")
def cluster() -> clusters.Cluster:
    return clusters.of_this_process()


@pytest.fixture
def walk(stage: Stage, cluster: clusters.Cluster, tmp_path: Path) -> Walk:
    people = cast(stage)
    stage.start_hub()
    with Hub(Login(stage.address, people["operator"].token)) as hub:
        lab = people["owner"].organisation
        hub.post(f"organisations/{lab}/deposits", {"amount_yuan": "100.00"}, key=new_id())
    known = {"ORGANISATION": people["centre"].organisation}
    return Walk(stage, people, tmp_path, cluster, known)


@pytest.mark.slurm
@pytest.mark.processes
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl (Debian: apt-get install curl)")
def test_the_page_leads_to_a_receipt_that_verifies(walk: Walk) -> None:
    site, work = blocks("en", "toml")
    (walk.folder / "first.toml").write_text(work)
    told = ""
    for block in blocks("en", "sh"):
        if "agent check" in block:
            (walk.folder / "agent" / "site.toml").write_text(walk.filled(site))
        if "hesuan quote" in block:
            told = _order(walk, block)
            continue
        told = walk.type(block)
        walk.learn(block, told)
    assert "SOUND" in told or "✓" in told
    assert "✗" not in told and json.loads((walk.folder / "first.json").read_bytes())["proof"]


def _order(walk: Walk, block: str) -> str:
    """The quote's id stands in what ``hesuan quote`` says, the order's in what ``hesuan run`` says."""
    remark, quote, run = block.strip().splitlines()
    told = walk.type(f"{remark}\n{quote}\n")
    walk.known["QUOTE"] = re.findall(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", told)[0]
    told = walk.type(f"{remark}\n{run}\n")
    walk.known["ORDER"] = re.findall(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", told)[0]
    usage = walk.type(f"{remark}\nhesuan meter ORDER\n")
    assert "slurm:sacct" in usage
    return told
