"""The same job at every kind of centre, in one hub: quote, run, meter, settle, verify.

A machine of its own, a Slurm, a Ray and a Kubernetes cluster, each real and each with an agent process of its
own.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.engines import kubernetes as kubernetes_cluster
from tests.engines import ray_cluster
from tests.engines import slurm as slurm_cluster

from hesuan.cli.demo.command import cast
from hesuan.cli.demo.stage import Stage
from hesuan.cli.demo.story import Story, proven_receipt, wait_for
from hesuan.wire.ids import new_id
from hesuan.wire.receipt import charge_fen

pytestmark = [pytest.mark.slurm, pytest.mark.ray, pytest.mark.processes]
WITHOUT_KUBERNETES = kubernetes_cluster.why_not()
"""Debian has no package of it; where it could not be built, three centres make the journey."""

WORK = {
    "kind": "script",
    "command": ["sh", "-c", "echo began; sleep 4; echo ended"],
    "cores": 2,
    "time_limit_s": 120,
}
EVIDENCE = {
    "local": "kernel:wait4",
    "slurm": "slurm:sacct",
    "ray": "ray:state",
    **({} if WITHOUT_KUBERNETES else {"kubernetes": "kubernetes:pod-status"}),
}


@dataclass
class Site:
    """One centre with its agent."""

    engine: str
    centre: str
    order: str = ""


def site_file(engine: str, folder: Path) -> str:
    """What ``site.toml`` says there."""
    runs = f'runs = "{folder / "runs"}"'
    match engine:
        case "slurm":
            return f'engine = "slurm"\n[slurm]\n{runs}\nconf = "{slurm_cluster.of_this_process().conf}"\n'
        case "ray":
            return f'engine = "ray"\n[ray]\n{runs}\naddress = "{ray_cluster.of_this_process().address}"\n'
        case "kubernetes":
            one = kubernetes_cluster.of_this_process()
            where = (
                f'kubeconfig = "{one.folder / "agent.json"}"\nnamespace = "{kubernetes_cluster.NAMESPACE}"'
            )
            whose = f'image = "none"\nuser = {os.geteuid()}'
            return f'engine = "kubernetes"\n[kubernetes]\n{runs}\n{where}\n{whose}\n'
    return 'engine = "local"\n'


def connect(story: Story, engine: str, folder: Path) -> Site:
    """A centre, admitted, with an agent that serves and an offering of four cores."""
    stage, data = story.stage, folder / engine
    site = Site(engine, story.centre(engine, "Zhengzhou"))
    with story.hub("centre") as hub:
        code = hub.post(f"centres/{site.centre}/enrolment-codes")["code"]
    stage.run("agent", "enrol", "--hub", stage.address, "--code", code, "--data", str(data))
    (data / "site.toml").write_text(site_file(engine, data))
    words = ["agent", "run", "--data", str(data), "--apps", str(story.apps), "--allow-scripts"]
    stage.start(f"agent-{engine}", [sys.executable, "-m", "hesuan.cli", *words])
    with story.hub("centre") as hub:
        wait_for("inventory", lambda: hub.get(f"centres/{site.centre}"), lambda answer: answer["observed"])
        offer = {"centre": site.centre, "title": engine, "cores": 2, "price_yuan_per_core_hour": "36.00"}
        hub.post("offerings", offer, key=new_id())
    return site


@pytest.fixture(scope="module")
def story(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Story:
    people = cast(stage)
    stage.start_hub()
    made = Story(stage, people, tmp_path_factory.mktemp("no-apps"), lambda _en, _zh: None)
    with made.hub("operator") as hub:
        lab = people["owner"].organisation
        hub.post(f"organisations/{lab}/deposits", {"amount_yuan": "500.00"}, key=new_id())
    return made


@pytest.fixture(scope="module")
def sites(story: Story, tmp_path_factory: pytest.TempPathFactory) -> list[Site]:
    folder = tmp_path_factory.mktemp("sites")
    return [connect(story, engine, folder) for engine in EVIDENCE]


def test_one_request_is_answered_by_every_kind_of_centre_and_each_is_paid_by_its_own_books(
    story: Story, sites: list[Site], tmp_path: Path
) -> None:
    with story.hub("owner") as hub:
        body = {"organisation": story.people["owner"].organisation, "work": WORK}
        quotes = hub.post("quote-requests", body, key=new_id())["quotes"]
        at = {quote["document"]["centre"]: quote["id"] for quote in quotes}
        for site in sites:
            site.order = hub.post(f"quotes/{at[site.centre]}/accept", key=new_id())["id"]
        for site in sites:
            check(story, site, signed(hub, site.order), tmp_path)
    assert "✗" not in story.stage.run("ledger", "check")


def signed(hub: Any, order: str) -> dict[str, Any]:
    """The order once its receipt is signed for at its site."""
    found: dict[str, Any] = wait_for(
        "the receipt", lambda: hub.get(f"orders/{order}"), lambda it: it["receipt_state"] == "SIGNED"
    )
    return found


def check(story: Story, site: Site, order: dict[str, Any], folder: Path) -> None:
    """Run, usage, charge and receipt of one centre."""
    assert order["run"]["state"] == "COMPLETED", (site.engine, order["run"])
    with story.hub("owner") as hub:
        usage = hub.get(f"orders/{order['id']}/usage")["document"]
        log = hub.get(f"orders/{order['id']}/log", offset=0)["text"]
        receipt = hub.get(f"receipts/{order['receipt']}")["document"]
        file = folder / f"{site.engine}.json"
        file.write_bytes(proven_receipt(hub, order["receipt"]))
    assert log == "began\nended\n"
    assert usage["evidence"] == EVIDENCE[site.engine] and usage["cores"] == 2
    assert 4_000 <= usage["wall_ms"] < 30_000
    charge = charge_fen(usage, receipt["quote"])
    assert charge.charge_fen == receipt["charge"]["charge_fen"] == 2 * charge.billed_s
    assert "✗" not in story.stage.run("verify", str(file))
