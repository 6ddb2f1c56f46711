"""Cosignatures, policies and proofs, on the examples that their specifications print."""

from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from tests.wire import logs

from hesuan.errors import InputFault, Refused
from hesuan.wire import cosignature, merkle
from hesuan.wire.checkpoint import open_note, parse_checkpoint, parse_log_key, split_note
from hesuan.wire.checks import Outcome
from hesuan.wire.proof import Proof, parse_proof
from hesuan.wire.quorum import Policy, parse_policy
from hesuan.wire.verdict import Result
from hesuan.wire.verify import verify_proof
from hesuan.wire.witnessed import NO_QUORUM, of_witnesses

# https://c2sp.org/signed-note, "Example"; the whole chain of name, key id, type byte and signature.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YE"
    "q6TfXppzi2ONncAlTgK7Ztg1ER"
    "YNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# https://c2sp.org/signed-note, first example: a text with an empty line in it.
POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW"
    "9oJKONrMouFSQU0xMcXxj99ih"
    "AQwaqP3ZekRwNtIc=\n"
)
# https://c2sp.org/tlog-cosignature: a checkpoint with the log's line and a witness's.
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4U"
    "RYN7u5/Zhcyv2q1gGzGku9nTo"
    "+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZ"
    "CB9dlrDJsX3b2oyin1nPZqhf5"
    "nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def test_the_specifications_note_opens_under_the_specifications_key() -> None:
    assert open_note(NOTE, parse_log_key(VKEY)) == "This is an example message.\n"
    with pytest.raises(Refused):
        open_note(NOTE.replace("example message", "example massage"), parse_log_key(VKEY))


def test_the_text_ends_at_the_last_empty_line() -> None:
    text, lines = split_note(POEM)
    assert text.endswith("sole:\n\ned è subito sera.\n")
    assert [(line.name, len(line.signature)) for line in lines] == [("quasimodo.example/salvatore", 64)]


def test_the_specifications_cosigned_checkpoint_reads_and_its_time_stands_in_front() -> None:
    text, lines = split_note(COSIGNED)
    assert parse_checkpoint(text).size == 20_852_163
    assert [(line.name, len(line.signature)) for line in lines] == [
        ("example.com/behind-the-sofa", 64),
        ("witness.example.com/w1", 72),
    ]
    assert int.from_bytes(lines[1].signature[:8], "big") == 1_679_315_147
    assert "".join(line.text() for line in lines) == COSIGNED.partition("\n\n")[2]


