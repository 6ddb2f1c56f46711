"""A user's verbs on the command line, against a live hub: find, quote, run, meter, settle, audit, warn."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.cli.terminal import WORK, Shell, speak_as
from tests.hub.api.world import World
from tests.people import Person
from tests.road import usage

from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.hub.centres.models import Agent
from hesuan.hub.identity import services
from hesuan.hub.market.models import Order
from hesuan.wire.canonical import digest

pytestmark = pytest.mark.django_db(transaction=True)

# -- find and quote --------------------------------------------------------------------------------------


def test_find_lists_offerings_with_price_and_evidence(world: World, shell: Shell) -> None:
    assert shell("find") == Exit.DONE
    assert "CPU East" in shell.out and "¥360.00" in shell.out
    assert "omics-match, 2 cores: 888 units/s, measured" in shell.out


def test_find_by_app_leaves_other_evidence_out(world: World, shell: Shell) -> None:
    assert shell("find", "--app", "other") == Exit.DONE
    assert "no evidence" in shell.out


def test_quote_ranks_with_reasons_and_names_the_next_step(world: World, shell: Shell, work: Path) -> None:
    assert shell("quote", str(work)) == Exit.DONE
    assert "2.5 s (2.0 s – 3.0 s) measured" in shell.out
    assert "Ranked 1 of 1" in shell.out and "It can never cost more than ¥12.00" in shell.out
    assert "hesuan run 01" in shell.err


def test_quote_speaks_chinese_when_asked(world: World, shell: Shell, work: Path) -> None:
    assert shell("quote", str(work), "--lang", "zh") == Exit.DONE
    assert "每元工作量" in shell.out and "实测" in shell.out and "费用不会超过 ¥12.00" in shell.out


def test_no_figure_is_cut_on_a_narrow_terminal(
    world: World, shell: Shell, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("hesuan.cli.show.PIPE_WIDTH", 40)
    assert shell("quote", str(work)) == Exit.DONE
    assert "…" not in shell.out and "4000.00" in shell.out


def test_an_unknown_key_names_file_line_and_the_nearest(world: World, shell: Shell, work: Path) -> None:
    work.write_text(WORK.replace("units", "unts"))
    assert shell("quote", str(work)) == Exit.FAULTY
    assert f"{work}:3: `unts` is not a key here. Did you mean `units`?" in shell.err
    assert f"{work}: `units` is missing" in shell.err


def test_a_fault_inside_a_table_names_its_line(world: World, shell: Shell, work: Path) -> None:
    work.write_text(WORK.replace("seed = 7", "seed = [1, 2]"))
    assert shell("quote", str(work)) == Exit.FAULTY
    assert f"{work}:6:" in shell.err  # the table's head: the hub judges parameters as a whole


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("units = 1.5", ":3: 1.5 has no place in a work order"),
        ("units = 2026-01-01", ":3: 2026-01-01 has no place in a work order"),
        ("units = ", ":3: This is not TOML"),
    ],
)
def test_what_no_work_order_holds_is_told_before_anything_is_sent(
    shell: Shell, work: Path, line: str, told: str
) -> None:
    work.write_text(WORK.replace("units = 2000", line))
    assert shell("quote", str(work)) == Exit.FAULTY
    assert told in shell.err


def test_a_file_that_is_not_there_is_told(shell: Shell, tmp_path: Path) -> None:
    assert shell("quote", str(tmp_path / "none.toml")) == Exit.FAULTY
    assert "[cli.file_unreadable]" in shell.err


def test_no_quote_at_all_is_told_with_reasons_and_exit_code_1(world: World, shell: Shell, work: Path) -> None:
    work.write_text(WORK.replace("omics-match", "other-app"))
    assert shell("quote", str(work)) == Exit.REFUSED
    assert "Cannot quote:" in shell.out and "[offering.app_not_installed]" in shell.out


def test_a_member_of_two_organisations_is_asked_which(
    world: World, shell: Shell, work: Path, owner: Person, stranger: Person
) -> None:
    services.grant_role(
        actor=stranger.actor,
        identity_id=owner.identity.id,
        organisation_id=stranger.organisation.id,
        role="member",
    )
    assert shell("quote", str(work)) == Exit.FAULTY
    assert "--organisation" in shell.err and "Elsewhere Ltd" in shell.err
    assert shell("quote", str(work), "--organisation", owner.organisation.id) == Exit.DONE


# -- run -------------------------------------------------------------------------------------------------


def test_run_accepts_and_says_what_is_held(world: World, shell: Shell, owner: Person) -> None:
    assert shell("run", world.quote_for(owner).id) == Exit.DONE
    order = Order.objects.get()
    assert f"Order {order.id} at CPU East; at most ¥12.00 is held.\n" in shell.err


@pytest.mark.parametrize(("ended", "code"), [("COMPLETED", Exit.DONE), ("FAILED", Exit.REFUSED)])
def test_follow_shows_the_log_and_ends_with_the_run(
    world: World, hub: str, owner: Person, ended: str, code: int
) -> None:
    """In a process of its own, as a user runs it, while the site does the work."""
    quote = world.quote_for(owner)
    command = [sys.executable, "-m", "hesuan.cli", "run", quote.id, "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        order = placed(process)
        world.start(order)
        world.end(order, ended)
        out, err = process.communicate(timeout=240)
    assert out == "matching 2000 samples\n"
    assert f"{ended}, exit status" in err and "Charged ¥0.60" in err
    assert process.returncode == code


def placed(process: subprocess.Popen[str]) -> Order:
    """The order, as soon as the command has placed it."""
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if order := Order.objects.first():
            return order
        time.sleep(0.1)
    raise AssertionError(f"no order: {process.communicate()}")


def test_cancel_asks_the_agent(world: World, shell: Shell, owner: Person) -> None:
    order = world.order_for(owner)
    world.start(order)
    assert shell("run", "--cancel", order.id) == Exit.DONE
    assert "was asked to end the run" in shell.err


def test_run_wants_one_thing(shell: Shell) -> None:
    assert shell("run") == Exit.FAULTY
    assert shell("run", "Q", "--cancel", "O") == Exit.FAULTY
    assert "[cli.quote_or_order]" in shell.err


def test_a_colleague_is_refused_and_a_stranger_finds_nothing(
    world: World,
    shell: Shell,
    owner: Person,
    colleague: Person,
    stranger: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quote = world.quote_for(owner)
    speak_as(colleague, monkeypatch)
    assert shell("run", quote.id) == Exit.REFUSED
    assert "[market.role_missing]" in shell.err
    speak_as(stranger, monkeypatch)
    assert shell("run", quote.id) == Exit.NOT_FOUND
    assert "[quote.not_found]" in shell.err


# -- meter, settle, audit, warn --------------------------------------------------------------------------


def test_meter_tells_figures_with_unit_kind_and_prediction(settled: Order, shell: Shell) -> None:
    assert shell("meter", settled.id) == Exit.DONE
    lines = [" ".join(line.split()) for line in shell.out.splitlines()]
    assert "Wall time 2.5 s measured, kernel:wait4" in lines
    assert "predicted 2.5 s 2.0 s – 3.0 s, measured" in lines
    assert "Core-seconds held 6 100 % busy" in lines
    assert f"run/{settled.run.id}/1 COMPLETED 2.5 s 6 – – – – kernel:wait4, kernel" in lines
    assert "Reported by the program itself, not metered:" in lines


def test_meter_tells_each_attempt_with_its_units_and_who_saw_it(
    world: World, owner: Person, shell: Shell
) -> None:
    order = world.order_for(owner)
    kind, body = usage(order.run.id, wall_ms=2_000)
    raw = "41|one|COMPLETED|2"
    line = {"raw": raw, "raw_digest": digest(raw), "key": "one/41/1763632800", "state": "COMPLETED"}
    times = {name: body[name] for name in ("started_at", "ended_at", "wall_ms")}
    held = {"core_s": 4, "card_s": 16, "node_s": 2, "memory_mib_s": 8000, "energy_j": None}
    world.say([(kind, {**body, "evidence": "slurm:sacct", "accounting": [{**line, **times, **held}]})])
    assert shell("meter", order.id) == Exit.DONE
    lines = [" ".join(line.split()) for line in shell.out.splitlines()]
    heads = "Attempt Ended Wall time Core-s Card-s Node-s MiB-s Energy [J] Source"
    row = "one/41/1763632800 COMPLETED 2.0 s 4 16 2 8,000 – slurm:sacct, the scheduler's accounting"
    assert heads in lines and row in lines


def test_meter_shows_what_does_not_agree(world: World, settled: Order, shell: Shell) -> None:
    world.say([usage(settled.run.id, wall_ms=99_000)])
    assert shell("meter", settled.id) == Exit.DONE
    assert "Does not agree [usage." in shell.out and "2.5 s" in shell.out


def test_meter_before_the_usage_says_so(world: World, shell: Shell, owner: Person) -> None:
    assert shell("meter", world.order_for(owner).id) == Exit.NOT_FOUND
    assert "[usage.not_yet]" in shell.err


def test_audit_proves_every_fact_on_this_machine(settled: Order, shell: Shell) -> None:
    assert shell("audit", settled.id) == Exit.DONE
    assert shell.out.count("in the log, proven") == 6
    assert "hesuan verify receipt-" in shell.out
    receipt = settled.settlement.receipt.id
    assert shell("audit", receipt) == Exit.DONE
    assert shell.out.count("in the log, proven") == 6


def test_audit_does_not_take_the_hubs_word(
    settled: Order, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that shows another leaf than the one in its log is found out."""
    told = Hub.get

    def lying(self: Hub, path: str, **query: str | int) -> Any:
        answer = told(self, path, **query)
        for fact in answer.get("facts", []) if path.endswith("/facts") else []:
            if "charge_fen" in fact["leaf"]:
                fact["leaf"]["charge_fen"] += 1
        return answer

    monkeypatch.setattr(Hub, "get", lying)
    assert shell("audit", settled.id) == Exit.REFUSED
    assert shell.out.count("NOT PROVEN") == 2


