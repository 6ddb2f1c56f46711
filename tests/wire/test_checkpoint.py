"""Signed notes and checkpoints as C2SP has them, against vectors that others published."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.errors import HesuanError, InputFault, Refused
from hesuan.wire import checkpoint as notes
from hesuan.wire import merkle

# Key, text and signature of the tests of golang.org/x/mod/sumdb/note; C2SP signed-note is that format.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = (
    "— PeterNeumann"
    " x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NOTE = f"{TEXT}\n{LINE}"


@pytest.fixture
def private() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(SEED)[1:])


def test_the_published_note_opens_under_the_published_key() -> None:
    assert notes.open_note(NOTE, notes.parse_log_key(VKEY)) == TEXT


def test_signing_gives_the_published_note_byte_for_byte(private: Ed25519PrivateKey) -> None:
    """Ed25519 signatures are determined by key and text (RFC 8032)."""
    assert notes.sign_note(TEXT, name="PeterNeumann", private=private) == NOTE
    assert notes.log_key("PeterNeumann", private).text() == VKEY


def test_no_part_and_no_neighbour_of_a_key_is_a_key() -> None:
    """As the tests of sumdb/note do: every substring, every next byte."""
    for start in range(len(VKEY) + 1):
        for end in range(start, len(VKEY) + 1):
            if (start, end) != (0, len(VKEY)):
                with pytest.raises(InputFault, match=r"checkpoint\.not_a_key"):
                    notes.parse_log_key(VKEY[start:end])
    for place in range(len(VKEY)):
        altered = VKEY[:place] + chr(ord(VKEY[place]) + 1) + VKEY[place + 1 :]
        with pytest.raises(InputFault, match=r"checkpoint\.not_a_key"):
            notes.parse_log_key(altered)


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # wrong length
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # unknown algorithm
        VKEY.upper(),
        None,
        7,
        "",
    ],
)
def test_keys_of_wrong_length_algorithm_or_kind_are_refused(text: object) -> None:
    with pytest.raises(InputFault, match=r"checkpoint\.not_a_key"):
        notes.parse_log_key(text)


def test_an_altered_text_or_signature_does_not_open() -> None:
    key = notes.parse_log_key(VKEY)
    for altered in (NOTE.replace("cryptography", "cryptographY"), NOTE.replace("x08go/ZJk", "x08go/ZJl")):
        with pytest.raises(Refused, match=r"checkpoint\.bad_signature"):
            notes.open_note(altered, key)


def test_only_unknown_signers_means_unsigned(private: Ed25519PrivateKey) -> None:
    other = notes.log_key("PeterNeumann", Ed25519PrivateKey.generate())
    with pytest.raises(Refused, match=r"checkpoint\.unsigned"):
        notes.open_note(NOTE, other)
    same_key_other_name = notes.log_key("Another", private)
    with pytest.raises(Refused, match=r"checkpoint\.unsigned"):
        notes.open_note(NOTE, same_key_other_name)


def test_unknown_signers_beside_a_known_one_are_ignored() -> None:
    witness = notes.sign_note(TEXT, name="witness.example", private=Ed25519PrivateKey.generate())
    both = NOTE + witness.split("\n\n")[1]
    assert notes.open_note(both, notes.parse_log_key(VKEY)) == TEXT


def test_one_bad_signature_of_a_known_key_refuses_the_note_whatever_stands_beside_it() -> None:
    with pytest.raises(Refused, match=r"checkpoint\.bad_signature"):
        notes.open_note(NOTE + LINE.replace("x08go/ZJk", "x08go/ZJl"), notes.parse_log_key(VKEY))


def test_a_text_may_hold_empty_lines(private: Ed25519PrivateKey) -> None:
    text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n"
    note = notes.sign_note(text, name="a.example", private=private)
    assert notes.open_note(note, notes.log_key("a.example", private)) == text


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "text\n",
        "text\n\n",
        TEXT + LINE,
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—"),
        NOTE.replace("Neumann x08", "Neumann  x08"),
        NOTE.replace("PeterNeumann x", "Peter+Neumann x"),
        NOTE.replace("wJnAM=", "wJnAM"),
        NOTE.replace("wJnAM=", "wJnAN="),
        NOTE.replace("answer", "ans\twer"),
        NOTE.replace("answer", "ans\x00wer"),
        f"{TEXT}\n— PeterNeumann x08goQ==\n"[:-4] + "\n",
        TEXT + "\n" + LINE * 101,
    ],
)
def test_malformed_notes_are_refused_in_a_sentence(malformed: str) -> None:
    with pytest.raises(InputFault, match=r"checkpoint\.not_a_note"):
        notes.open_note(malformed, notes.parse_log_key(VKEY))


def test_a_checkpoint_reads_as_the_specifications_example() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = notes.parse_checkpoint(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == text
    assert notes.parse_checkpoint(text + "an extension line\n") == checkpoint


def test_the_empty_log_has_size_zero() -> None:
    text = notes.Checkpoint("example.com/log", 0, merkle.EMPTY_ROOT).text()
    assert notes.parse_checkpoint(text).size == 0


ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        f"\n1\n{ROOT}\n",
        f"a\n01\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n1 \n{ROOT}\n",
        f"a\n１\n{ROOT}\n",
        f"a\n{10**17}\n{ROOT}\n",
        f"a\n1\n{ROOT[:-4]}\n",
        f"a\n1\n{ROOT.replace('I=', 'J=')}\n",
        f"a\n1\n{ROOT}",
        f"a\n1\n{ROOT}\n\n",
    ],
)
def test_malformed_checkpoints_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(HesuanError, match=r"checkpoint\.malformed"):
        notes.parse_checkpoint(text)
