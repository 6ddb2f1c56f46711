"""The story: the seven verbs, walked over the public API as the people of the cast would.

Every figure comes from the hub's own answers; nothing here computes what it tells.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from hesuan.cli.client import Hub, Login
from hesuan.cli.demo.people import Person
from hesuan.cli.demo.stage import Stage
from hesuan.errors import Faults, HesuanError, Unavailable, declare
from hesuan.units import MS_PER_SECOND
from hesuan.wire.ids import new_id

APP = "omics-match"
PRICE_YUAN_PER_CORE_HOUR = "36.00"
"""One fen a core-second, so that a run of seconds costs something one can read."""
DEARER_YUAN_PER_CORE_HOUR = "54.00"
EXAMPLE_MEMORY_BYTES = 64 * 2**30
DEPOSIT_YUAN = "500.00"
PLANNED_YUAN = "20000.00"
WANTED_RUN_MS = 12_000
WAIT_LIMIT_S = 300
FINAL_STATES = ("COMPLETED", "FAILED", "KILLED", "TIMEOUT", "CANCELLED", "REFUSED")

WAITED = declare(
    "demo.waited",
    en="Waited {waited_s} s for {what}; the last answer was {last}.",
    zh="等待 {what} 已 {waited_s} 秒；最后的应答为 {last}。",
)

Progress = Callable[[str, str], None]
"""Called with what is being done, in English and in Chinese."""


@dataclass
class Tale:
    """What the story has learnt so far, for :mod:`telling`."""

    inventory: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    centres: dict[str, str] = field(default_factory=dict)
    offerings: list[dict[str, Any]] = field(default_factory=list)
    laboratory: dict[str, Any] = field(default_factory=dict)
    henan: dict[str, Any] = field(default_factory=dict)
    chengdu_refusal: str = ""
    voucher: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    receipt: dict[str, Any] = field(default_factory=dict)
    receipt_path: Path = Path()
    verdict: str = ""
    second_quote: dict[str, Any] = field(default_factory=dict)
    balance: dict[str, Any] = field(default_factory=dict)


@dataclass
class Story:
    """One telling of it, on a stage where the hub already runs."""

    stage: Stage
    people: Mapping[str, Person]
    apps: Path
    progress: Progress
    tale: Tale = field(default_factory=Tale)

    def hub(self, name: str) -> Hub:
        """The API as one person of the cast."""
        return Hub(Login(self.stage.address, self.people[name].token))

    def find(self) -> None:
        """A centre connects its machine; two more offer without evidence and without a price."""
        self.progress("registering this machine as a centre", "登记本机为算力中心")
        centre = self.centre("本机 This machine", "郑州 Zhengzhou")
        self.enrol(centre)
        self.progress("detecting the machine and running the benchmark", "探测本机并运行基准测试")
        with self.hub("centre") as hub:
            self.tale.inventory = wait_for(
                "inventory", lambda: hub.get(f"centres/{centre}"), lambda answer: answer["observed"]
            )["observed"]["body"]
            measured = wait_for(
                "benchmark", lambda: hub.get(f"centres/{centre}/evidence"), lambda answer: answer["items"]
            )["items"]
            self.tale.evidence = max(measured, key=lambda row: row["cores"])
        self.offer(centre, self.tale.evidence["cores"])
        with self.hub("owner") as hub:
            self.tale.offerings = list(hub.items("offerings"))

    def programmes(self) -> None:
        """Henan is activated and issues a voucher by four eyes; Chengdu 2023 is refused."""
        self.progress("activating the programme of Henan", "激活河南省计划")
        with self.hub("officer") as hub:
            loaded = load_programme(hub, "cn.henan.suanliquan.2023.yaml")
            chengdu = load_programme(hub, "cn.chengdu.suanliquan.2023.yaml")
            for centre in self.tale.centres.values():
                hub.post(
                    f"programmes/{loaded['programme']}/suppliers",
                    {"centre": centre, "reason": "Demonstration on this machine; not on Henan's list."},
                    key=new_id(),
                )
        with self.hub("approver") as hub:  # who wrote a version does not put it into force
            self.tale.henan = hub.post(f"programme-versions/{loaded['id']}/activate", key=new_id())
            self.progress("asking to activate Chengdu 2023", "请求激活成都 2023")
            self.tale.chengdu_refusal = _refusal(
                lambda: hub.post(f"programme-versions/{chengdu['id']}/activate", key=new_id())
            )
        self.progress("applying, reviewing, approving, issuing", "申领、初审、审批、发放")
        self.tale.voucher = self._voucher(loaded["id"])

    def _voucher(self, version: str) -> dict[str, Any]:
        lab = self.people["owner"].organisation
        with self.hub("owner") as hub:
            self.tale.laboratory = hub.get(f"organisations/{lab}")
            body = {
                "organisation": lab,
                "programme_version": version,
                "planned_yuan": PLANNED_YUAN,
                "facts": {},
            }
            application = hub.post("applications", body, key=new_id())["id"]
        for person, step in (("reviewer", "review"), ("approver", "approve")):
            with self.hub(person) as hub:
                verdict = {"verdict": "pass", "note": "Demonstration."}
                hub.post(f"applications/{application}/{step}", verdict, key=new_id())
        with self.hub("approver") as hub:
            issued: dict[str, Any] = hub.post(f"applications/{application}/issue", key=new_id())
        return issued

    def quote(self) -> None:
        """The laboratory describes its work in samples and every offering answers."""
        self.progress("depositing the laboratory's own money", "存入实验室自有资金")
        lab = self.people["owner"].organisation
        with self.hub("operator") as hub:
            hub.post(f"organisations/{lab}/deposits", {"amount_yuan": DEPOSIT_YUAN}, key=new_id())
        self.progress("asking every offering for a quote", "向每个算力产品询价")
        self.tale.request = self._request_quotes()

    def _request_quotes(self) -> dict[str, Any]:
        work = {"kind": "app", "app": APP, "units": self.units(), "cores": self.tale.evidence["cores"]}
        with self.hub("owner") as hub:
            body = {"organisation": self.people["owner"].organisation, "work": work}
            request: dict[str, Any] = hub.post("quote-requests", body, key=new_id())
        return request

    def units(self) -> int:
        """Samples that take about ``WANTED_RUN_MS`` here, to two figures: a demonstration is not a wait."""
        points = self.tale.evidence["points"]
        largest = max(points, key=lambda point: point["units"])
        units = int(largest["units"]) * WANTED_RUN_MS // max(1, int(largest["wall_ms"]))
        step = 10 ** max(0, len(str(units)) - 2)
        return int(max(step, units // step * step))

    def run(self) -> None:
        """The best quote is accepted: voucher and balance are held, the agent runs the job."""
        self.progress("accepting the first quote and running the job", "接受首选报价并运行作业")
        best = self.tale.request["quotes"][0]
        with self.hub("owner") as hub:
            order = hub.post(f"quotes/{best['id']}/accept", key=new_id())["id"]
            self.tale.order = wait_for(
                "the run", lambda: hub.get(f"orders/{order}"), lambda it: it["run"]["state"] in FINAL_STATES
            )

    def settle(self) -> None:
        """Metered, settled, countersigned at the site, in the log."""
        self.progress("metering, settling, countersigning", "计量、结算、站点会签")
        order = self.tale.order["id"]
        with self.hub("owner") as hub:
            self.tale.order = wait_for(
                "the receipt", lambda: hub.get(f"orders/{order}"), lambda it: it["receipt_state"] == "SIGNED"
            )
            self.tale.usage = hub.get(f"orders/{order}/usage")
            receipt = self.tale.order["receipt"]
            self.tale.receipt = hub.get(f"receipts/{receipt}")
            self.tale.receipt_path = self.stage.folder / "receipt.json"
            self.tale.receipt_path.write_bytes(proven_receipt(hub, receipt))
            self.tale.balance = hub.get(f"organisations/{self.people['owner'].organisation}")["balance"]

    def audit(self) -> None:
        """Another process, with no network and no access to the hub's folder, verifies the receipt."""
        self.progress("verifying the receipt without the hub", "在无法访问平台的进程中验证回执")
        self.tale.verdict = verify_sealed(self.tale.receipt_path, self.stage.hub_dir)
        self.progress("asking for the next quote", "再次询价")
        self.tale.second_quote = self._request_quotes()["quotes"][0]

    def centre(self, name: str, city: str) -> str:
        """Registers a centre and has it admitted; returns its id."""
        with self.hub("centre") as hub:
            body = {"organisation": self.people["centre"].organisation, "name": name, "city": city}
            centre: str = hub.post("centres", body, key=new_id())["id"]
        with self.hub("operator") as hub:
            hub.post(f"centres/{centre}/admit", key=new_id())
        self.tale.centres[name] = centre
        return centre

    def enrol(self, centre: str, *, allow_scripts: bool = False) -> None:
        """Enrols this machine's agent with a one-time code and starts it."""
        with self.hub("centre") as hub:
            code = hub.post(f"centres/{centre}/enrolment-codes")["code"]
        agent = str(self.stage.agent_dir)
        self.stage.run("agent", "enrol", "--hub", self.stage.address, "--code", code, "--data", agent)
        self.stage.start_agent(self.apps, allow_scripts=allow_scripts)

    def offer(self, centre: str, cores: int) -> None:
        """Publishes this machine at two prices and without one, and a centre where nothing can run yet."""
        elsewhere = self.centre("演示昇腾中心 Ascend example", "贵安 Gui'an")
        offers = (
            (centre, "本机·标准 Standard", PRICE_YUAN_PER_CORE_HOUR),
            (centre, "本机·优先 Priority", DEARER_YUAN_PER_CORE_HOUR),
            (centre, "本机·未定价 No price", None),
            (elsewhere, "昇腾·未接入 No agent", PRICE_YUAN_PER_CORE_HOUR),
        )
        with self.hub("centre") as hub:
            for at, title, price in offers:
                body = {"centre": at, "title": title, "cores": cores, "price_yuan_per_core_hour": price}
                # Nothing observes the example's machines, so what they sell is said by a person.
                memory = {} if at == centre else {"memory_bytes": EXAMPLE_MEMORY_BYTES}
                hub.post("offerings", {**body, **memory}, key=new_id())


