"""``hesuan verify``: is this receipt, or this evidence pack, sound? Offline, without trust in the hub.

Stands on the standard library and ``cryptography``. An auditor can read all of it: this page for what is
asked and answered, ``checks.py`` for the receipt by itself, ``evidence.py`` for signature, log and keys,
``receipt.py`` for the one rule of the charge.

Exit codes: 0 sound · 1 nothing was verified (unreadable file, wrong words, promised and not proven) ·
2 TAMPERED.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hesuan.errors import Faults, InputFault, declare
from hesuan.money import format_yuan
from hesuan.wire import pack
from hesuan.wire.canonical import canonical
from hesuan.wire.checks import WRONG_SHAPE, Both, Check, Outcome, broken, of_receipt, of_shape, sound
from hesuan.wire.evidence import Trust, of_evidence, of_keys, of_promised
from hesuan.wire.promise import is_overdue, of_promise, present
from hesuan.wire.quorum import Policy
from hesuan.wire.reading import read_json, shown
from hesuan.wire.receipt import FILE_SHAPE, file_shape
from hesuan.wire.verdict import Result
from hesuan.wire.witnessed import NO_QUORUM, of_policy_log, of_proof, of_witnesses

NAMES = "receipt, site, proof, log_key"

UNREADABLE = declare(
    "verify.unreadable",
    en="Not readable as a receipt. {fault} One changed byte can do this; ask the issuer for the file again.",
    zh="无法作为回执读取。{fault}改动一个字节就会如此；请向出具方重新索取文件。",
)
NOT_A_RECEIPT = declare(
    "verify.not_a_receipt",
    en="This is JSON and not a receipt file: a receipt file has the members {names}.",
    zh="这是 JSON，但不是回执文件：回执文件的成员为 {names}。",
)
NOT_CANONICAL = declare(
    "verify.not_canonical",
    en="Form: not as it was issued: at byte {place} stands {found}, {expected} is expected.",
    zh="形式：与出具时不同：第 {place} 字节处为 {found}，应为 {expected}。",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of one receipt file."""

    result: Result
    checks: tuple[Check, ...]
    receipt: str = ""
    """The receipt's id, when it was readable."""
    charge_fen: int = 0
    trusted: bool = False
    """Whether the keys were compared with a trust file."""

    def summary(self, language: str = "en") -> str:
        """The last line: the verdict in words."""
        failed = sum(check.outcome is Outcome.BROKEN for check in self.checks)
        count = sum(check.outcome is not Outcome.NOTE for check in self.checks)
        chinese = language.startswith("zh")
        match self.result:
            case Result.UNREADABLE if failed and self.checks[0].name != "readable":
                return (
                    "未验证：未经足够的见证方见证。"
                    if chinese
                    else "NOT VERIFIED: not enough of the policy's witnesses cosigned."
                )
            case Result.UNREADABLE:
                return "未验证：文件无法读取。" if chinese else "NOT VERIFIED: the file cannot be read."
            case Result.TAMPERED:
                en = f"TAMPERED: {failed} of {count} checks fail. Do not rely on this receipt."
                return f"已被篡改：{count} 项检查中 {failed} 项不符。请勿采信本回执。" if chinese else en
        amount = format_yuan(self.charge_fen)
        keys_en = "with the trusted keys" if self.trusted else "if the keys above are the published ones"
        keys_zh = "密钥受信任" if self.trusted else "前提是上列密钥与公布的一致"
        en = f"SOUND: receipt {self.receipt}, charge {amount}; {count} checks hold, {keys_en}."
        return (
            f"完好：回执 {self.receipt}，费用 {amount}；{count} 项检查全部相符，{keys_zh}。"
            if chinese
            else en
        )

    def document(self, language: str = "en") -> dict[str, Any]:
        """The verdict for programs."""
        return {
            "verdict": self.result.name.lower(),
            "exit": int(self.result),
            "receipt": self.receipt,
            "charge_fen": self.charge_fen,
            "keys": "trusted" if self.trusted else "inside",
            "checks": [
                {
                    "name": check.name,
                    "outcome": check.outcome.value,
                    "code": check.code.name,
                    "sentence": check.sentence(language),
                }
                for check in self.checks
            ],
        }


