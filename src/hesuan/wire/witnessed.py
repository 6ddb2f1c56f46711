"""Whether others saw the checkpoint that something rests on, and whether a policy accepts its log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hesuan.errors import Code, HesuanError, InputFault, declare
from hesuan.wire import cosignature, merkle
from hesuan.wire.checkpoint import log_fingerprint, open_note, parse_checkpoint, split_note
from hesuan.wire.checks import Both, Check, Outcome, broken, sound
from hesuan.wire.evidence import CHECKPOINT, LOG_KEY, NOT_IN_LOG, PROOF_MALFORMED, Trust
from hesuan.wire.log_verdict import AHEAD, TOO_OLD
from hesuan.wire.proof import parse_proof
from hesuan.wire.quorum import NONE, Policy, key_that_signed
from hesuan.wire.reading import shown

MAX_AHEAD_S = 300
"""How far a witness's clock may be ahead of the reader's."""

NO_QUORUM = declare(
    "verify.unwitnessed",
    en="Witnesses: UNWITNESSED: {count} known cosigned ({names});"
    " the quorum `{quorum}` is not reached.{more}",
    zh="见证：未经见证：已知见证方 {count} 个（{names}）联署；未达到法定数“{quorum}”。{more}",
)
LOG_NOT_IN_POLICY = declare(
    "verify.log_not_in_policy",
    en="Keys: log {origin} is not accepted; policy or trust file name {known}.",
    zh="密钥：不接受日志 {origin}；策略或受信任的密钥所列为 {known}。",
)


def of_witnesses(note: str, policy: Policy | None) -> Check:
    """How many witnesses cosigned a checkpoint; without a policy nobody's word is known, and it says so."""
    try:
        lines = split_note(note)[1]
        found = [] if policy is None else cosignature.of_note(note, policy.witness_keys)
    except HesuanError as fault:
        return broken("witnesses", CHECKPOINT, fault=fault)
    if policy is None or policy.quorum == NONE:
        return _unknown(max(0, len(lines) - 1))
    names = ", ".join(shown(one.key.name) for one in found) or "–"
    facts: dict[str, object] = {"count": len(found), "names": names, "quorum": shown(policy.quorum)}
    strange = [shown(one.name) for one in policy.witness_keys if not one.can_be_checked]
    told = ", ".join(strange)
    facts["more"] = Both(
        f" Nothing here can check an ML-DSA-44 cosignature: {told}; none of them counts." if strange else "",
        f"本机无法核验 ML-DSA-44 联署：{told}；均不计入。" if strange else "",
    )
    if not policy.satisfied(found):
        return broken("witnesses", NO_QUORUM, **facts)
    en = "Witnesses: {count} cosigned ({names}); the quorum `{quorum}` is reached.{more}"
    zh = "见证：{count} 个见证方已联署（{names}）；达到法定数“{quorum}”。{more}"
    return sound("witnesses", en, zh, **facts)


def of_freshness(note: str, policy: Policy, *, now: int, max_age_s: int | None) -> list[Check]:
    """Whether the quorum, and not one witness of it, stood behind a checkpoint lately; nothing where it did.

    Args:
        note: A note whose cosignatures were checked, and make the quorum.
        policy: With a quorum.
        now: POSIX seconds, by the reader's clock.
        max_age_s: How long ago is lately; ``None``: any time that is not ahead of the clock.
    """
    found = cosignature.of_note(note, policy.witness_keys)
    here = [one for one in found if one.time <= now + MAX_AHEAD_S]
    enough = policy.satisfied(here)
    outcome = Outcome.NOTE if enough else Outcome.BROKEN
    told = [
        Check(
            "freshness", outcome, AHEAD, {"name": shown(one.key.name), "time": _at(one.time), "now": _at(now)}
        )
        for one in found
        if one.time > now + MAX_AHEAD_S
    ]
    if not enough or max_age_s is None:
        return told
    seen = max(
        at for at in {one.time for one in here} if policy.satisfied(one for one in here if one.time >= at)
    )
    if now - seen > max_age_s:
        quorum = shown(policy.quorum)
        told.append(broken("freshness", TOO_OLD, quorum=quorum, age=now - seen, limit=max_age_s))
    return told


