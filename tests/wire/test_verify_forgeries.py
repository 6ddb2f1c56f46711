"""Forgers who know the format: they change a figure and mend every digest and signature they can."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.wire import receipts
from tests.wire.receipts import Issuer, as_file, digest, log_key, receipt, site_key

from hesuan.wire.checks import Outcome
from hesuan.wire.evidence import Trust
from hesuan.wire.verify import Result, Verdict, verify_receipt

Json = dict[str, Any]
TRUST = Trust(log_key(), (site_key(),))


def verdict(file: Json, trust: Trust | None = None) -> Verdict:
    return verify_receipt(as_file(file), trust=trust)


def broken(found: Verdict) -> set[str]:
    return {check.name for check in found.checks if check.outcome is Outcome.BROKEN}


def sentences(found: Verdict, language: str = "en") -> str:
    return "\n".join(c.sentence(language) for c in found.checks if c.outcome is Outcome.BROKEN)


def changed(*path: str | int, to: object) -> Json:
    document: Any = receipt()
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return document


# What the issuer itself may not do: signed, logged, proven — and wrong. Row: change → check, both figures.
DISHONEST: dict[str, tuple[Json, str, str, str]] = {
    "charge above what usage and price give": (
        changed("charge", "charge_fen", to=63),
        "charge",
        "¥0.63",
        "¥0.62",
    ),
    "usage changed after the charge": (changed("usage", "wall_ms", to=161200), "charge", "62", "150"),
    "wall time shown differs from the usage": (changed("actual", "wall_ms", to=1), "agreement", "1", "61200"),
    "price shown differs from the quote's": (
        changed("charge", "price_fen_per_core_hour", to=800),
        "charge",
        "800",
        "900",
    ),
    "another share for the same state": (changed("charge", "share_percent", to=50), "charge", "50", "100"),
    "quote swapped under its digest": (
        changed("quote", "price", "fen_per_core_hour", to=901),
        "quote",
        digest(receipts.quote()),
        "sha256:",
    ),
    "captured above the hold": (
        changed("charge", "copay", to={"held_fen": 40, "captured_fen": 50, "released_fen": 0}),
        "holds",
        "¥0.50",
        "¥0.40",
    ),
    "rest of the hold not given back": (
        changed("charge", "copay", "released_fen", to=69),
        "holds",
        "¥1.19",
        "¥1.20",
    ),
    "more held than the quote said": (
        changed("charge", "copay", to={"held_fen": 121, "captured_fen": 50, "released_fen": 71}),
        "holds",
        "¥1.21",
        "¥1.20",
    ),
    "parts do not make the charge": (
        changed("charge", "copay", to={"held_fen": 120, "captured_fen": 51, "released_fen": 69}),
        "parts",
        "¥0.63",
        "¥0.62",
    ),
    "payers' shares do not make the capture": (
        changed("charge", "vouchers", 0, "shares", 0, "fen", to=7),
        "shares",
        "¥0.13",
        "¥0.12",
    ),
    "a voucher that the quote does not name": (
        changed("charge", "vouchers", 0, "voucher", to="01K0THER000000000000000000"),
        "holds",
        "01K0THER",
        "01K0VCHER",
    ),
    "another run's usage": (
        changed("usage", "run", to="01K0THER000000000000000000"),
        "agreement",
        "THER",
        "RN",
    ),
    "prediction made prettier": (changed("prediction", "mid_ms", to=61000), "agreement", "61000", "60000"),
    "prediction left out": (changed("prediction", to=None), "agreement", "null", "60000"),
    "a member nobody knows": (changed("charge", "discount_fen", to=1), "members", "discount_fen", "charge"),
    "a state without a rule": (changed("usage", "state", to="UNKNOWN"), "charge", "UNKNOWN", "COMPLETED"),
}


@pytest.mark.parametrize("row", DISHONEST.values(), ids=DISHONEST)
def test_a_receipt_signed_and_logged_by_the_issuer_is_still_recomputed(
    row: tuple[Json, str, str, str],
) -> None:
    document, name, one, other = row
    found = verdict(Issuer().issue(document), TRUST)
    assert found.result is Result.TAMPERED
    assert name in broken(found)
    for language in ("en", "zh"):
        assert one in sentences(found, language) and other in sentences(found, language)


def test_a_charge_above_the_quote_is_named_with_both_figures() -> None:
    document = receipt()
    document["quote"]["max_charge_fen"] = 60
    document["quote_digest"] = digest(document["quote"])
    document["charge"]["max_charge_fen"] = 60
    found = verdict(Issuer().issue(document), TRUST)
    assert broken(found) == {"charge", "limit"}
    assert "¥0.62 is above the quote's highest charge ¥0.60" in sentences(found)


def forged(change: Callable[[Json], None]) -> Json:
    """A sound file, then changed by somebody without the keys."""
    file = Issuer().issue()
    change(file)
    return file


def raise_the_amount_and_mend_the_digests(file: Json) -> None:
    file["receipt"]["charge"]["charge_fen"] = 70
    file["receipt"]["charge"]["copay"] = {"held_fen": 120, "captured_fen": 58, "released_fen": 62}
    file["proof"]["leaf"] = Issuer().leaf(file["receipt"])
    file["opened"] = Issuer().opened(file["receipt"])


def open_the_leaf_with_another_salt(file: Json) -> None:
    file["opened"]["salt"] = "ff" * 16


def spell_the_salt_otherwise(file: Json) -> None:
    file["opened"]["salt"] = file["opened"]["salt"].upper()


def name_another_receipt_in_the_record(file: Json) -> None:
    file["opened"]["record"]["subject"] = "01K0THERRECEPT000000000000"


def say_it_in_the_way_of_version_1(file: Json) -> None:
    """Whose leaf has no salt to open: another leaf than the one that the log has."""
    file["proof"]["leaf"] = Issuer(version=1).leaf(file["receipt"])
    del file["opened"]


def take_the_proof_of_another_receipt(file: Json) -> None:
    another = receipt()
    another["id"] = "01K0THERRECEPT000000000000"
    file["proof"] = Issuer().proof(another)


def sign_the_checkpoint_with_another_key(file: Json) -> None:
    leaf = receipts.sha256(b"\x00" + receipts.jcs(file["proof"]["leaf"]))
    four = bytes.fromhex(file["proof"]["hashes"][0])
    file["proof"]["checkpoint"] = Issuer(log="forger").note(5, receipts.sha256(b"\x01" + four + leaf))


def sign_with_another_site_key(file: Json) -> None:
    file["site"]["signature"] = Issuer(site="forger").sign(file["receipt"])


def sign_and_name_another_site_key(file: Json) -> None:
    file["site"]["signature"] = Issuer(site="forger").sign(file["receipt"])
    file["site"]["key"] = site_key("forger")


def name_another_agent(file: Json) -> None:
    file["site"]["agent"] = "01K0THER000000000000000000"


def lengthen_the_proof(file: Json) -> None:
    file["proof"]["hashes"].append("00" * 32)


def move_the_entry(file: Json) -> None:
    file["proof"]["index"] = 3


def grow_the_tree(file: Json) -> None:
    file["proof"]["size"] = 6


def sign_another_domain(file: Json) -> None:
    key = receipts.private_key("site")
    file["site"]["signature"] = receipts.b64(key.sign(b"hesuan-message-v1\n" + receipts.jcs(file["receipt"])))


FORGERIES: dict[Callable[[Json], None], set[str]] = {
    raise_the_amount_and_mend_the_digests: {"charge", "site", "inclusion"},
    take_the_proof_of_another_receipt: {"leaf"},
    sign_the_checkpoint_with_another_key: {"checkpoint"},
    sign_with_another_site_key: {"site"},
    sign_and_name_another_site_key: {"leaf"},
    name_another_agent: {"site"},
    lengthen_the_proof: {"inclusion"},
    open_the_leaf_with_another_salt: {"leaf"},
    spell_the_salt_otherwise: {"leaf"},
    name_another_receipt_in_the_record: {"leaf"},
    say_it_in_the_way_of_version_1: {"inclusion"},
    move_the_entry: {"inclusion", "leaf"},
    grow_the_tree: {"inclusion", "checkpoint"},
    sign_another_domain: {"site"},
}


@pytest.mark.parametrize("forger", FORGERIES, ids=lambda forger: forger.__name__)
def test_a_forgery_fails_exactly_the_checks_it_broke(forger: Callable[[Json], None]) -> None:
    found = verdict(forged(forger))
    assert found.result is Result.TAMPERED
    assert broken(found) == FORGERIES[forger]


def test_a_file_forged_whole_verifies_only_under_the_forgers_own_keys_and_says_so() -> None:
    file = Issuer(site="forger", log="forger").issue()
    alone = verdict(file)
    assert alone.result is Result.SOUND
    note = next(check for check in alone.checks if check.outcome is Outcome.NOTE)
    assert "compared with nothing" in note.sentence("en") and "未与任何来源比对" in note.sentence("zh")
    compared = verdict(file, TRUST)
    assert compared.result is Result.TAMPERED
    assert broken(compared) == {"keys"}
    assert len([c for c in compared.checks if c.name == "keys"]) == 2


def test_a_trusted_site_key_is_trusted_for_its_own_agent() -> None:
    file = Issuer().issue()
    agent = file["site"]["agent"]
    assert verdict(file, Trust(log_key(), {agent: site_key()})).result is Result.SOUND
    assert broken(verdict(file, Trust(log_key(), {"another": site_key()}))) == {"keys"}
    assert broken(verdict(file, Trust(log_key(), {agent: site_key("another")}))) == {"keys"}


def test_a_log_renamed_is_another_log() -> None:
    file = Issuer(origin="evil.example/log").issue()
    assert broken(verdict(file, TRUST)) == {"keys"}
    other_name = Issuer().issue()
    other_name["log_key"] = log_key(name="evil.example/log")
    assert broken(verdict(other_name)) == {"checkpoint"}


def test_a_witness_line_that_nobody_here_knows_is_ignored_as_the_specification_demands() -> None:
    file = Issuer().issue()
    line = file["proof"]["checkpoint"].split("\n")[-2]
    file["proof"]["checkpoint"] += line.replace(receipts.ORIGIN, "witness.example/w1") + "\n"
    assert verdict(file, TRUST).result is Result.SOUND


def test_values_of_a_forger_reach_the_terminal_escaped() -> None:
    file = copy.deepcopy(Issuer().issue())
    file["site"]["agent"] = "\x1b[2J\u202eevil"
    text = sentences(verdict(file))
    assert "\x1b" not in text and "\u202e" not in text and "\\x1b[2J\\u202eevil" in text
    assert json.dumps(verdict(file).document())
