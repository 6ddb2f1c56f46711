"""The public page of the log: incidents and restores stand there for whoever asks, in the words recorded."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.people import Person

from hesuan.hub.audit import entries
from hesuan.hub.audit import services as audit
from hesuan.hub.disclosure import notices

pytestmark = pytest.mark.django_db

PROGRAMME = "cn.example.2026"


@pytest.mark.parametrize(
    ("language", "heading"), [("en", "Incidents and restores"), ("zh-hans", "事件与恢复")]
)
def test_whoever_asks_reads_the_incidents_of_every_log(
    language: str, heading: str, nobody: Client, platform_operator: Person
) -> None:
    nobody.cookies["django_language"] = language
    audit.sequence()
    assert heading not in nobody.get("/log/").content.decode(), "there is none yet"
    entries.record_entry(log=PROGRAMME, kind="programme", subject="P", public={"a": 1000})
    audit.sequence(PROGRAMME)
    for log, reason in (("platform", "<b>power</b> cut"), (PROGRAMME, "机房停电 40 分钟")):
        notices.record_incident(actor=platform_operator.actor, reason=reason, log=log)
        audit.sequence(log)
        audit.publish(log)
    notices.accept_restore(actor=platform_operator.actor, reason="disk of 3 May")
    audit.sequence()
    answer = nobody.get("/log/")
    assert answer.status_code == 200, "the entries are among the leaves of the page too"
    page = answer.content.decode()
    assert heading in page and page.count("disk of 3 May") == 2, "listed, and a leaf"
    assert "&lt;b&gt;power&lt;/b&gt; cut" in page and "机房停电 40 分钟" in page and "<b>power" not in page
