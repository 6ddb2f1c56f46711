"""Evidence packs (兑付材料): a ZIP whose manifest has every member's SHA-256 and the platform's signature.

The same members give the same bytes: stored, not compressed, in the order of their names, with one fixed
time. Reading trusts nothing: sizes are limited before anything is read, a member is in the manifest once or
the pack is refused, and every receipt inside is verified as if it had come alone.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.money import format_yuan
from hesuan.wire import keys
from hesuan.wire.canonical import Json, canonical
from hesuan.wire.checkpoint import log_fingerprint, parse_log_key
from hesuan.wire.checks import Check, Outcome, broken, of_shape, sound
from hesuan.wire.evidence import LOG_KEY, Trust
from hesuan.wire.reading import Exactly, Listing, Members, Text, Whole, read_json, shown

DOMAIN = "hesuan-evidence-pack-v1"
MANIFEST = "manifest.json"
RECEIPTS = "receipts/"
SUMMARY = "summary.pdf"
LINES = "lines.csv"
CLAIM = "claim.json"
MAX_PACK_BYTES = 67_108_864
MAX_MEMBERS = 10_000
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)

MANIFEST_SHAPE = Members(
    {
        "manifest": Members(
            {
                "v": Exactly(1),
                "claim": Text(),
                "programme": Text(),
                "programme_digest": Text(),
                "state": Text(),
                "as_of": Text(),
                "subsidy_fen": Whole(),
                "members": Listing(Members({"name": Text(), "size": Whole(), "sha256": Text()})),
            }
        ),
        "log_key": Text(),
        "signature": Text(),
    }
)

NOT_A_PACK = declare(
    "pack.unreadable",
    en="Not readable as an evidence pack: {reason}. Ask the issuer for the file again.",
    zh="无法作为兑付材料读取：{reason}。请向出具方重新索取文件。",
)
MEMBERS_DIFFER = declare(
    "pack.members_differ",
    en="Members: the manifest names {named}; the pack holds {held}.",
    zh="成员：清单列有 {named}；包内为 {held}。",
)
MEMBER_CHANGED = declare(
    "pack.member_changed",
    en="Member {member}: the manifest says {written}; its bytes hash to {computed}.",
    zh="成员 {member}：清单所写为 {written}；其内容的哈希为 {computed}。",
)
BAD_SIGNATURE = declare(
    "pack.signature",
    en="Manifest: the signature does not fit it under the key {key}.",
    zh="清单：签名与其在密钥 {key} 下不符。",
)
RECEIPT_BROKEN = declare(
    "pack.receipt",
    en="Receipt {file}: {why}",
    zh="回执 {file}：{why}",
)
ONLY_OF = declare(
    "pack.only_of",
    en="Of {files}: {why}",
    zh="{files}：{why}",
)
"""Of some receipts and not of all: too few witnesses, or a note."""
AMOUNTS_DIFFER = declare(
    "pack.amounts_differ",
    en="Claim: its lines come to {lines}; the manifest says {written}.",
    zh="申请：各行合计 {lines}；清单所写为 {written}。",
)
LINE_DIFFERS = declare(
    "pack.line_differs",
    en="Line {line}: the claim says {said} was charged; its receipt says {charged}.",
    zh="第 {line} 行：申请所写费用为 {said}；回执为 {charged}。",
)


@dataclass(frozen=True, slots=True)
class About:
    """What a manifest says beside its members."""

    claim: str
    programme: str
    programme_digest: str
    state: str
    as_of: str
    """The moment of the last step that is in the pack."""
    subsidy_fen: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A pack as read: its members, what the manifest says, and every check."""

    members: Mapping[str, bytes]
    manifest: Mapping[str, Any]
    checks: tuple[Check, ...]
    log_key: str