def load_programme(hub: Hub, name: str) -> dict[str, Any]:
    """Loads one of the programmes that come with the policy engine; returns its draft version."""
    text = resources.files("hesuan.policy").joinpath("programmes", name).read_text()
    version: dict[str, Any] = hub.post("programmes", {"text": text, "source_name": name}, key=new_id())
    return version


def _refusal(attempt: Callable[[], object]) -> str:
    """The words with which something was refused; that it was not refused is a broken demonstration."""
    try:
        attempt()
    except (HesuanError, Faults) as refusal:
        return str(refusal)
    raise AssertionError("Chengdu 2023 was activated although its ordinary rate is not published")


def wait_for(what: str, ask: Callable[[], Any], ready: Callable[[Any], object]) -> Any:
    """Asks until the answer is ready.

    Raises:
        Unavailable: ``demo.waited``, with the last answer.
    """
    deadline = time.monotonic() + WAIT_LIMIT_S
    while True:
        answer = ask()
        if ready(answer):
            return answer
        if time.monotonic() > deadline:
            raise Unavailable(WAITED, what=what, waited_s=WAIT_LIMIT_S, last=answer)
        time.sleep(300 / MS_PER_SECOND)


def proven_receipt(hub: Hub, receipt: str) -> bytes:
    """The receipt's file once it has the log's proof: the log first promises an entry.

    Raises:
        Unavailable: ``demo.waited`` while the log publishes nothing.
    """
    content: bytes = wait_for(
        "the log's proof",
        lambda: hub.get_bytes(f"receipts/{receipt}/file"),
        lambda file: "proof" in json.loads(file),
    )
    return content


SEALED = """
import runpy, sys
forbidden = sys.argv.pop(1)
def seal(event, arguments):
    if event.startswith("socket."):
        raise SystemExit("sealed: no network in this process")
    if event == "open" and str(arguments[0]).startswith(forbidden):
        raise SystemExit("sealed: the hub's folder is closed to this process")
sys.addaudithook(seal)
sys.argv[0] = "hesuan.wire.verify"
runpy.run_module("hesuan.wire.verify", run_name="__main__")
"""


def verify_sealed(receipt: Path, hub_dir: Path) -> str:
    """Runs ``hesuan verify`` without the network and without the hub's folder; returns what it printed.

    Raises:
        Unavailable: ``demo.ended_early`` when the receipt does not verify.
    """
    from hesuan.cli.demo.stage import ENDED_EARLY

    environment = {key: value for key, value in os.environ.items() if not key.startswith("HESUAN_")}
    command = [sys.executable, "-c", SEALED, str(hub_dir), str(receipt)]
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(  # noqa: S603 - our own command
            command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        log = done.stdout + done.stderr
        raise Unavailable(ENDED_EARLY, what="hesuan verify", status=done.returncode, log=log)
    return done.stdout
