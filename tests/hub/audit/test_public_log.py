"""The public log: anybody can read it, recompute it, and see what was changed behind its back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from tests import books
from tests.append_only import triggers_lifted

from hesuan.errors import NotFound
from hesuan.hub.audit import checks, public, selectors, services
from hesuan.hub.audit.models import Fact
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.wire import merkle
from hesuan.wire.checkpoint import open_note, parse_checkpoint, parse_log_key
from hesuan.wire.evidence import read_trust
from hesuan.wire.verify_command import main as verify

OWNER = Actor("owner", "Owner", {"firm": frozenset({"owner"})})
COLLEAGUE = Actor("colleague", "Colleague", {"firm": frozenset({"member"})})
STRANGER = Actor("stranger", "Stranger")
AUDITOR = Actor("auditor", "Auditor", {"office": frozenset({"auditor"})})


def record(number: int) -> Fact:
    return services.record(
        kind="test.happened",
        subject=f"S{number}",
        actor="system",
        public={"amount_fen": number, "name": "值"},
        private={"who": "a firm", "fen": number},
    )


@pytest.fixture
def five(db: None) -> list[Fact]:
    made = []
    for number in range(5):
        made.append(record(number))
        if number in (1, 4):
            services.sequence()
            services.publish()
    return made


def test_anybody_recomputes_the_signed_root_from_published_lines(five: list[Fact], client: Client) -> None:
    key = parse_log_key(client.get("/log/key").content.decode().strip())
    checkpoint = parse_checkpoint(open_note(client.get("/log/checkpoint").content.decode(), key))
    lines = client.get("/log/leaves?from=0")
    assert lines["Hesuan-Log-Size"] == "5"
    frontier = merkle.Frontier()
    for line in lines.content.split(b"\n")[:-1]:
        frontier.append(line)
    assert (frontier.size, frontier.root()) == (checkpoint.size, checkpoint.root)


def test_leaves_are_read_on_from_where_one_stopped(five: list[Fact], client: Client) -> None:
    rest = client.get("/log/leaves?from=3").content.split(b"\n")[:-1]
    assert [json.loads(line)["s"] for line in rest] == [3, 4]
    assert client.get("/log/leaves?from=5").content == b""
    assert len(public.leaves(1, 2).leaves) == 2


@pytest.mark.parametrize("asked", ["6", "-1", "x", "", "1e3", "９", "9" * 40])
def test_an_index_outside_the_log_is_404_with_a_sentence(
    five: list[Fact], client: Client, asked: str
) -> None:
    answer = client.get("/log/leaves", {"from": asked})
    assert answer.status_code == 404 and b"audit.no_such_leaf" in answer.content


def test_an_empty_log_says_that_it_is_empty(db: None, client: Client) -> None:
    assert client.get("/log/checkpoint").status_code == 404
    assert client.get("/log/leaves").content == b""
    assert public.size() == 0 and checks.check() == []


def test_the_log_is_read_only(five: list[Fact], client: Client) -> None:
    for address in ("/log/checkpoint", "/log/key", "/log/leaves"):
        assert client.post(address).status_code == 405


def test_no_private_record_stands_in_a_public_leaf(five: list[Fact], client: Client) -> None:
    assert b"a firm" not in client.get("/log/leaves").content
    assert b"sha256:" in client.get("/log/leaves").content


@pytest.mark.parametrize("actor", [OWNER, COLLEAGUE, STRANGER], ids=["owner", "colleague", "stranger"])
def test_the_private_record_behind_a_leaf_stays_shut_here_for_everybody_but_auditors(
    five: list[Fact], actor: Actor
) -> None:
    (seen,) = selectors.facts(actor, "S2")
    assert seen.leaf["amount_fen"] == 2 and seen.private is None
    for opener in (AUDITOR, SYSTEM):
        (opened,) = selectors.facts(opener, "S2")
        assert opened.private is not None and opened.private["record"] == {
            "who": "a firm",
            "fen": 2,
            "subject": "S2",
        }
    assert selectors.facts(actor, "nothing of that name") == []


def test_growth_is_proven_to_whoever_kept_an_older_checkpoint(five: list[Fact]) -> None:
    old, new = (
        parse_checkpoint(open_note(note, parse_log_key(public.key())))
        for note in services.Checkpoint.objects.order_by("size").values_list("note", flat=True)
    )
    path = [bytes.fromhex(value) for value in public.consistency(old.size, new.size)]
    assert merkle.verify_consistency(
        first=old.size, second=new.size, first_root=old.root, second_root=new.root, path=path
    )
    for first, second in [(0, 5), (3, 6), (4, 3)]:
        with pytest.raises(NotFound):
            public.consistency(first, second)


def test_a_leaf_is_proven_by_its_index(five: list[Fact]) -> None:
    assert public.inclusion(3)["leaf"] == json.loads(bytes(five[3].leaf)) | {"s": 3}
    with pytest.raises(NotFound):
        public.inclusion(5)


def test_the_trust_document_is_one_that_the_verifier_reads(db: None) -> None:
    from hesuan.wire.keys import generate, public_text

    site_keys = {"agent": public_text(generate())}
    trust = read_trust(json.dumps(public.trust(site_keys)).encode())
    assert trust.log_key == public.key() and trust.knows_site(agent="agent", key=site_keys["agent"])


def test_a_sound_log_has_no_finding_and_unsequenced_facts_are_none(five: list[Fact]) -> None:
    record(5)
    assert checks.check() == []


BEHIND_ITS_BACK = {
    "I8.leaf": "UPDATE audit_fact SET subject = 'another' WHERE leaf_index = 2",
    "I8.private": "UPDATE audit_fact SET private = NULL WHERE leaf_index = 2",
    "I8.gapless": "UPDATE audit_fact SET leaf_index = NULL WHERE leaf_index = 4",
    "I8.roots": "UPDATE audit_checkpoint SET note = 'x' WHERE size = 2",
}


@pytest.mark.broken_books("I8")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("invariant", BEHIND_ITS_BACK)
def test_what_a_superuser_changed_past_the_triggers_is_found(invariant: str) -> None:
    for number in range(5):
        record(number)
        if number in (1, 4):
            services.sequence()
    with triggers_lifted(connection), connection.cursor() as cursor:
        cursor.execute(BEHIND_ITS_BACK[invariant])
    assert invariant in {finding.invariant for finding in checks.check()}
    assert invariant in {finding.invariant for finding in books.findings()}, "and by the end of every test"


@pytest.mark.broken_books("I8.roots")
@pytest.mark.django_db(transaction=True)
def test_a_rewritten_amount_is_found_and_no_further_checkpoint_hides_it() -> None:
    """A leaf rewritten together with its private record: only the signed roots still know."""
    for number in range(3):
        record(number)
    services.sequence()
    forged = Fact.objects.get(leaf_index=1).logged.replace(b'"amount_fen":1', b'"amount_fen":9')
    with triggers_lifted(connection):
        Fact.objects.filter(leaf_index=1).update(entry=forged)
    assert {finding.invariant for finding in checks.check()} == {"I8.roots"}
    record(3)
    services.sequence()
    assert {finding.invariant for finding in checks.check()} == {"I8.roots"}


def test_one_leaf_and_its_proof_are_files_for_any_verifier(
    five: list[Fact], client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fetched without an account, verified offline; the neighbour's leaf does not fit the proof."""
    (tmp_path / "policy").write_text(f"log {public.key()}\nquorum none\n")
    for index in (0, 4):
        (tmp_path / f"leaf-{index}").write_bytes(client.get(f"/log/leaf/{index}").content)
    answer = client.get("/log/proof/4")
    assert answer.status_code == 200 and answer.content.startswith(b"c2sp.org/tlog-proof@v1\nindex 4\n")
    (tmp_path / "proof").write_bytes(answer.content)
    words = [str(tmp_path / "proof"), "--policy", str(tmp_path / "policy"), "--leaf"]
    assert verify([*words, str(tmp_path / "leaf-4")]) == 0
    assert verify([*words, str(tmp_path / "leaf-0")]) == 2
    assert "TAMPERED" in capsys.readouterr().out
    for path in ("leaf", "proof"):
        assert client.get(f"/log/{path}/5").status_code == 404
        assert client.post(f"/log/{path}/0").status_code == 405
