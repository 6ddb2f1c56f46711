"""A whole receipt file with keys of its own, made by the rules and not by the code under test.

The figures, by hand: 61.2 s of wall time are 62 started seconds; 62 s × 4 cores × ¥9.00 per core-hour
= 62 × 4 × 900 / 3600 fen = 62 fen; COMPLETED pays all of it: ¥0.62. The voucher bears 20 %, rounded down:
12 fen, province and city 1:1 (6 and 6); the firm bears 50 fen. Held were 30 and 120 fen.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Json = dict[str, Any]
ORIGIN = "hub.example/hesuan/platform"
SALT = "00112233445566778899aabbccddeeff"


def jcs(value: object) -> bytes:
    """Canonical JSON for values whose keys are ASCII."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def digest(value: object) -> str:
    return "sha256:" + sha256(jcs(value)).hex()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def private_key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(seed.encode()))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def site_key(seed: str = "site") -> str:
    return "ed25519:" + b64(public(private_key(seed)))


def log_key(seed: str = "log", name: str = ORIGIN) -> str:
    content = b"\x01" + public(private_key(seed))
    key_id = sha256(name.encode() + b"\n" + content)[:4]
    return f"{name}+{key_id.hex()}+{b64(content)}"


def quote() -> Json:
    return {
        "v": 1,
        "id": "01K0QUOTE00000000000000000",
        "organisation": "01K0FRM0000000000000000000",
        "work": {"kind": "app", "app": "omics-match", "units": 20000, "parameters": {"seed": 7}, "cores": 4},
        "app_digest": "sha256:" + "ab" * 32,
        "centre": "01K0CENTRE0000000000000000",
        "offering": "01K0FFERNG0000000000000000",
        "offering_title": "通用核 standard",
        "cores": 4,
        "price": {"id": "01K0PRCE000000000000000000", "fen_per_core_hour": 900},
        "prediction": {"low_ms": 50000, "mid_ms": 60000, "high_ms": 70000, "kind": "measured", "source": "b"},
        "time_limit_s": 150,
        "max_charge_fen": 150,
        "expected": {"charge_fen": 60, "voucher_fen": 12, "copay_fen": 48},
        "voucher": {
            "voucher": "01K0VCHER00000000000000000",
            "code": "HS-7KQ2MN",
            "programme": "henan",
            "programme_version": "01K0VERSN00000000000000000",
            "max_fen": 30,
        },
        "copay_max_fen": 120,
        "charge_rule": {
            "COMPLETED": 100,
            "FAILED": 100,
            "TIMEOUT": 100,
            "CANCELLED": 100,
            "KILLED": 0,
            "REFUSED": 0,
        },
        "reasons": [{"en": "measured here", "zh": "本机实测"}],
        "units_per_yuan": "40000",
        "valid_until": "2026-11-21T00:00:00Z",
    }


def usage() -> Json:
    return {
        "run": "01K0RN00000000000000000000",
        "attempt": 1,
        "state": "COMPLETED",
        "exit_status": 0,
        "signal": None,
        "started_at": "2026-11-20T21:40:00.000000Z",
        "ended_at": "2026-11-20T21:41:01.200000Z",
        "wall_ms": 61200,
        "cpu_ms": 240000,
        "cores": 4,
        "peak_memory_bytes": 3221225472,
        "evidence": "kernel:wait4",
        "result": {"recall_ppm": 987654},
        "output_digest": "sha256:" + "cd" * 32,
    }


def charge() -> Json:
    voucher = {
        "voucher": "01K0VCHER00000000000000000",
        "programme": "henan",
        "programme_version": "01K0VERSN00000000000000000",
        "held_fen": 30,
        "captured_fen": 12,
        "released_fen": 18,
        "shares": [{"payer": "province", "fen": 6}, {"payer": "city", "fen": 6}],
    }
    return {
        "state": "COMPLETED",
        "share_percent": 100,
        "billed_s": 62,
        "cores": 4,
        "price_fen_per_core_hour": 900,
        "charge_fen": 62,
        "max_charge_fen": 150,
        "vouchers": [voucher],
        "copay": {"held_fen": 120, "captured_fen": 50, "released_fen": 70},
    }


