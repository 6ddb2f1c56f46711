"""The evidence around a receipt: the site's signature, the log's entry, its proof, the checkpoint, the keys.

Without a trust file the keys are those inside the file itself; the verdict then says so and shows their
fingerprints, because a forger can sign a whole invented file with keys of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hesuan.errors import Code, Faults, HesuanError, InputFault, declare
from hesuan.money import format_yuan
from hesuan.wire import merkle
from hesuan.wire.canonical import canonical, digest
from hesuan.wire.checkpoint import (
    Checkpoint,
    LogKey,
    log_fingerprint,
    open_note,
    parse_checkpoint,
    parse_log_key,
)
from hesuan.wire.checks import DISAGREES, Check, Outcome, broken, figure, sound
from hesuan.wire.encoding import from_hex
from hesuan.wire.keys import fingerprint, parse_public
from hesuan.wire.leaves import VERSION, is_fact, opens
from hesuan.wire.reading import Listing, Members, Text, faults, read_json, shown
from hesuan.wire.receipt import LEAF_KIND, signed_by

SITE_SIGNATURE = declare(
    "verify.site_signature",
    en="Site: the signature does not fit this receipt under the key {key};"
    " receipt, key or signature was changed.",
    zh="站点：签名与本回执在密钥 {key} 下不符：回执、密钥或签名被改动。",
)
LEAF_DIFFERS = declare(
    "verify.leaf_differs",
    en="Log entry: `{member}` is {written}; this file has {computed}.",
    zh="日志条目：“{member}”为 {written}；本文件为 {computed}。",
)
LEAF_NOT_OPENED = declare(
    "verify.leaf_not_opened",
    en="Log entry: salt and record of this file do not open it; it commits to {written}.",
    zh="日志条目：本文件的盐与记录无法将其打开；其摘要为 {written}。",
)
LEAF_NO_FACT = declare(
    "verify.leaf_no_fact",
    en="Log entry: {leaf} has not the form of a fact of the platform.",
    zh="日志条目：{leaf} 不是平台事实的形式。",
)
NOT_IN_LOG = declare(
    "verify.not_in_log",
    en="Log: entry {index} of {size} with this proof leads to the root {computed};"
    " the checkpoint signs {signed}.",
    zh="日志：第 {index} 条（共 {size} 条）按此证明得到的根为 {computed}；检查点所签的根为 {signed}。",
)
PROOF_MALFORMED = declare(
    "verify.proof_malformed",
    en="Log: `proof.hashes` with {count} hashes is no proof for entry {index} of {size}.",
    zh="日志：`proof.hashes` 共 {count} 个哈希，不是第 {index} 条（共 {size} 条）的证明。",
)
CHECKPOINT = declare(
    "verify.checkpoint", en="Checkpoint: it does not hold. {fault}", zh="检查点：不成立。{fault}"
)
CHECKPOINT_DIFFERS = declare(
    "verify.checkpoint_differs",
    en="Checkpoint: its {what} is {written}; the file says {expected}.",
    zh="检查点：其 {what} 为 {written}；文件所写为 {expected}。",
)
LOG_KEY = declare(
    "verify.log_key_not_trusted",
    en="Keys: the log key of this file is {found}; trusted is {trusted}.",
    zh="密钥：本文件的日志密钥为 {found}；受信任的为 {trusted}。",
)
SITE_KEY = declare(
    "verify.site_key_not_trusted",
    en="Keys: the site key of this file is {found}; it is not a trusted key of agent {agent}.",
    zh="密钥：本文件的站点密钥为 {found}；不是站点代理 {agent} 的受信任密钥。",
)


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys that the reader got from somewhere else than the receipt."""

    log_key: str
    """Verifier key of the log."""
    site_keys: tuple[str, ...] | Mapping[str, str]
    """Public keys of sites: any of them may sign, or one by agent id."""
    former_log_keys: tuple[str, ...] = ()
    """Those that signed the log before, for what was signed then."""

    def knows_log(self, key: str) -> bool:
        """Whether a key is, or was, the trusted log's."""
        return key == self.log_key or key in self.former_log_keys

    def log_keys(self) -> list[LogKey]:
        """Every key that is, or was, the trusted log's."""
        return [parse_log_key(key) for key in (self.log_key, *self.former_log_keys)]

    def knows_site(self, *, agent: str, key: str) -> bool:
        """Whether a site's key is trusted for that agent."""
        if isinstance(self.site_keys, tuple):
            return key in self.site_keys
        return self.site_keys.get(agent) == key