def test_warn_lists_signals_with_their_reasons(world: World, shell: Shell, work: Path) -> None:
    assert shell("warn") == Exit.DONE
    assert "No signal stands." in shell.err


def test_warn_tells_a_centre_that_its_agent_is_silent(
    world: World, shell: Shell, centre_operator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    Agent.objects.update(last_seen_at=timezone.now() - timedelta(hours=5))
    speak_as(centre_operator, monkeypatch)
    assert shell("warn") == Exit.DONE
    assert "warning" in shell.out and "Zhengzhou East" in shell.out
    assert shell("warn", "--lang", "zh") == Exit.DONE
    assert "预警" in shell.out


@pytest.mark.parametrize("word", ["find", "quote", "run", "meter", "settle", "audit", "warn", "login"])
def test_help_is_in_the_language_asked_for(word: str, shell: Shell) -> None:
    assert shell(word, "--help") == Exit.DONE
    english = shell.out
    assert shell(word, "--help", "--lang", "zh") == Exit.DONE
    assert re.search("[\u4e00-\u9fff]{4}", shell.out) and not re.search("[\u4e00-\u9fff]", english)


def test_json_is_the_hubs_own_answer(settled: Order, shell: Shell, work: Path) -> None:
    assert shell.json("find")[0]["title"] == "CPU East"
    assert shell.json("quote", str(work))["quotes"][0]["rank"] == 1
    assert shell.json("meter", settled.id)["wall_ms"] == 2500
    assert shell.json("settle", settled.id)["charge_yuan"] == "0.60"
    assert set(shell.json("audit", settled.id)["verdicts"]) == {"proven"}
    assert shell.json("warn") == []
