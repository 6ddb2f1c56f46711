"""Keys on disk and in text; messages sealed by one agent and opened by one key."""

from __future__ import annotations

import copy
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ecdsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from hesuan.errors import HesuanError, InputFault, Refused
from hesuan.wire import keys
from hesuan.wire.messages import Message, format_at, open_sealed, parse_at, read_sealed, seal


def test_a_key_made_at_first_use_is_private_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "agent.pem"
    made = keys.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.public_text(keys.load_or_create(path)) == keys.public_text(made)
    assert [one.name for one in path.parent.iterdir()] == ["agent.pem"], "no draft is left behind"


def test_many_that_start_together_end_with_one_key(tmp_path: Path) -> None:
    path, made = tmp_path / "agent.pem", []
    start = threading.Barrier(8)

    def first_use() -> None:
        start.wait()
        made.append(keys.public_text(keys.load_or_create(path)))

    threads = [threading.Thread(target=first_use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8 and len(set(made)) == 1


def test_a_key_that_others_may_read_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "agent.pem"
    keys.load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(Refused, match=r"keys\.too_open.*mode 640.*chmod 600"):
        keys.load_or_create(path)


def test_a_broken_or_foreign_key_file_is_refused_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "agent.pem"
    ecdsa = generate_ecdsa(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (b"", b"not a key", ecdsa):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(InputFault, match=r"keys\.not_a_private_key"):
            keys.load_or_create(path)
        assert path.read_bytes() == content


def test_a_public_key_has_one_spelling() -> None:
    text = keys.public_text(keys.generate())
    assert keys.public_text(keys.parse_public(text)) == text
    last = text[-2]
    respelled = text[:-2] + chr(ord(last) + 1) + "="
    for wrong in (respelled, text[:-1], text + "\n", text.upper(), text[8:], "ed25519:", "", None, 3):
        with pytest.raises(InputFault, match=r"keys\.not_a_public_key"):
            keys.parse_public(wrong)


def test_a_fingerprint_is_the_key_id_in_groups_of_four() -> None:
    """SHA-256 of 32 bytes 0x01 begins 72cd6e8422c407fb6d098690f1130b7d, as sha256sum prints it."""
    text = "ed25519:" + keys.to_base64(b"\x01" * 32)
    assert keys.key_id(text) == "72cd6e8422c407fb6d098690f1130b7d"
    assert keys.fingerprint(text) == "72cd 6e84 22c4 07fb 6d09 8690 f113 0b7d"


PRIME = 2**255 - 19
D = -121665 * pow(121666, -1, PRIME) % PRIME


def torsion() -> set[int]:
    """The y coordinates of the points whose order divides 8: doubled three times they are the identity.

    On -x² + y² = 1 + d x² y², a point of order 4 has y = 0, and doubling gives y = 0 where y² = -x², so that
    an order-8 point solves d y⁴ + 2 y² - 1 = 0.
    """
    root = pow(1 + D, (PRIME + 3) // 8, PRIME)
    if root * root % PRIME != (1 + D) % PRIME:
        root = root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    assert root * root % PRIME == (1 + D) % PRIME
    found = {0, 1, PRIME - 1}
    for sign in (1, -1):
        square = (-1 + sign * root) * pow(D, -1, PRIME) % PRIME
        y = pow(square, (PRIME + 3) // 8, PRIME)
        if y * y % PRIME != square:
            y = y * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
        if y * y % PRIME == square:
            found |= {y, PRIME - y}
    return found


def test_keys_under_which_anybody_can_sign_are_no_keys() -> None:
    assert len(torsion()) == 5
    for y in (*torsion(), PRIME, PRIME + 1, 2**255 - 1):
        for sign in (0, 1 << 255):
            raw = (y | sign).to_bytes(32, "little")
            assert keys.from_public_bytes(raw) is None
            with pytest.raises(InputFault, match=r"keys\.not_a_public_key"):
                keys.parse_public("ed25519:" + keys.to_base64(raw))


def test_the_library_alone_would_take_a_signature_that_nobody_made() -> None:
    """Negative control: under the identity as key, this one signature fits every message."""
    identity = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), b"I owe you everything")
    text, signature = "ed25519:" + keys.to_base64(identity), keys.to_base64(identity + bytes(32))
    assert not keys.verify(text, domain="a", value={}, signature=signature)


def test_a_signature_holds_for_its_key_domain_and_value_only() -> None:
    private = keys.generate()
    public = keys.public_text(private)
    signature = keys.sign(private, domain="a", value={"n": 1})
    assert keys.verify(public, domain="a", value={"n": 1}, signature=signature)
    assert not keys.verify(public, domain="b", value={"n": 1}, signature=signature)
    assert not keys.verify(public, domain="a", value={"n": 2}, signature=signature)
    other = keys.public_text(keys.generate())
    assert not keys.verify(other, domain="a", value={"n": 1}, signature=signature)
    for wrong in (None, 7, "", "AAAA", signature[:-1], signature + "=", signature.lower()):
        assert not keys.verify(public, domain="a", value={"n": 1}, signature=wrong)


MESSAGE = Message(
    "01K0AGENT00000000000000000", 7, "usage", datetime(2026, 11, 20, 21, 46, tzinfo=UTC), {"n": 1}
)


def test_a_sealed_message_opens_to_what_was_sealed() -> None:
    private = keys.generate()
    sealed = seal(MESSAGE, private)
    assert open_sealed(sealed, keys.public_text(private)) == MESSAGE
    assert sealed["message"] == {
        "agent": "01K0AGENT00000000000000000",
        "seq": 7,
        "kind": "usage",
        "at": "2026-11-20T21:46:00.000000Z",
        "body": {"n": 1},
    }


def test_sealing_twice_gives_the_same_bytes_so_that_a_resend_is_the_same_message() -> None:
    private = keys.generate()
    assert seal(MESSAGE, private) == seal(MESSAGE, private)


@pytest.mark.parametrize(
    ("member", "value"),
    [("agent", "another"), ("seq", 8), ("kind", "log"), ("at", "2026-11-20T21:46:00.000001Z"), ("body", {})],
)
def test_a_message_changed_in_any_member_does_not_open(member: str, value: object) -> None:
    private = keys.generate()
    sealed: Any = copy.deepcopy(seal(MESSAGE, private))
    sealed["message"][member] = value
    with pytest.raises(Refused, match=r"message\.bad_signature"):
        open_sealed(sealed, keys.public_text(private))


def test_a_message_of_another_agents_key_does_not_open() -> None:
    with pytest.raises(Refused, match=r"message\.bad_signature"):
        open_sealed(seal(MESSAGE, keys.generate()), keys.public_text(keys.generate()))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("agent", 7),
        ("agent", ""),
        ("agent", "a" * 101),
        ("seq", "7"),
        ("seq", -1),
        ("seq", True),
        ("seq", 2**60),
        ("kind", None),
        ("at", 0),
        ("at", "2026-11-20"),
        ("at", "2026-11-20T21:46:00Z"),
        ("at", "2026-13-20T21:46:00.000000Z"),
        ("body", []),
        ("body", {"a": 0.5}),
        ("extra", 1),
    ],
)
def test_malformed_messages_are_refused_in_a_sentence(member: str, value: object) -> None:
    sealed: Any = seal(MESSAGE, keys.generate())
    sealed["message"][member] = value
    with pytest.raises(InputFault):
        read_sealed(sealed)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_no_input_makes_opening_raise_anything_but_our_errors(value: object) -> None:
    for candidate in (value, {"message": value, "signature": value}):
        with pytest.raises(HesuanError):
            open_sealed(candidate, keys.public_text(keys.generate()))


def test_a_float_is_not_sealed() -> None:
    with pytest.raises(InputFault, match=r"wire\.not_canonical"):
        seal(replace(MESSAGE, body={"x": 0.5}), keys.generate())  # type: ignore[dict-item]


def test_times_are_utc_whatever_zone_they_came_in() -> None:
    beijing = datetime(2026, 11, 21, 5, 46, tzinfo=timezone(timedelta(hours=8)))
    assert format_at(beijing) == "2026-11-20T21:46:00.000000Z"
    assert parse_at("2026-11-20T21:46:00.000000Z") == beijing
