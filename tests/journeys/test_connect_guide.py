"""The guide for a new centre as written: a hub, a scheduler's own daemons, the tokens of three people.

The page's steps are walked once for each engine, with what its own section says of it. What the page calls
``https://compute.example``, ``/var/lib/hesuan`` and ``/shared/hesuan`` is this test's. A block of the page
begins with a remark that says who types it; words in capitals are what an earlier answer held. The
Chinese page types the same, so one walk serves for both.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.docs.shown import ROOT
from tests.engines import kubernetes, ray_cluster, slurm
from tests.journeys.conftest import a_stage

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
    "the cluster's administrator": "",
}


def page(language: str) -> str:
    return (ROOT / "docs" / "guide" / PAGES[language]).read_text()


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, re.S)


def steps() -> str:
    """The numbered sections."""
    sections = re.split(r"^## ", page("en"), flags=re.M)
    return "".join(one for one in sections if one[0].isdigit())


def section(engine: str) -> str:
    """What differs with an engine; nothing with the one that the steps themselves have."""
    sections = re.split(r"^## ", page("en"), flags=re.M)
    found = [one for one in sections if f'engine = "{engine}"' in one and not one[0].isdigit()]
    return "".join(found)


def bare(text: str) -> list[str]:
    """Without remarks, which each language has in its own words."""
    return [re.sub(r"\s*#.*", "", line) for line in text.splitlines() if not line.startswith("#")]


def test_both_languages_type_the_same() -> None:
    for kind in ("sh", "toml", "yaml"):
        typed = [[bare(one) for one in blocks(page(language), kind)] for language in PAGES]
        assert typed[0] == typed[1] != []


@dataclass(frozen=True)
class Place:
    """A centre of a kind: what the page's words for it are here."""

    engine: str
    evidence: tuple[str, ...]
    shown: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the machine's shell has."""


def with_slurm() -> Place:
    conf = str(slurm.of_this_process().conf)
    return Place("slurm", ("slurm:sacct",), variables={"SLURM_CONF": conf})


def with_kubernetes() -> Place:
    cluster = kubernetes.of_this_process()
    shown = {"https://kubernetes.example:6443": cluster.address, "user = 2000": f"user = {os.geteuid()}"}
    variables = {"KUBECONFIG": str(cluster.folder / "admin.json"), "KUBECACHEDIR": str(cluster.folder)}
    return Place("kubernetes", ("kubernetes:pod-status",), shown, variables)


def with_ray() -> Place:
    return Place("ray", ("ray:state",), {"http://head:8265": ray_cluster.of_this_process().address})


def with_nothing() -> Place:
    return Place("local", ("kernel:wait4", "kernel:cgroup2"))


PLACES = [
    pytest.param(with_slurm, marks=pytest.mark.slurm, id="slurm"),
    pytest.param(
        with_kubernetes,
        marks=[
            pytest.mark.kubernetes,
            pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl"),
        ],
        id="kubernetes",
    ),
    pytest.param(with_ray, marks=pytest.mark.ray, id="ray"),
    pytest.param(with_nothing, id="local"),
]


@dataclass
class Walk:
    """One walk through the page: what it has learnt, and where its folders are."""

    stage: Stage
    people: dict[str, Person]
    folder: Path
    place: Place
    known: dict[str, str] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        places = {
            "https://compute.example": self.stage.address,
            "/var/lib/hesuan": str(self.folder / "agent"),
            "/shared/hesuan": str(self.folder / "shared"),
            "/opt/hesuan/apps": str(ROOT / "apps"),
            "/etc/hesuan": str(self.folder / "etc"),
            "hsn_operator": self.people["centre"].token,
            **self.place.shown,
        }
        for shown, real in {**places, **self.known}.items():
            text = re.sub(rf"(?<![\w-]){re.escape(shown)}(?![\w-])", real, text)
        return text

    def environment(self, who: str) -> dict[str, str]:
        login = {"HESUAN_HUB": self.stage.address, "HESUAN_TOKEN": self.people[who].token} if who else {}
        machine = {} if who else self.place.variables
        return {**self.stage.environment(), "PYTHON": sys.executable, "COLUMNS": "120", **login, **machine}

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


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template: str
) -> Iterator[Stage]:
    """One for each walk: the page begins with a hub that has no centre."""
    with a_stage(request, tmp_path_factory.mktemp("stage"), template) as made:
        yield made


@pytest.fixture
def walk(stage: Stage, place: Callable[[], Place], tmp_path: Path) -> Walk:
    people = cast(stage)
    stage.start_hub()
    with Hub(Login(stage.address, people["operator"].token)) as hub:
        lab = people["owner"].organisation
        hub.post(f"organisations/{lab}/deposits", {"amount_yuan": "100.00"}, key=new_id())
    known = {"ORGANISATION": people["centre"].organisation}
    (tmp_path / "etc").mkdir()
    return Walk(stage, people, tmp_path, place(), known)


@pytest.mark.processes
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl (Debian: apt-get install curl)")
@pytest.mark.parametrize("place", PLACES)
def test_the_page_leads_to_a_receipt_that_verifies(walk: Walk) -> None:
    own = section(walk.place.engine)
    site, work = blocks(steps(), "toml")
    (walk.folder / "first.toml").write_text(work)
    _prepare(walk, own)
    told = ""
    for block in blocks(steps(), "sh"):
        if "agent check" in block:
            (said,) = blocks(own, "toml") or [site]
            (walk.folder / "agent" / "site.toml").write_text(walk.filled(said))
        if "hesuan quote" in block:
            told = _order(walk, block)
            continue
        told = walk.type(block)
        walk.learn(block, told)
    assert "SOUND" in told or "✓" in told
    assert "✗" not in told and json.loads((walk.folder / "first.json").read_bytes())["proof"]


def _prepare(walk: Walk, own: str) -> None:
    """What an engine's section has done before step 3: the cluster's side of a Kubernetes."""
    if walk.place.engine != "kubernetes":
        assert blocks(own, "sh") == []
        return
    (places,) = blocks(own, "yaml")
    (rights,) = blocks((ROOT / "docs" / "guide" / "agent.md").read_text(), "yaml")
    (walk.folder / "places.yaml").write_text(places)
    (walk.folder / "rights.yaml").write_text(rights)
    made, read = blocks(own, "sh")
    assert "yes" in walk.type(made).splitlines()
    told, deadline = "", time.monotonic() + 60
    while not _is_whole(walk.folder / "etc"):
        assert time.monotonic() < deadline, "the Secret never had a token"
        told = walk.type(read)
    assert told.strip() == walk.place.shown["https://kubernetes.example:6443"]
    assert (walk.folder / "etc" / "token").stat().st_mode & 0o077 == 0


def _is_whole(folder: Path) -> bool:
    return all((folder / name).exists() and (folder / name).stat().st_size for name in ("token", "ca.pem"))


def _order(walk: Walk, block: str) -> str:
    """The quote's id stands in what ``hesuan quote`` says, the order's in what ``hesuan run`` says."""
    remark, quote, run = block.strip().splitlines()
    told = walk.type(f"{remark}\n{quote}\n")
    walk.known["QUOTE"] = re.findall(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", told)[0]
    told = walk.type(f"{remark}\n{run}\n")
    walk.known["ORDER"] = re.findall(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", told)[0]
    usage = walk.type(f"{remark}\nhesuan meter ORDER\n")
    assert any(one in usage for one in walk.place.evidence)
    return told