def _at(time: int) -> str:
    """A time as people read it, or its number where no calendar goes so far."""
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{time} s"


def _unknown(others: int) -> Check:
    if others:
        en = "Witnesses: {count} signatures beside the log's; whose they are only a --policy says."
        zh = "见证：除日志外另有 {count} 个签名；签名者须以 --policy 确认。"
    else:
        en = "Witnesses: UNWITNESSED: nobody but the log signed this checkpoint."
        zh = "见证：未经见证：除日志本身外无人签署该检查点。"
    return Check("witnesses", Outcome.NOTE, Code("verify.witnesses_unknown", en, zh), {"count": others})


def of_policy_log(log_key: str, policy: Policy) -> list[Check]:
    """Whether a policy accepts the log of a file; nothing when the policy names no log at all."""
    if not policy.logs:
        return []
    known = [log.key.text() for log in policy.logs]
    if log_key in known:
        en, zh = "Keys: the policy accepts this log, {log}.", "密钥：策略接受本日志 {log}。"
        return [sound("policy", en, zh, log=shown(log_key.partition("+")[0]))]
    fingerprints = "; ".join(log_fingerprint(key) for key in known)
    try:
        found = log_fingerprint(log_key)
    except InputFault:
        found = shown(log_key)
    return [broken("policy", LOG_KEY, found=found, trusted=fingerprints)]


def of_proof(data: bytes, leaf: bytes, *, policy: Policy, trust: Trust | None) -> list[Check]:
    """Every check of a tlog-proof: policy and trust file accept the log; its witnesses; the path to its root.

    Raises:
        InputFault: ``proof.malformed``.
    """
    proof = parse_proof(data)
    try:
        text, lines = split_note(proof.checkpoint)
        origin = parse_checkpoint(text).origin
        trusted, named = trust.log_keys() if trust else [], [log.key for log in policy.logs]
        for keys in [one for one in (named, trusted) if one] or [[]]:
            key = key_that_signed(keys, origin, lines)
            if key is None:
                names = ", ".join(shown(one.name) for one in keys) or "–"
                return [broken("policy", LOG_NOT_IN_POLICY, origin=shown(origin), known=names)]
            open_note(proof.checkpoint, key)
        checkpoint = parse_checkpoint(text)
    except HesuanError as fault:
        return [broken("checkpoint", CHECKPOINT, fault=fault)]
    en = "Checkpoint: log {origin} at {size} entries, signed with the accepted key."
    zh = "检查点：日志 {origin}，共 {size} 条，以所接受的密钥签名。"
    signed = sound("checkpoint", en, zh, origin=shown(origin), size=checkpoint.size)
    figures: dict[str, Any] = {"index": proof.index, "size": checkpoint.size, "count": len(proof.hashes)}
    root = merkle.root_from_inclusion(proof.index, checkpoint.size, merkle.leaf_hash(leaf), proof.hashes)
    if root is None:
        return [signed, broken("inclusion", PROOF_MALFORMED, **figures)]
    if root != checkpoint.root:
        signed_root = checkpoint.root.hex()
        return [signed, broken("inclusion", NOT_IN_LOG, computed=root.hex(), signed=signed_root, **figures)]
    en = "Log: this leaf is entry {index} of {size}; the path leads to the signed root {root}."
    zh = "日志：该条目为第 {index} 条（共 {size} 条）；路径所至与所签的根 {root} 一致。"
    return [
        signed,
        sound("inclusion", en, zh, root=root.hex(), **figures),
        of_witnesses(proof.checkpoint, policy),
    ]
