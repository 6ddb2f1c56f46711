"""A hub with one centre, an agent that takes scripts, a voucher, a balance: where runs are placed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hesuan.cli.demo.command import cast
from hesuan.cli.demo.stage import Process, Stage
from hesuan.cli.demo.story import Story, wait_for
from hesuan.wire.ids import new_id


@dataclass
class Scene:
    """One hub process, one agent process, and what a person asks of them."""

    stage: Stage
    story: Story
    hub: Process
    agent: Process

    @classmethod
    def set_up(cls, stage: Stage, apps: Path) -> Self:
        """Everything up to an accepted quote."""
        people = cast(stage)
        hub = stage.start_hub()
        story = Story(stage, people, apps, lambda _en, _zh: None)
        centre = story.centre("Here", "Zhengzhou")
        story.enrol(centre, allow_scripts=True)
        agent = stage.processes[-1]
        with story.hub("centre") as api:
            wait_for("inventory", lambda: api.get(f"centres/{centre}"), lambda answer: answer["observed"])
            body = {"centre": centre, "title": "One core", "cores": 1, "price_yuan_per_core_hour": "36.00"}
            api.post("offerings", body, key=new_id())
        story.programmes()
        with story.hub("operator") as api:
            lab = people["owner"].organisation
            api.post(f"organisations/{lab}/deposits", {"amount_yuan": "500.00"}, key=new_id())
        return cls(stage, story, hub, agent)

    def place(self, work: dict[str, Any]) -> str:
        """Asks for quotes, accepts the best, returns the order's id."""
        with self.story.hub("owner") as hub:
            body = {"organisation": self.story.people["owner"].organisation, "work": work}
            request = hub.post("quote-requests", body, key=new_id())
            assert request["quotes"], request["refusals"]
            order: str = hub.post(f"quotes/{request['quotes'][0]['id']}/accept", key=new_id())["id"]
        return order

    def order(self, order: str) -> dict[str, Any]:
        """The order as its owner sees it."""
        with self.story.hub("owner") as hub:
            found: dict[str, Any] = hub.get(f"orders/{order}")
        return found

    def until_running(self, order: str) -> None:
        """Waits until the agent says that the job runs."""
        wait_for("the run", lambda: self.order(order), lambda answer: answer["run"]["state"] == "RUNNING")

    def until_signed(self, order: str) -> dict[str, Any]:
        """Waits for the countersigned receipt."""
        signed: dict[str, Any] = wait_for(
            "the receipt", lambda: self.order(order), lambda answer: answer["receipt_state"] == "SIGNED"
        )
        return signed

    def start_hub(self, point: str | None = None) -> None:
        """Starts the hub anew; with a point, one that dies there."""
        self.hub.stop()
        launcher = ("-m", "tests.journeys.dying_hub", point) if point else ("-m", "hesuan.cli")
        self.hub = self.stage.start_hub(launcher)

    def start_agent(self, moment: int | None = None) -> None:
        """Starts the agent anew; with a moment, one that dies there."""
        self.agent.stop()
        launcher = ("-m", "tests.journeys.dying_agent", str(moment)) if moment else ("-m", "hesuan.cli")
        self.agent = self.stage.start_agent(self.story.apps, allow_scripts=True, launcher=launcher)

    def ending(self, order: str) -> dict[str, Any]:
        """What must be equal however often something was killed: states, money, one of each."""
        answer = self.order(order)
        with self.story.hub("owner") as hub:
            receipts = [row for row in hub.items("receipts") if row["order"] == order]
            usage = hub.get(f"orders/{order}/usage")
            log = hub.get(f"orders/{order}/log", offset=0)["text"]
        charge = receipts[0]["document"]["charge"]
        return {
            "order": answer["state"],
            "run": answer["run"]["state"],
            "exit": (answer["run"]["exit_status"], answer["run"]["signal"]),
            "began": log.count("began"),
            "usage_records": usage["attempt"],
            "receipts": len(receipts),
            "billed_s": charge["billed_s"],
            "charge_fen": charge["charge_fen"],
            "vouchers": [(part["captured_fen"], part["released_fen"]) for part in charge["vouchers"]],
            "copay": (charge["copay"]["captured_fen"], charge["copay"]["released_fen"]),
        }

    def held_yuan(self) -> str:
        """What is held of the owner's balance."""
        with self.story.hub("owner") as hub:
            lab = hub.get(f"organisations/{self.story.people['owner'].organisation}")
        return str(lab["balance"]["held_yuan"])
