"""The evidence pack: signed, the same bytes for the same claim, checked offline, safe in a spreadsheet."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hub.audit.quorum import ask_three, cosigned
from tests.hub.settlement.claim_world import ClaimWorld
from tests.people import Person
from tests.road import tell
from tests.sites import inventory_body
from tests.wire import logs

from hesuan.errors import NotFound, Refused
from hesuan.hub.audit import selectors as audit
from hesuan.hub.settlement import cells, claims
from hesuan.hub.settlement.packing import evidence_pack
from hesuan.hub.worker.loop import tick
from hesuan.wire import pack, verify
from hesuan.wire.cosignature import of_note
from hesuan.wire.evidence import Trust
from hesuan.wire.ids import new_id
from hesuan.wire.quorum import Policy, parse_policy

World = Callable[..., ClaimWorld]


def repacked(content: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The pack with its members changed and written as a pack is."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name, data in members.items():
            new.writestr(name, data)
    return out.getvalue()


def test_a_pack_is_sound_offline_and_the_same_for_the_same_claim(
    world: World, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    here = world()
    claim = here.claim(here.settle(), here.settle())
    made = evidence_pack(here.claimant.actor, claim.id)
    tell(here.road.site, ("inventory", inventory_body()))
    tick()  # the log grows
    again = evidence_pack(here.reviewer.actor, claim.id)
    assert again.content == made.content
    verdict = verify.verify_pack(made.content, trust=None)
    assert verdict.result is verify.Result.SOUND, [one.sentence() for one in verdict.checks]
    assert (verdict.receipt, verdict.charge_fen) == (claim.id, 168)
    assert "兑付材料" in verdict.summary("zh") and "168" not in verdict.summary("en")
    path = tmp_path / "p.zip"  # type: ignore[operator]
    path.write_bytes(made.content)
    assert verify.main([str(path)]) == 0
    assert "SOUND: evidence pack" in capsys.readouterr().out
    here.approve(claim)
    assert evidence_pack(here.claimant.actor, claim.id).content != made.content


def test_a_pack_rests_on_what_witnesses_saw_and_stays_so(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world()
    claim = here.claim(here.settle())
    policy = ask_three(tmp_path, monkeypatch)
    assert not any(quorums(evidence_pack(here.claimant.actor, claim.id).content, policy))
    newest = audit.latest_checkpoint()
    assert newest is not None
    cosigned(newest, 3, 1)
    made = evidence_pack(here.claimant.actor, claim.id).content
    assert all(quorums(made, policy))
    tell(here.road.site, ("inventory", inventory_body()))
    tick()
    cosigned(newest, 2)
    assert evidence_pack(here.claimant.actor, claim.id).content == made


def test_each_receipt_that_is_not_witnessed_is_named_with_trusted_keys_too(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first receipt's checkpoint reached the quorum, the second's has no line but the log's own."""
    here = world()
    policy = ask_three(tmp_path, monkeypatch)
    first = here.settle()
    newest = audit.latest_checkpoint()
    assert newest is not None
    cosigned(newest, 3, 1)
    second = here.settle()
    made = evidence_pack(here.claimant.actor, here.claim(first, second).id).content
    seen, alone = (f"receipts/{one.receipt.id}.json" for one in (first, second))
    trust = Trust(log_key=audit.log_key(), site_keys=(here.road.site.agent.public_key,))
    for known in (None, trust):
        said = witness_lines(made, trust=known, policy=None)
        assert [line for line in said if "UNWITNESSED" in line and alone in line], said
        assert not [line for line in said if "UNWITNESSED" in line and seen in line], said
        (line,) = witness_lines(made, trust=known, policy=policy)
        assert "UNWITNESSED" in line and alone in line and seen not in line
    asks_nobody = parse_policy(b"quorum none\n")
    assert "UNWITNESSED" in "".join(witness_lines(made, trust=trust, policy=asks_nobody))


def witness_lines(content: bytes, *, trust: Trust | None, policy: Policy | None) -> list[str]:
    """What a verdict says of witnesses."""
    verdict = verify.verify_pack(content, trust=trust, policy=policy)
    assert verdict.result == (1 if policy and policy.witnesses else 0)
    return [one.sentence() for one in verdict.checks if one.name == "witnesses"]


def quorums(content: bytes, policy: Policy) -> list[bool]:
    """Of each receipt in a pack, whether its checkpoint reached the quorum."""
    opened = pack.open_pack(content, trust=None)
    files = [json.loads(data) for name, data in opened.members.items() if name.startswith(pack.RECEIPTS)]
    assert files
    notes = [file["proof"]["checkpoint"] for file in files]
    return [policy.satisfied(of_note(note, policy.witness_keys)) for note in notes]


