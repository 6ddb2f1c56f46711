"""The public log's page shows leaves of every form."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.wire.canonical import canonical


@pytest.mark.django_db
def test_facts_of_both_versions_and_entries_stand_on_one_page(client: Client) -> None:
    subject = "01K0RDER000000000000000000"
    old = {"v": 1, "kind": "run.finished", "subject": subject, "at": "2026-11-20T21:46Z", "state": "FAILED"}
    Fact.objects.create(
        kind="run.finished", subject=subject, actor="system", at=timezone.now(), leaf=canonical(old)
    )
    audit.record(kind="order.settled", subject="another", actor="system", public={"charge_fen": 420})
    audit.record_entry(log="platform", kind="incident", subject="i", public={"what": "the power failed"})
    audit.sequence()
    page = client.get("/log/").content.decode()
    for shown in (subject, "FAILED", "order.settled", "charge_fen", "incident", "the power failed"):
        assert shown in page
    assert "another" not in page
