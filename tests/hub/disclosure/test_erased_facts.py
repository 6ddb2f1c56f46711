"""What stands behind a fact of the platform can be destroyed, and the log stays whole."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from tests.append_only import triggers_lifted
from tests.people import Person
from tests.road import Road

from hesuan.errors import Refused
from hesuan.hub.audit import checks, publishing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import notices
from hesuan.hub.settlement import selectors as settlement
from hesuan.hub.settlement.models import Receipt
from hesuan.wire.folder import Disk
from hesuan.wire.log_verdict import LogVerdict
from hesuan.wire.verdict import Result
from hesuan.wire.verify import verify_receipt
from hesuan.wire.verify_log import verify_log


def publish() -> LogVerdict:
    audit.sequence()
    audit.publish("platform")
    return verify_log(Disk(publishing.folder("platform")))


@pytest.fixture
def receipt(road: Road) -> Receipt:
    road.finish(road.place())
    return Receipt.objects.select_related("fact").get()


def test_a_receipts_record_is_erased_and_the_log_stays_whole(
    road: Road, receipt: Receipt, security_admin: Person
) -> None:
    """The leaf, every hash and every total stand; who has the file still verifies it; nobody gets it anew."""
    fact, owner = receipt.fact, road.owner.actor
    assert fact is not None and fact.private is not None
    before, totals = settlement.receipt_file(owner, receipt.id), publish().totals
    fact.refresh_from_db()
    assert fact.leaf_index is not None
    notices.erase(actor=security_admin.actor, log="platform", leaf=fact.leaf_index, reason="the firm asked")
    verdict = publish()
    kept = Fact.objects.get(pk=fact.pk)
    assert kept.logged == fact.logged and "salt" not in json.dumps(kept.private)
    assert verdict.result is Result.SOUND and checks.check() == []
    assert verdict.totals["receipts_fen"] == totals["receipts_fen"] == 420
    assert verify_receipt(before, trust=None).result is Result.SOUND
    with pytest.raises(Refused, match=r"audit\.record_erased"):
        settlement.receipt_file(owner, receipt.id)


@pytest.mark.broken_books("I8.private")
def test_a_record_that_was_changed_or_names_another_subject_is_found(road: Road, receipt: Receipt) -> None:
    """The control: what stands behind a leaf is not whatever the database holds today."""
    del road
    fact = receipt.fact
    assert fact is not None and checks.check() == []
    connection.check_constraints()
    with triggers_lifted(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_fact SET subject = 'another' WHERE seq = %s", [fact.seq])
        assert [one.invariant for one in checks.check()] == ["I8.leaf"]
        changed = json.dumps({"salt": "00" * 16, "record": {"subject": "another"}})
        cursor.execute("UPDATE audit_fact SET private = %s WHERE seq = %s", [changed, fact.seq])
    assert [one.invariant for one in checks.check()] == ["I8.private"]