def test_the_signed_message_is_the_specifications() -> None:
    text = COSIGNED.partition("\n\n")[0] + "\n"
    assert cosignature._message(text, 1_679_315_147).decode() == (
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_a_cosignature_holds_for_its_text_and_time_alone() -> None:
    private, key = logs.witness(1)
    assert cosignature.parse_witness_key(key.text()) == key
    note = logs.cosigned(logs.note(5, merkle.EMPTY_ROOT), 1)
    (found,) = cosignature.of_note(note, [key])
    assert found.time == logs.SEEN_AT
    for altered in (note.replace("\n5\n", "\n6\n"),):
        with pytest.raises(Refused, match=r"checkpoint\.bad_signature"):
            cosignature.of_note(altered, [key])
    assert cosignature.of_note(note, [logs.witness(2)[1]]) == [], "unknown lines are ignored"
    with pytest.raises(InputFault):
        cosignature.parse_witness_key(logs.LOG_KEY.text())  # a log's type byte is no witness's
    del private


SHAPE = """
log {log}

witness X1 {0}
witness X2 {1}
witness X3 {2}
group X-witnesses 2 X1 X2 X3

witness Y1 {3}
witness Y2 {4}
witness Y3 {5}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


@pytest.mark.parametrize(
    ("signers", "enough"),
    [((1, 2, 4), True), ((1, 3, 6), True), ((1, 2, 3), False), ((1, 4, 5, 6), False), ((), False)],
)
def test_the_specifications_two_level_quorum(signers: tuple[int, ...], enough: bool) -> None:
    keys = [logs.witness(number)[1].text() for number in range(1, 7)]
    policy = parse_policy(SHAPE.format(*keys, log=logs.LOG_KEY.text()).encode())
    note = logs.cosigned(logs.note(5, merkle.EMPTY_ROOT), *signers)
    assert policy.satisfied(cosignature.of_note(note, policy.witness_keys)) is enough


W1, W2 = (f"witness {name} {logs.witness(number)[1].text()}\n" for name, number in (("a", 1), ("b", 2)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        W1,
        f"{W1}quorum b\n",
        f"quorum a\n{W1}",
        f"{W1}quorum a\nquorum a\n",
        f"{W1}{W1.replace(' a ', ' c ')}quorum a\n",
        f"{W1}{W2.replace(' b ', ' a ')}quorum a\n",
        f"{W1}group g 2 a\nquorum g\n",
        f"{W1}group g 0 a\nquorum g\n",
        f"{W1}group g any\nquorum g\n",
        f"{W1}group g any none\nquorum g\n",
        f"{W1}group g any a\ngroup h any a\nquorum g\n",
        f"{W1}group g any a a\nquorum g\n",
        f"{W1}quorum a",
        f"{W1}quorum a\r\n",
        f"{W1}quorum\u00a0a\n",
        f"{W1}witness none {logs.witness(3)[1].text()}\nquorum a\n",
        "witness a x\nquorum a\n",
        f"log {logs.witness(1)[1].text()}\nquorum none\n",
        f"log {logs.LOG_KEY.text()}\nlog {logs.LOG_KEY.text()}\nquorum none\n",
    ],
)
def test_policies_that_are_none_are_refused_with_their_line(text: str) -> None:
    with pytest.raises(InputFault):
        parse_policy(text.encode())


def test_comments_blanks_and_urls_are_as_the_specification_allows() -> None:
    text = f"  # eine Prüfung\n\t\n log\t{logs.LOG_KEY.text()}  https://city.example/log/ \n{W1}quorum none\n"
    policy = parse_policy(text.encode())
    assert policy.logs[0].url == "https://city.example/log/" and policy.satisfied([])


def proof_of(index: int, size: int, *signers: int) -> tuple[bytes, bytes]:
    """A proof and its leaf."""
    entries = logs.leaves(size)
    nodes = merkle.tree(entries)

    def node(level: int, place: int) -> bytes:
        return nodes[level, place]

    note = logs.cosigned(logs.note(size, merkle.root(size, node)), *signers)
    made = Proof(index, tuple(merkle.inclusion_proof(index, size, node)), note)
    return made.text().encode(), entries[index]


def test_a_proof_has_the_specifications_form_and_is_read_again() -> None:
    text, _ = proof_of(3, 5, 1)
    lines = text.decode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 3"] and lines[2 + 3] == ""
    read = parse_proof(text)
    assert read.text().encode() == text
    extra = Proof(read.index, read.hashes, read.checkpoint, b"age")
    assert parse_proof(extra.text().encode()) == extra
    assert extra.text().split("\n")[1] == "extra YWdl"


def test_a_proof_is_judged_by_a_policy_alone() -> None:
    policy = parse_policy(logs.policy(1, 2))
    text, leaf = proof_of(3, 5, 1, 2)
    assert verify_proof(text, leaf, policy=policy).result is Result.SOUND
    assert verify_proof(text, leaf + b" ", policy=policy).result is Result.TAMPERED
    assert verify_proof(text.replace(b"index 3", b"index 2"), leaf, policy=policy).result is Result.TAMPERED
    one, leaf = proof_of(3, 5, 1)
    verdict = verify_proof(one, leaf, policy=policy)
    assert verdict.result is Result.UNREADABLE and "not enough" in verdict.summary()
    unknown = parse_policy(b"quorum none\n")
    assert verify_proof(one, leaf, policy=unknown).result is Result.TAMPERED
    assert verify_proof(b"c2sp.org/tlog-proof@v1\nindex 03\n\n", leaf, policy=policy).result is (
        Result.UNREADABLE
    )


def ml_dsa(note: str, private: MLDSA44PrivateKey, *, time: int = logs.SEEN_AT, size: int = 5) -> str:
    """A checkpoint with an ML-DSA-44 cosignature, written out from the text of c2sp.org/tlog-cosignature."""
    name, origin = b"witness.example/pq", logs.ORIGIN.encode()
    message = b"subtree/v1\n\0" + bytes([18]) + name + struct.pack(">Q", time)
    message += bytes([len(origin)]) + origin + struct.pack(">QQ", 0, size) + merkle.EMPTY_ROOT
    raw = private.public_key().public_bytes_raw()
    key_id = hashlib.sha256(name + b"\n\x06" + raw).digest()[:4]
    blob = key_id + struct.pack(">Q", time) + private.sign(message)
    return note + f"— {name.decode()} {base64.b64encode(blob).decode()}\n"


def ml_dsa_policy(private: MLDSA44PrivateKey, quorum: str) -> Policy:
    """One witness of each kind."""
    raw = b"\x06" + private.public_key().public_bytes_raw()
    key_id = hashlib.sha256(b"witness.example/pq\n" + raw).digest()[:4].hex()
    line = f"witness pq witness.example/pq+{key_id}+{base64.b64encode(raw).decode()}\n"
    text = f"log {logs.LOG_KEY.text()}\n{W1}{line}group g {quorum} a pq\nquorum g\n"
    return parse_policy(text.encode())


def test_an_ml_dsa_44_witness_counts_for_what_it_signed() -> None:
    """Type 0x06, which the specification asks of new witnesses."""
    private, note = MLDSA44PrivateKey.generate(), logs.note(5, merkle.EMPTY_ROOT)
    policy = ml_dsa_policy(private, "all")
    assert cosignature.parse_witness_key(policy.witness_keys[1].text()) == policy.witness_keys[1]
    both = ml_dsa(logs.cosigned(note, 1), private)
    found = cosignature.of_note(both, policy.witness_keys)
    assert [one.time for one in found] == [logs.SEEN_AT] * 2 and policy.satisfied(found)
    assert of_witnesses(both, policy).outcome is Outcome.SOUND
    assert of_witnesses(logs.cosigned(note, 1), policy).code is NO_QUORUM
    for other in (
        ml_dsa(logs.cosigned(note, 1), private, size=6),
        both.replace("\n5\n", "\n6\n"),
    ):
        with pytest.raises(Refused, match=r"checkpoint\.bad_signature"):
            cosignature.of_note(other, policy.witness_keys[1:])
    with pytest.raises(InputFault, match=r"not_a_key"):
        text = policy.witness_keys[1].text()
        cosignature.parse_witness_key(text[:-8])


def test_where_nothing_can_check_ml_dsa_the_policy_is_read_and_the_witness_counts_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    private = MLDSA44PrivateKey.generate()
    note = ml_dsa(logs.cosigned(logs.note(5, merkle.EMPTY_ROOT), 1), private)
    monkeypatch.setattr(cosignature, "MLDSA44PublicKey", None)
    enough, few = (of_witnesses(note, ml_dsa_policy(private, quorum)) for quorum in ("any", "all"))
    assert enough.outcome is Outcome.SOUND and few.code is NO_QUORUM
    for check in (enough, few):
        assert "Nothing here can check an ML-DSA-44 cosignature: witness.example/pq" in check.sentence()
        assert check.facts["count"] == 1