@dataclass(frozen=True, slots=True)
class PromiseVerdict(Verdict):
    """All checks of a receipt that has the log's promise and no proof."""

    def summary(self, language: str = "en") -> str:
        """The last line."""
        if self.result is Result.TAMPERED:
            return Verdict.summary(self, language)
        chinese = language.startswith("zh")
        if any(is_overdue(check) for check in self.checks):
            en = "NOT VERIFIED: the log's promise is overdue; this file is evidence of it. See above."
            return "未验证：日志的承诺已逾期，本文件即为证据，见上。" if chinese else en
        en = "NOT VERIFIED YET: the receipt agrees with itself; the log promised its entry and has time left."
        return "尚未验证：回执自身相符；日志已承诺载入，期限未到。" if chinese else en


def verify_receipt(
    data: bytes, *, trust: Trust | None, policy: Policy | None = None, now: datetime | None = None
) -> Verdict:
    """Checks every promise of a receipt file; never raises for what is in it.

    Args:
        data: The bytes of the file.
        trust: Keys known from elsewhere; ``None``: those inside the file are used, and the verdict says so.
        policy: Logs that are accepted, and how many witnesses must have cosigned; without it the verdict says
            whether anybody but the log signed at all.
        now: For a promise in the place of a proof: whether its time is over; ``None``: the reader's clock.
    """
    try:
        document = read_json(data)
    except InputFault as fault:
        return Verdict(Result.UNREADABLE, (broken("readable", UNREADABLE, fault=fault),))
    if not isinstance(document, dict) or document.keys().isdisjoint(FILE_SHAPE.shapes):
        return Verdict(Result.UNREADABLE, (broken("readable", NOT_A_RECEIPT, names=NAMES),))
    return _judge(data, document, trust, policy, now or present())


@dataclass(frozen=True, slots=True)
class ProofVerdict(Verdict):
    """All checks of one log proof."""

    def summary(self, language: str = "en") -> str:
        """The last line."""
        if self.result is not Result.SOUND:
            return Verdict.summary(self, language)
        if language.startswith("zh"):
            return f"完好：该条目在日志中；{len(self.checks)} 项检查全部相符。"
        return f"SOUND: the leaf is in the log; {len(self.checks)} checks hold."


def verify_proof(data: bytes, leaf: bytes, *, policy: Policy, trust: Trust | None = None) -> ProofVerdict:
    """Checks a tlog-proof; never raises for what is in it.

    Args:
        data: The bytes of the proof.
        leaf: The leaf, exactly as it was hashed.
        policy: The logs that are accepted, and the quorum of witnesses.
        trust: Keys known from elsewhere: the log's has to be one of them too.
    """
    try:
        checks = of_proof(data, leaf, policy=policy, trust=trust)
    except InputFault as fault:
        return ProofVerdict(Result.UNREADABLE, (broken("readable", UNREADABLE, fault=fault),))
    return ProofVerdict(_result(checks), tuple(checks), trusted=True)


@dataclass(frozen=True, slots=True)
class PackVerdict(Verdict):
    """All checks of one evidence pack; ``receipt`` is the claim's id, ``charge_fen`` what it comes to."""

    def summary(self, language: str = "en") -> str:
        """The last line."""
        if self.result is not Result.SOUND:
            # The named base, because a dataclass with slots is another class than the one written here.
            return Verdict.summary(self, language)
        amount, count = format_yuan(self.charge_fen), len(self.checks)
        if language.startswith("zh"):
            return f"完好：兑付材料 {self.receipt}，合计 {amount}；{count} 项检查全部相符。"
        return f"SOUND: evidence pack of claim {self.receipt}, {amount}; {count} checks hold."


def verify_pack(data: bytes, *, trust: Trust | None, policy: Policy | None = None) -> PackVerdict:
    """Checks every promise of an evidence pack, its receipts one by one; never raises for what is in it.

    Args:
        data: The bytes of the file.
        trust: Keys known from elsewhere; ``None``: those inside.
        policy: Logs that are accepted, and how many witnesses must have cosigned for each receipt.
    """
    try:
        opened = pack.open_pack(data, trust=trust)
    except (InputFault, Faults) as error:
        return PackVerdict(Result.UNREADABLE, (broken("readable", UNREADABLE, fault=error),))
    receipts = {
        name: verify_receipt(opened.members[name], trust=trust, policy=policy)
        for name in sorted(opened.members)
        if name.startswith(pack.RECEIPTS)
    }
    checks = [*opened.checks, *_receipts(receipts)]
    if policy is not None:
        checks += of_policy_log(opened.log_key, policy)
    checks += _said_of(receipts)
    return PackVerdict(
        result=_result(checks),
        checks=tuple(checks),
        receipt=shown(opened.manifest["claim"]),
        charge_fen=opened.manifest["subsidy_fen"],
        trusted=trust is not None,
    )


