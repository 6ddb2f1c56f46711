"""A receipt altered in any one byte does not verify, and the verdict says in both languages what differs."""

from __future__ import annotations

import pytest
from tests.wire import receipts

from hesuan.errors import REGISTRY
from hesuan.wire.checks import Outcome
from hesuan.wire.evidence import Trust
from hesuan.wire.verify import Result, Verdict, verify_receipt

SOUND = receipts.as_file(receipts.Issuer().issue())
TRUST = Trust(receipts.log_key(), (receipts.site_key(),))
SUBSTITUTIONS = {
    "the next character": lambda byte: (byte + 1) % 256,
    "another digit or letter": lambda byte: ord("7") if byte != ord("7") else ord("3"),
    "the other case": lambda byte: byte ^ 0x20,
    "a byte that is no ASCII": lambda byte: byte ^ 0x80,
}


def test_the_unaltered_receipt_verifies_with_and_without_trusted_keys() -> None:
    assert verify_receipt(SOUND, trust=TRUST).result is Result.SOUND
    assert verify_receipt(SOUND, trust=None).result is Result.SOUND


def assert_says_what_differs(verdict: Verdict) -> None:
    assert verdict.result in (Result.TAMPERED, Result.UNREADABLE)
    found = [check for check in verdict.checks if check.outcome is Outcome.BROKEN]
    assert found
    for check in found:
        assert check.code.name in REGISTRY
        assert len(check.sentence("en")) > 20 and "{" not in check.code.name
        assert check.sentence("zh") != check.sentence("en")


@pytest.mark.parametrize("change", SUBSTITUTIONS.values(), ids=SUBSTITUTIONS)
def test_every_single_byte_counts(change) -> None:  # type: ignore[no-untyped-def]
    for place, byte in enumerate(SOUND):
        altered = SOUND[:place] + bytes([change(byte)]) + SOUND[place + 1 :]
        assert altered != SOUND
        verdict = verify_receipt(altered, trust=None)
        assert verdict.result is not Result.SOUND, (place, SOUND[place - 30 : place + 30])
        assert_says_what_differs(verdict)


def test_a_missing_and_an_added_byte_count_too() -> None:
    for place in range(0, len(SOUND), 7):
        assert_says_what_differs(verify_receipt(SOUND[:place] + SOUND[place + 1 :], trust=None))
        assert_says_what_differs(verify_receipt(SOUND[:place] + b" " + SOUND[place:], trust=None))
    for altered in (SOUND + b"\n", SOUND[:-1], SOUND.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + SOUND):
        assert_says_what_differs(verify_receipt(altered, trust=None))


def test_a_forgiving_base_64_decoder_would_let_altered_bytes_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: with Python's own decoder some altered signatures and keys verify."""
    import base64
    import binascii

    from hesuan.wire import checkpoint, keys

    def forgiving(text: object) -> bytes | None:
        try:
            return base64.b64decode(str(text), validate=True)
        except binascii.Error:
            return None

    place = SOUND.index(b'"signature":"') + len(b'"signature":"') + 85
    altered = SOUND[:place] + bytes([SOUND[place] + 1]) + SOUND[place + 1 :]
    assert base64.b64decode(SOUND[place - 85 : place + 3]) == base64.b64decode(
        altered[place - 85 : place + 3]
    )
    assert verify_receipt(altered, trust=None).result is Result.TAMPERED
    monkeypatch.setattr(keys, "from_base64", forgiving)
    monkeypatch.setattr(checkpoint, "from_base64", forgiving)
    assert verify_receipt(altered, trust=None).result is Result.SOUND