def read_trust(data: bytes) -> Trust:
    """Reads a trust file: ``{"log_key": …, "site_keys": [key, …]}`` or ``"site_keys": {agent id: key, …}``.

    ``"former_log_keys": [key, …]`` may stand beside, where the log's key was changed.

    Raises:
        InputFault: the file is not JSON.
        Faults: members are missing, unknown, or no keys.
    """
    document = read_json(data)
    by_agent = isinstance(document, dict) and isinstance(document.get("site_keys"), dict)
    site_keys = Members(others=True) if by_agent else Listing(Text())
    shape = {"log_key": Text(), "site_keys": site_keys}
    if isinstance(document, dict) and "former_log_keys" in document:
        shape["former_log_keys"] = Listing(Text())
    found = list(faults(document, Members(shape), "trust"))
    if found:
        raise Faults(found)
    assert isinstance(document, dict)
    former = tuple(document.get("former_log_keys", ()))
    for key in (document["log_key"], *former):
        parse_log_key(key)
    given = document["site_keys"]
    for key in given.values() if isinstance(given, dict) else given:
        parse_public(key)
    return Trust(document["log_key"], given if isinstance(given, dict) else tuple(given), former)


def of_log(file: dict[str, Any]) -> list[Check]:
    """Of a file with ``proof`` and ``log_key``: the checkpoint's signature, and the path to its root."""
    checkpoint, told = _checkpoint(file)
    return told if checkpoint is None else [_inclusion(file["proof"], checkpoint), *told]


def of_evidence(file: dict[str, Any]) -> list[Check]:
    """What stands around the receipt: the site's signature, the log's entry, its proof, the checkpoint."""
    checkpoint, told = _checkpoint(file)
    proven = [] if checkpoint is None else [_inclusion(file["proof"], checkpoint)]
    return [*_site(file), *_leaf(file), *proven, *told]


def of_promised(file: dict[str, Any]) -> list[Check]:
    """What stands around a receipt whose entry is promised: the site's signature, and the entry's content."""
    return [*_site(file), *_leaf(file)]


def of_keys(file: dict[str, Any], trust: Trust | None) -> list[Check]:
    """Whether the keys are the trusted ones; without a trust file, a note with their fingerprints."""
    log, site = _log_fingerprint(file["log_key"]), _site_fingerprint(file["site"]["key"])
    if trust is None:
        en = (
            "Keys: those inside this file, compared with nothing: whoever wrote the file may have made them."
            " Compare with the published ones, or pass --trust:\n    log key   {log}\n    site key  {site}"
        )
        zh = (
            "密钥：取自本文件，未与任何来源比对，可能由写文件者自造。请与公布的密钥比对，或使用 --trust：\n"
            "    日志密钥  {log}\n    站点密钥  {site}"
        )
        return [Check("keys", Outcome.NOTE, Code("verify.keys_inside", en, zh), {"log": log, "site": site})]
    found = []
    if not trust.knows_log(file["log_key"]):
        found.append(broken("keys", LOG_KEY, found=log, trusted=_log_fingerprint(trust.log_key)))
    if not trust.knows_site(agent=file["site"]["agent"], key=file["site"]["key"]):
        found.append(broken("keys", SITE_KEY, agent=shown(file["site"]["agent"]), found=site))
    en = "Keys: the trusted ones: log key {log}; site key {site}."
    zh = "密钥：均为受信任密钥：日志 {log}；站点 {site}。"
    return found or [sound("keys", en, zh, log=log, site=site)]


def _site(file: dict[str, Any]) -> list[Check]:
    receipt, site = file["receipt"], file["site"]
    found = []
    if site["agent"] != receipt["agent"]:
        ours, theirs = shown(site["agent"]), shown(receipt["agent"])
        found.append(
            broken(
                "site",
                DISAGREES,
                left="site.agent",
                left_value=ours,
                right="receipt.agent",
                right_value=theirs,
            )
        )
    if not signed_by(receipt, key=site["key"], signature=site["signature"]):
        found.append(broken("site", SITE_SIGNATURE, key=shown(site["key"])))
    en, zh = "Site: signed by {agent} with the key {key}.", "站点：由 {agent} 以密钥 {key} 签名。"
    return found or [sound("site", en, zh, agent=shown(site["agent"]), key=shown(site["key"]))]