def test_what_is_in_it(world: World) -> None:
    here = world("reimburse_user")
    claim = here.claim(here.settle(), invoice={"number": "=1+1"})
    made = evidence_pack(here.reviewer.actor, claim.id)
    opened = pack.open_pack(made.content, trust=None)
    names = sorted(name.partition("/")[0] for name in opened.members)
    assert names == ["claim.json", "lines.csv", "receipts", "summary.pdf"]
    assert (
        opened.members["summary.pdf"].startswith(b"%PDF-")
        and b"STSong-Light" in opened.members["summary.pdf"]
    )
    # Digits stand in a font of their own: a reader's substitute for the Chinese one may lack them.
    assert b"/Helvetica" in opened.members["summary.pdf"]
    assert opened.members["lines.csv"].startswith("\ufeff行号".encode())
    told = json.loads(opened.members["claim.json"])
    assert told["papers"]["invoice"]["number"] == "=1+1"
    people = {here.claimant.identity.id, here.reviewer.identity.id}
    assert not any(one in opened.members["claim.json"].decode() for one in people)
    assert made.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ["claim.json", "lines.csv", "summary.pdf", "receipts"])
def test_one_changed_byte_in_any_member_is_found(world: World, name: str) -> None:
    here = world()
    made = evidence_pack(here.claimant.actor, here.claim(here.settle()).id)

    def change(members: dict[str, bytes]) -> None:
        key = next(one for one in members if one.startswith(name))
        members[key] = members[key][:-3] + bytes([members[key][-3] ^ 1]) + members[key][-2:]

    assert verify.verify_pack(repacked(made.content, lambda _: None), trust=None).result == 0
    assert verify.verify_pack(repacked(made.content, change), trust=None).result == 2


def test_an_added_a_missing_and_a_resigned_member_are_found(world: World) -> None:
    here = world()
    made = evidence_pack(here.claimant.actor, here.claim(here.settle()).id)
    added = repacked(made.content, lambda members: members.update({"x.txt": b"x"}))
    missing = repacked(made.content, lambda members: members.pop("lines.csv"))

    def lowered(members: dict[str, bytes]) -> None:
        members["manifest.json"] = members["manifest.json"].replace(b'"subsidy_fen":84', b'"subsidy_fen":85')

    for content in (added, missing, repacked(made.content, lowered)):
        assert verify.verify_pack(content, trust=None).result is verify.Result.TAMPERED
    other = Trust(log_key="elsewhere+00000000+AQ==", site_keys=())
    assert verify.verify_pack(made.content, trust=other).result is verify.Result.TAMPERED
    known = Trust(log_key=audit.log_key(), site_keys=(here.road.site.agent.public_key,))
    assert verify.verify_pack(made.content, trust=known).result is verify.Result.SOUND


def test_a_policy_is_asked_about_a_pack_and_its_receipts_too(world: World) -> None:
    here = world()
    made = evidence_pack(here.claimant.actor, here.claim(here.settle()).id)
    own, witness = f"log {audit.log_key()}\n", f"witness w1 {logs.witness(1)[1].text()}\n"
    for text, result in (
        (f"{own}quorum none\n", verify.Result.SOUND),
        (f"{own}{witness}quorum w1\n", verify.Result.UNREADABLE),
        (f"log {logs.LOG_KEY.text()}\nquorum none\n", verify.Result.TAMPERED),
    ):
        verdict = verify.verify_pack(made.content, trust=None, policy=parse_policy(text.encode()))
        assert verdict.result is result, [one.sentence() for one in verdict.checks]


def test_a_zip_that_is_none_of_ours_is_unreadable() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("manifest.json", b"0" * 5_000_000)
    for content in (out.getvalue(), b"PK\x03\x04rubbish", b"PK\x03\x04"):
        assert verify.verify_pack(content, trust=None).result is verify.Result.UNREADABLE


def test_a_draft_has_no_pack_and_strangers_find_none(world: World, stranger: Person) -> None:
    here = world()
    settled = here.settle()
    draft = claims.open_claim(
        actor=here.claimant.actor,
        claim_id=new_id(),
        version_id=here.version.id,
        order_ids=[settled.order_id],
        papers_said=here.papers(settled),
    )
    with pytest.raises(Refused, match=r"pack\.too_early"):
        evidence_pack(here.claimant.actor, draft.id)
    with pytest.raises(NotFound):
        evidence_pack(stranger.actor, draft.id)


@pytest.mark.parametrize("cell", ["=1+1", "+1+cmd", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_a_cell_is_never_a_formula(cell: str) -> None:
    assert cells.safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-12.00", "12", "合同", "", "a=b"])
def test_a_plain_cell_stays_as_it_is(cell: str) -> None:
    assert cells.safe(cell) == cell
