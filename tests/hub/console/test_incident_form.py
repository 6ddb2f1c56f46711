"""An incident is put on record from the page of the log: by whom, and once; a refusal loses no words."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client
from tests.hub.console.test_pages import LANGUAGES, faults_of_page, read
from tests.people import Person

from hesuan.hub.audit import entries
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import notices
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.django_db

PROGRAMME = "cn.example.2026"
WORDS = "<b>power</b> cut in hall 2\nfor 40 minutes"


@pytest.fixture(autouse=True)
def logs() -> None:
    """The platform's log and a programme's, each with a leaf."""
    audit.record(kind="test.happened", subject="S", actor="system")
    entries.record_entry(log=PROGRAMME, kind="programme", subject="P", public={"a": 1000})
    for log in ("platform", PROGRAMME):
        audit.sequence(log)


def offered(client: Client) -> bool:
    return 'data-test="open-incident"' in read(client, "/log/", "en")[1]


def send(person: Person, language: str = "en", **sent: str) -> tuple[int, str]:
    """Status and text of the form's answer; a whole form, but for what is named."""
    person.client.cookies["django_language"] = language
    form = {"verb": "incident", "log": PROGRAMME, "reason": WORDS, "sure": "yes", "id": new_id()}
    answer = person.client.post("/log/", form | sent)
    return answer.status_code, answer.content.decode()


def incidents() -> list[Fact]:
    return list(Fact.objects.filter(kind="incident").order_by("seq"))


def test_it_is_offered_to_administrators_of_platform_and_security_alone(
    nobody: Client,
    owner: Person,
    officer: Person,
    approver: Person,
    auditor: Person,
    centre_operator: Person,
    platform_operator: Person,
    security_admin: Person,
) -> None:
    for person in (platform_operator, security_admin):
        assert offered(person.client)
        for language in LANGUAGES:
            status, text = read(person.client, "/log/", language)
            assert (status, faults_of_page(text, language)) == (200, [])
            assert re.findall(r'<option value="([^"]+)"', text.partition('name="log"')[2]) == [
                "platform",
                PROGRAMME,
            ]
            assert "no-store" in person.client.get("/log/")["Cache-Control"]
    for other in (owner, officer, approver, auditor, centre_operator):
        assert not offered(other.client)
        status, text = send(other)
        assert status == 409 and "notices.role_missing" in text
    assert not offered(nobody)
    answer = nobody.post("/log/", {"verb": "incident", "log": PROGRAMME, "reason": WORDS, "sure": "yes"})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/log/")
    assert incidents() == []


def test_without_the_services_rule_leaving_the_form_out_would_stop_nobody(
    owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "_need", lambda *_: None)
    assert send(owner)[0] == 302 and len(incidents()) == 1


def test_it_is_told_as_recorded_at_once_and_to_everybody_from_the_logs_next_round_on(
    platform_operator: Person, owner: Person, nobody: Client
) -> None:
    assert send(platform_operator)[0] == 302
    waits = 'data-test="waiting"'
    for language in LANGUAGES:
        status, text = read(platform_operator.client, "/log/", language)
        shown = text.partition(waits)[2].partition("</section>")[0]
        assert "&lt;b&gt;power&lt;/b&gt; cut" in shown and PROGRAMME in shown
        assert (status, faults_of_page(text, language)) == (200, [])
    assert waits not in read(owner.client, "/log/", "en")[1] + read(nobody, "/log/", "en")[1]
    audit.sequence(PROGRAMME)
    (made,) = incidents()
    assert json.loads(made.logged)["what"] == WORDS
    assert made.private is not None
    assert made.private["record"] == {"by": platform_operator.actor.identity_id}
    for client in (platform_operator.client, nobody):
        text = read(client, "/log/", "en")[1]
        assert waits not in text and "&lt;b&gt;power&lt;/b&gt; cut" in text


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"sure": ""}, {"en": "cannot be undone", "zh-hans": "不可撤回"}),
        ({"reason": " \r\n "}, {"en": "Say what happened", "zh-hans": "请说明发生了什么"}),
        ({"reason": "x" * 501}, {"en": "These are 501 characters", "zh-hans": "共 501 个字符"}),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refused_form_comes_back_open_with_its_words_and_what_is_wrong_beside_them(
    sent: dict[str, str], said: dict[str, str], language: str, security_admin: Person
) -> None:
    chosen = new_id()
    status, text = send(security_admin, language, id=chosen, **sent)
    form = text.partition('<details class="deed" open>')[2].partition("</details>")[0]
    assert status == 422 and 'class="errorlist"' in form and said[language] in form
    assert f'value="{chosen}"' in form and f'<option value="{PROGRAMME}" selected>' in form
    assert sent.get("reason", "hall 2").strip() in form
    assert 'class="faults"' not in text, "it stands beside its field, not again above"
    assert faults_of_page(text, language) == [] and incidents() == []


def test_five_hundred_characters_are_enough_and_a_browsers_line_ends_count_once(
    security_admin: Person,
) -> None:
    words = "停" * 249 + "\r\n" + "电" * 250
    assert send(security_admin, reason=words)[0] == 302
    audit.sequence(PROGRAMME)
    assert json.loads(incidents()[0].logged)["what"] == words.replace("\r\n", "\n")


def test_a_form_sent_twice_is_one_incident(platform_operator: Person, security_admin: Person) -> None:
    chosen = new_id()
    assert [send(platform_operator, id=chosen)[0] for _ in range(2)] == [302, 302]
    audit.sequence(PROGRAMME)
    assert send(platform_operator, id=chosen)[0] == 302, "once it has its place too"
    assert len(incidents()) == 1
    for other in ({"reason": "another"}, {"log": "platform"}):
        status, text = send(security_admin, id=chosen, **other)
        assert status == 409 and "notices.id_taken" in text
    assert len(incidents()) == 1
    assert send(platform_operator)[0] == 302 and len(incidents()) == 2, "the control: with an id of its own"


def test_what_the_form_cannot_send_is_not_there(platform_operator: Person) -> None:
    assert send(platform_operator, log="none")[0] == 404
    assert send(platform_operator, verb="nonsense")[0] == 404
    assert incidents() == []