def _leaf(file: dict[str, Any]) -> list[Check]:
    """The leaf, and behind one of version 2 the opened record, against the receipt."""
    receipt, proof = file["receipt"], file.get("proof") or file["promise"]
    leaf, name = proof["leaf"], digest(receipt)
    told: dict[str, object] = {
        "charge_fen": receipt["charge"]["charge_fen"],
        "site_key": file["site"]["key"],
    }
    if leaf["v"] == VERSION:
        told |= {"k": LEAF_KIND, "c": f"centre:{receipt['centre']}"}
        told |= {"s": proof["index"]} if "index" in proof else {}
        opened = file["opened"]
        behind = {"receipt": name, "subject": receipt["id"]}
        found = [*_members(leaf, told), *_members(opened["record"], behind)]
        if not opens(leaf, salt=opened["salt"], record=opened["record"]):
            found.append(broken("leaf", LEAF_NOT_OPENED, written=shown(leaf["h"])))
        elif not is_fact({"s": 0, **leaf}):
            found.append(broken("leaf", LEAF_NO_FACT, leaf=shown(leaf, 200)))
    else:
        found = _members(leaf, {"kind": LEAF_KIND, "receipt": name, **told})
    en = "Log entry: it names this receipt by {digest}, the charge {charge} and the site's key."
    zh = "日志条目：载明本回执摘要 {digest}、费用 {charge} 与站点密钥。"
    if leaf["v"] == VERSION:
        en = "Log entry: opened, it names this receipt by {digest}; in public the charge {charge} and the"
        en += " site's key."
        zh = "日志条目：打开后载明本回执摘要 {digest}；公开载明费用 {charge} 与站点密钥。"
    charge = format_yuan(receipt["charge"]["charge_fen"])
    return found or [sound("leaf", en, zh, digest=name, charge=charge)]


def _members(held: Mapping[str, Any], told: Mapping[str, object]) -> list[Check]:
    """Members of the log's entry, or of the record behind it, that are not what the file says."""
    return [
        broken(
            "leaf",
            LEAF_DIFFERS,
            member=member,
            written=figure(member, held[member]),
            computed=figure(member, value),
        )
        for member, value in told.items()
        if held[member] != value
    ]


def _inclusion(proof: dict[str, Any], checkpoint: Checkpoint) -> Check:
    index, size = proof["index"], proof["size"]
    path = [
        raw for raw in map(from_hex, proof["hashes"]) if raw is not None and len(raw) == merkle.HASH_BYTES
    ]
    leaf = merkle.leaf_hash(canonical(proof["leaf"]))
    computed = merkle.root_from_inclusion(index, size, leaf, path)
    figures = {"index": index, "size": size, "count": len(proof["hashes"])}
    if len(path) != len(proof["hashes"]) or computed is None:
        return broken("inclusion", PROOF_MALFORMED, **figures)
    if computed != checkpoint.root:
        return broken(
            "inclusion", NOT_IN_LOG, computed=computed.hex(), signed=checkpoint.root.hex(), **figures
        )
    en = "Log: entry {index} of {size} (counted from 0); the proof leads to the signed root {root}."
    zh = "日志：第 {index} 条（共 {size} 条，自 0 起数）；证明得到的根与所签的根 {root} 一致。"
    return sound("inclusion", en, zh, root=computed.hex(), **figures)


def _checkpoint(file: dict[str, Any]) -> tuple[Checkpoint | None, list[Check]]:
    """The checkpoint, when its signature holds under the file's log key, and what there is to say of it."""
    try:
        key = parse_log_key(file["log_key"])
        checkpoint = parse_checkpoint(open_note(file["proof"]["checkpoint"], key))
    except HesuanError as fault:
        return None, [broken("checkpoint", CHECKPOINT, fault=fault)]
    pairs = [
        ("size", checkpoint.size, file["proof"]["size"]),
        ("origin", checkpoint.origin, key.name),
    ]
    found = [
        broken("checkpoint", CHECKPOINT_DIFFERS, what=what, written=shown(written), expected=shown(expected))
        for what, written, expected in pairs
        if written != expected
    ]
    en = "Checkpoint: log {origin} at {size} entries, signed with the log key {key}."
    zh = "检查点：日志 {origin}，共 {size} 条，以日志密钥 {key} 签名。"
    facts: dict[str, object] = {
        "origin": shown(checkpoint.origin),
        "size": checkpoint.size,
        "key": key.key_id.hex(),
    }
    return checkpoint, found or [sound("checkpoint", en, zh, **facts)]


def _site_fingerprint(text: str) -> str:
    try:
        return fingerprint(text)
    except InputFault:
        return shown(text)


def _log_fingerprint(text: str) -> str:
    try:
        return log_fingerprint(text)
    except InputFault:
        return shown(text)