def receipt() -> Json:
    return {
        "v": 1,
        "id": "01K0RECEPT0000000000000000",
        "order": "01K0RDER000000000000000000",
        "run": "01K0RN00000000000000000000",
        "organisation": "01K0FRM0000000000000000000",
        "centre": "01K0CENTRE0000000000000000",
        "agent": "01K0AGENT00000000000000000",
        "issued_at": "2026-11-20T21:42:00.000000Z",
        "quote": quote(),
        "quote_digest": digest(quote()),
        "usage": usage(),
        "charge": charge(),
        "prediction": {"low_ms": 50000, "mid_ms": 60000, "high_ms": 70000, "kind": "measured"},
        "actual": {"wall_ms": 61200},
    }


@dataclass
class Issuer:
    """Whoever issues: the true site and log, or a forger with keys of their own."""

    site: str = "site"
    log: str = "log"
    origin: str = ORIGIN
    version: int = 2
    """Of the log's leaf."""
    other_leaves: list[bytes] = field(default_factory=lambda: [b'{"n":%d}' % n for n in range(4)])

    def opened(self, document: Json) -> Json:
        return {"salt": SALT, "record": {"receipt": digest(document), "subject": document["id"]}}

    def leaf(self, document: Json, index: int = 4) -> Json:
        if self.version == 2:
            opened = self.opened(document)
            behind = bytes.fromhex(opened["salt"]) + jcs(opened["record"])
            return {
                "v": 2,
                "p": "platform",
                "s": index,
                "k": "receipt.issued",
                "t": "2026-11-20T21:42Z",
                "c": f"centre:{document['centre']}",
                "charge_fen": document["charge"]["charge_fen"],
                "site_key": site_key(self.site),
                "h": "sha256:" + sha256(behind).hex(),
            }
        return {
            "v": 1,
            "kind": "receipt.issued",
            "subject": document["id"],
            "at": "2026-11-20T21:42Z",
            "receipt": digest(document),
            "charge_fen": document["charge"]["charge_fen"],
            "site_key": site_key(self.site),
        }

    def note(self, size: int, root: bytes) -> str:
        text = f"{self.origin}\n{size}\n{b64(root)}\n"
        name_and_key = self.origin.encode() + b"\n\x01" + public(private_key(self.log))
        blob = sha256(name_and_key)[:4] + private_key(self.log).sign(text.encode())
        return f"{text}\n— {self.origin} {b64(blob)}\n"

    def proof(self, document: Json) -> Json:
        """The receipt's leaf is the last of five: its path is the root of the four before it."""
        leaf = self.leaf(document)
        a, b, c, d = (sha256(b"\x00" + other) for other in self.other_leaves)
        four = sha256(b"\x01" + sha256(b"\x01" + a + b) + sha256(b"\x01" + c + d))
        root = sha256(b"\x01" + four + sha256(b"\x00" + jcs(leaf)))
        return {"leaf": leaf, "index": 4, "size": 5, "hashes": [four.hex()], "checkpoint": self.note(5, root)}

    def sign(self, document: Json) -> str:
        return b64(private_key(self.site).sign(b"hesuan-receipt-v1\n" + jcs(document)))

    def issue(self, document: Json | None = None) -> Json:
        document = copy.deepcopy(document or receipt())
        site = {"agent": document["agent"], "key": site_key(self.site), "signature": self.sign(document)}
        key = log_key(self.log, self.origin)
        made = {"receipt": document, "site": site, "proof": self.proof(document), "log_key": key}
        return made | ({"opened": self.opened(document)} if self.version == 2 else {})


def as_file(document: Json) -> bytes:
    return jcs(document) + b"\n"