def _receipts(receipts: Mapping[str, Verdict]) -> list[Check]:
    """What is wrong with receipts, each by itself; too few witnesses are told by :func:`_said_of`."""
    found = []
    for name, verdict in receipts.items():
        if verdict.result is Result.UNREADABLE and any(one.code is NO_QUORUM for one in verdict.checks):
            continue
        failed = next((one for one in verdict.checks if one.outcome is Outcome.BROKEN), None)
        if failed is not None or verdict.result is not Result.SOUND:
            why = Both(failed.sentence("en"), failed.sentence("zh")) if failed else Both("?", "?")
            found.append(broken("receipt", pack.RECEIPT_BROKEN, file=shown(name), why=why))
    en, zh = "Receipts: {count}, each sound by itself.", "回执：{count} 份，逐份完好。"
    unwitnessed = any(verdict.result is not Result.SOUND for verdict in receipts.values())
    return found or ([] if unwitnessed else [sound("receipts", en, zh, count=len(receipts))])


def _said_of(receipts: Mapping[str, Verdict]) -> list[Check]:
    """What a reader has to know of receipts, of each: whose keys, and who is not witnessed.

    Said once, with the names of those of which it is true, unless it is true of all.
    """
    said: dict[tuple[str, str], tuple[Check, list[str]]] = {}
    for name, verdict in receipts.items():
        for one in verdict.checks:
            if one.outcome is Outcome.NOTE or one.code is NO_QUORUM:
                said.setdefault((one.name, one.sentence()), (one, []))[1].append(shown(name))
    return [one if len(names) == len(receipts) else _only_of(names, one) for one, names in said.values()]


def _only_of(names: Sequence[str], check: Check) -> Check:
    why = Both(check.sentence("en"), check.sentence("zh"))
    return replace(check, code=pack.ONLY_OF, facts={"files": ", ".join(names), "why": why})


def _judge(
    data: bytes, document: dict[str, Any], trust: Trust | None, policy: Policy | None, now: datetime
) -> Verdict:
    checks = [_form(data, document)]
    shape = of_shape(document, file_shape(document), "file")
    if any(check.outcome is Outcome.BROKEN for check in [*checks, *shape] if check.code is not NOT_CANONICAL):
        checks += shape
        return Verdict(Result.TAMPERED, tuple(checks), trusted=trust is not None)
    promised = "promise" in document
    evidence = of_promised(document) if promised else of_evidence(document)
    checks += [*of_receipt(document["receipt"]), *evidence, *of_keys(document, trust)]
    checks += [] if policy is None else of_policy_log(document["log_key"], policy)
    checks.append(
        of_promise(document, now=now) if promised else of_witnesses(document["proof"]["checkpoint"], policy)
    )
    result = _result(checks)
    return (PromiseVerdict if promised else Verdict)(
        result=Result.UNREADABLE if promised and result is Result.SOUND else result,
        checks=tuple(checks),
        receipt=shown(document["receipt"]["id"]),
        charge_fen=document["receipt"]["charge"]["charge_fen"],
        trusted=trust is not None,
    )


def _result(checks: Sequence[Check]) -> Result:
    """TAMPERED for any difference; a quorum that is not reached is no difference, and no soundness either."""
    failed = [check for check in checks if check.outcome is Outcome.BROKEN]
    if any(check.code not in {NO_QUORUM, pack.ONLY_OF} for check in failed):
        return Result.TAMPERED
    return Result.UNREADABLE if failed else Result.SOUND


def _form(data: bytes, document: dict[str, Any]) -> Check:
    """Whether the bytes are the one form that this document has: canonical JSON and one line end."""
    try:
        expected = canonical(document) + b"\n"
    except InputFault as fault:
        return broken("form", WRONG_SHAPE, fault=fault)
    if data == expected:
        en, zh = "Form: canonical JSON, {size:,} bytes.", "形式：规范 JSON，{size:,} 字节。"
        return sound("form", en, zh, size=len(data))
    pairs = zip(data, expected, strict=False)
    place = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(data), len(expected)))
    figures = {"found": _bytes_shown(data, place), "expected": _bytes_shown(expected, place)}
    return broken("form", NOT_CANONICAL, place=place + 1, **figures)


def _bytes_shown(data: bytes, place: int) -> Both:
    some = shown(data[place : place + 16].decode(errors="replace"), 24)
    return Both(f"“{some}”", f"“{some}”") if place < len(data) else Both("the end", "文件末尾")


def main(argv: Sequence[str] | None = None) -> int:
    """The command, :mod:`hesuan.wire.verify_command`; returns its exit code."""
    from hesuan.wire.verify_command import main as command

    return command(argv)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe left early: nothing to say, and nobody to say it to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
