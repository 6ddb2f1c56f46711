"""The real agent and the real hub: the files of a paid run come back whole, though the link is cut in the
middle of the list and of a piece, and its receipt waits for none of it."""

from __future__ import annotations

import pytest
from tests.contracts.cutting import Cutter
from tests.contracts.test_agent_under_faults import Start, are_signed, start, work
from tests.serving import serving

from hesuan.hub.metering.models import UsageRecord
from hesuan.hub.runs.models import RunOutputFile
from hesuan.hub.worker.loop import tick
from hesuan.wire.outputs import Listed, list_digest

__all__ = ["start"]

BIG = bytes(range(256)) * 6000  # 1.5 MB: three pieces
KINDS = (rb'"kind": ?"output"', rb'"kind": ?"output_piece"')


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["question", "answer"])
def test_files_come_back_over_a_link_that_is_cut(start: Start, where: str) -> None:
    with serving() as address, Cutter(int(address.rsplit(":", 1)[1])) as cutter:
        road, rig = start(cutter.address, None)
        run = road.place(road.quote(work(4)))
        for second in range(40):
            rig.fetch()
            rig.agent._send_after = 0
            rig.agent.tick()
            if second == 2:
                (rig.scheduler.output(run.id) / "a").mkdir(parents=True)
                (rig.scheduler.output(run.id) / "a" / "big.bin").write_bytes(BIG)
            rig.centre.advance(1)
            assert tick().failed == ()
            if are_signed(road):
                break
        assert are_signed(road) and not RunOutputFile.objects.exists(), "nothing has waited for a file"
        now_s = 0.0
        sender = rig.agent.outputs()
        sender.clock = lambda: now_s
        for kind in KINDS:
            cutter.arm(kind, where, times=2)
            for _ in range(2):
                assert sender.step() == 0
                now_s += 3600
            assert cutter.cuts == 2
        assert sender.step() == 1 and rig.spool.unsent_outputs() == []
        told = road.owner.client.get(f"/api/v1/orders/{run.order_id}/output").json()
        (one,) = told["files"]
        assert (one["path"], one["complete"]) == ("a/big.bin", True)
        listed = [Listed(one["path"], one["size_bytes"], one["sha256"])]
        assert list_digest(listed) == UsageRecord.objects.get().output_digest
        got = road.owner.client.get(f"/api/v1/orders/{run.order_id}/output/{one['number']}")
        assert got.getvalue() == BIG
