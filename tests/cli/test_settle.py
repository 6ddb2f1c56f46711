"""``hesuan settle``: what an order cost, and the receipt, with the log's promise or its proof."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import Shell
from tests.hub.api.requests import make_office
from tests.hub.api.world import World
from tests.people import Person

from hesuan.cli.exits import Exit
from hesuan.errors import Refused
from hesuan.hub.audit import selectors as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.market.models import Order
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.models import Voucher

pytestmark = pytest.mark.django_db(transaction=True)


def _not_sequenced(fact: Fact) -> dict[str, Any]:
    raise Refused(audit.NOT_SEQUENCED, fact=fact.id)


def test_settle_shows_the_charge_line_by_line_and_saves_a_receipt_that_verifies(
    settled: Order, shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.json"
    assert shell("settle", settled.id, "--receipt", str(file)) == Exit.DONE
    lines = [" ".join(line.split()) for line in shell.out.splitlines()]
    assert lines[0] == "Charge ¥0.60 3 s × 2 cores × ¥360.00/core-hour × 100 % for COMPLETED"
    assert "held ¥12.00" in lines and "given back ¥11.40" in lines
    assert shell("verify", str(file)) == Exit.DONE


def test_settle_shows_what_a_voucher_paid_and_why(
    world: World,
    shell: Shell,
    work: Path,
    owner: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
    stranger: Person,
) -> None:
    people = {"owner": owner, "officer": officer, "reviewer": reviewer, "approver": approver}
    office = make_office({**people, "stranger": stranger})
    programmes.admit_supplier(
        actor=officer.actor,
        programme_id="cn.henan.suanliquan.2023",
        centre_id=world.site.agent.centre_id,
        reason="on the list",
    )
    order = world.order_for(owner)
    world.start(order)
    world.end(order)
    assert shell("settle", order.id) == Exit.DONE
    lines = [" ".join(line.split()) for line in shell.out.splitlines()]
    code = Voucher.objects.get(pk=office.ids["voucher_id"]).code
    assert f"Voucher pays ¥0.12 {code}, cn.henan.suanliquan.2023" in lines
    assert "You pay ¥0.48" in lines
    assert "¥0.60 × 1/5 = ¥0.12." in lines and "province ¥0.06, city ¥0.06." in lines
    assert shell("quote", str(work)) == Exit.DONE
    assert "¥0.12" in shell.out and code in shell.out


def test_settle_overwrites_no_other_file(settled: Order, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text("mine")
    assert shell("settle", settled.id, "--receipt", str(file)) == Exit.REFUSED
    assert file.read_text() == "mine"


def test_settle_saves_the_logs_promise_and_later_its_proof_in_the_same_file(
    settled: Order, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "receipt.json"
    with monkeypatch.context() as unpublished:
        unpublished.setattr("hesuan.cli.settle.PROOF_WAIT_S", 0)
        unpublished.setattr("hesuan.hub.settlement.selectors.audit.inclusion", _not_sequenced)
        assert shell("settle", settled.id, "--receipt", str(file)) == Exit.DONE
        assert "with the log's promise" in shell.err and "promise" in json.loads(file.read_bytes())
        assert shell("verify", str(file)) == Exit.REFUSED
    assert shell("settle", settled.id, "--receipt", str(file)) == Exit.DONE
    assert "Check it: hesuan verify" in shell.err
    assert shell("verify", str(file)) == Exit.DONE
    assert list(tmp_path.glob("*.new")) == []


def test_settle_before_the_end_says_what_it_waits_for(world: World, shell: Shell, owner: Person) -> None:
    order = world.order_for(owner)
    assert shell("settle", order.id) == Exit.REFUSED
    assert "its run is CREATED" in shell.err
