"""Whether others saw the checkpoint that something rests on, and whether a policy accepts its log."""

from __future__ import annotations

from typing import Any

from hesuan.errors import Code, HesuanError, InputFault, declare
from hesuan.wire import cosignature, merkle
from hesuan.wire.checkpoint import log_fingerprint, open_note, parse_checkpoint, split_note
from hesuan.wire.checks import Check, Outcome, broken, sound
from hesuan.wire.evidence import CHECKPOINT, LOG_KEY, NOT_IN_LOG, PROOF_MALFORMED
from hesuan.wire.proof import parse_proof
from hesuan.wire.quorum import NONE, Policy
from hesuan.wire.reading import shown

NO_QUORUM = declare(
    "verify.unwitnessed",
    en="Witnesses: UNWITNESSED: {count} known cosigned ({names}); the quorum `{quorum}` is not reached.",
    zh="见证：未经见证：已知见证方 {count} 个（{names}）联署；未达到法定数“{quorum}”。",
)
LOG_NOT_IN_POLICY = declare(
    "verify.log_not_in_policy",
    en="Keys: the policy names no log {origin}; it accepts {known}.",
    zh="密钥：策略未列出日志 {origin}；所接受的为 {known}。",
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
    if not policy.satisfied(found):
        return broken("witnesses", NO_QUORUM, **facts)
    en = "Witnesses: {count} cosigned ({names}); the quorum `{quorum}` is reached."
    zh = "见证：{count} 个见证方已联署（{names}）；达到法定数“{quorum}”。"
    return sound("witnesses", en, zh, **facts)


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


def of_proof(data: bytes, leaf: bytes, *, policy: Policy) -> list[Check]:
    """Every check of a tlog-proof: a log that the policy accepts, its witnesses, and the path to its root.

    Raises:
        InputFault: ``proof.malformed``.
    """
    proof = parse_proof(data)
    try:
        text, lines = split_note(proof.checkpoint)
        origin = parse_checkpoint(text).origin
        known = policy.log_that_signed(origin, lines)
        if known is None:
            names = ", ".join(shown(log.key.name) for log in policy.logs) or "–"
            return [broken("policy", LOG_NOT_IN_POLICY, origin=shown(origin), known=names)]
        checkpoint = parse_checkpoint(open_note(proof.checkpoint, known.key))
    except HesuanError as fault:
        return [broken("checkpoint", CHECKPOINT, fault=fault)]
    en = "Checkpoint: log {origin} at {size} entries, signed with the key of the policy."
    zh = "检查点：日志 {origin}，共 {size} 条，以策略所列密钥签名。"
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