def build(members: Mapping[str, bytes], about: About, *, private: Ed25519PrivateKey, log_key: str) -> bytes:
    """The bytes of a pack.

    Args:
        members: Name → content; :data:`MANIFEST` is made here.
        about: What the manifest says.
        private: The platform's key.
        log_key: Its public half as a verifier key.
    """
    manifest: dict[str, Json] = {
        "v": 1,
        "claim": about.claim,
        "programme": about.programme,
        "programme_digest": about.programme_digest,
        "state": about.state,
        "as_of": about.as_of,
        "subsidy_fen": about.subsidy_fen,
        "members": [
            {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(members.items())
        ],
    }
    signature = keys.sign(private, domain=DOMAIN, value=manifest)
    whole = canonical({"manifest": manifest, "log_key": log_key, "signature": signature}) + b"\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as pack:
        for name, content in sorted({**members, MANIFEST: whole}.items()):
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            pack.writestr(entry, content)
    return out.getvalue()


def is_pack(data: bytes) -> bool:
    """Whether some bytes begin as a ZIP does."""
    return data[:4] == b"PK\x03\x04"


def open_pack(data: bytes, *, trust: Trust | None) -> Opened:
    """Reads a pack and checks everything but its receipts.

    Raises:
        InputFault: ``pack.unreadable``.
        Faults: the manifest has another form.
    """
    members = _members(data)
    if MANIFEST not in members:
        raise InputFault(NOT_A_PACK, reason=f"no {MANIFEST}")
    whole = read_json(members.pop(MANIFEST))
    wrong = of_shape(whole, MANIFEST_SHAPE, "manifest") if isinstance(whole, dict) else []
    if not isinstance(whole, dict) or any(one.outcome is Outcome.BROKEN for one in wrong):
        raise InputFault(NOT_A_PACK, reason="; ".join(one.sentence() for one in wrong) or MANIFEST)
    manifest = whole["manifest"]
    checks = [*_hashes(members, manifest), _signature(whole), *_key(whole, trust), *_claim(members, manifest)]
    return Opened(members, manifest, tuple(checks), whole["log_key"])


def _members(data: bytes) -> dict[str, bytes]:
    if len(data) > MAX_PACK_BYTES:
        raise InputFault(NOT_A_PACK, reason=f"> {MAX_PACK_BYTES} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as pack:
            entries = pack.infolist()
            names = [entry.filename for entry in entries]
            if len(entries) > MAX_MEMBERS or len(set(names)) != len(names):
                raise InputFault(NOT_A_PACK, reason="members")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise InputFault(NOT_A_PACK, reason="compressed")
            if sum(entry.file_size for entry in entries) > MAX_PACK_BYTES:
                raise InputFault(NOT_A_PACK, reason=f"> {MAX_PACK_BYTES} bytes")
            return {entry.filename: pack.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise InputFault(NOT_A_PACK, reason=shown(str(error))) from None


def _hashes(members: Mapping[str, bytes], manifest: Mapping[str, Any]) -> list[Check]:
    named = [one["name"] for one in manifest["members"]]
    if sorted(named) != sorted(members):
        return [broken("members", MEMBERS_DIFFER, named=_told(named), held=_told(members))]
    found = [
        broken(
            "member",
            MEMBER_CHANGED,
            member=shown(one["name"]),
            written=one["sha256"][:16],
            computed=is_now[:16],
        )
        for one in manifest["members"]
        if (is_now := hashlib.sha256(members[one["name"]]).hexdigest()) != one["sha256"]
    ]
    en, zh = "Members: {count}, each with the hash of the manifest.", "成员：{count} 个，哈希均与清单相符。"
    return found or [sound("members", en, zh, count=len(named))]


def _told(names: Any) -> str:
    return shown(", ".join(sorted(names)))


def _signature(whole: Mapping[str, Any]) -> Check:
    try:
        public = keys.public_text(parse_log_key(whole["log_key"]).public)
        print_ = log_fingerprint(whole["log_key"])
    except HesuanError:
        return broken("signature", BAD_SIGNATURE, key=shown(whole["log_key"]))
    if not keys.verify(public, domain=DOMAIN, value=whole["manifest"], signature=whole["signature"]):
        return broken("signature", BAD_SIGNATURE, key=print_)
    return sound("signature", "Manifest: signed by {key}.", "清单：由 {key} 签名。", key=print_)


def _key(whole: Mapping[str, Any], trust: Trust | None) -> list[Check]:
    if trust is None or trust.knows_log(whole["log_key"]):
        return []
    found, wanted = (shown(one) for one in (whole["log_key"], trust.log_key))
    return [broken("keys", LOG_KEY, found=found, trusted=wanted)]


def _claim(members: Mapping[str, bytes], manifest: Mapping[str, Any]) -> list[Check]:
    """The claim's own sums, and each line against its receipt."""
    try:
        claim: Any = read_json(members[CLAIM])
        lines = [(int(one["number"]), one) for one in claim["lines"]]
        total = sum(int(one["subsidy_fen"]) for _, one in lines)
        found = []
        if total != manifest["subsidy_fen"]:
            found.append(
                broken(
                    "claim",
                    AMOUNTS_DIFFER,
                    lines=format_yuan(total),
                    written=format_yuan(manifest["subsidy_fen"]),
                )
            )
        for number, one in lines:
            file: Any = read_json(members[f"{RECEIPTS}{one['receipt']}.json"])
            charged = file["receipt"]["charge"]["charge_fen"]
            if charged != one["charge_fen"]:
                said = format_yuan(int(one["charge_fen"]))
                found.append(
                    broken("line", LINE_DIFFERS, line=number, said=said, charged=format_yuan(charged))
                )
    except (KeyError, TypeError, ValueError, InputFault, Faults) as error:
        return [broken("claim", NOT_A_PACK, reason=shown(f"{CLAIM}: {error}"))]
    en = "Claim: {count} lines, {total}; each charge is its receipt's."
    zh = "申请：{count} 行，合计 {total}；各行费用均与回执相符。"
    return found or [sound("claim", en, zh, count=len(lines), total=format_yuan(total))]
