"""How a log's key is followed by the next: the old one signs the new one's name, in a ``key`` leaf.

``what`` of such a leaf is ``<next key> <old key> <signature>``: verifier keys, and the old key's signature
over ``hesuan-next-key-v1``, a line end and the canonical JSON of ``{"log", "next"}``. Whoever trusts a key of
a log follows the leaves from it to the key that signed the newest checkpoint. A key that no trusted one
announced is a stranger's, whoever holds the folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.errors import HesuanError, declare
from hesuan.wire import keys
from hesuan.wire.checkpoint import LogKey, log_key, open_note, parse_log_key, split_note
from hesuan.wire.checks import Check, broken, sound
from hesuan.wire.sum_faults import Fault

DOMAIN = "hesuan-next-key-v1"

FORGED = declare(
    "rotation.forged",
    en="Leaf {leaf} (key): it announces {next}; {old}, which it names, did not sign that.",
    zh="第 {leaf} 条（key）：宣布 {next} 为新密钥；其所称的 {old} 并未签署。",
)
NOT_ANNOUNCED = declare(
    "rotation.not_announced",
    en="Checkpoint: signed by {signers}; the trusted key {trusted} announced {announced}. A key that no"
    " trusted key announced is not this log's.",
    zh="检查点：签名者为 {signers}；受信任的密钥 {trusted} 所宣布的为 {announced}。"
    "未经受信任密钥宣布者，不是本日志的密钥。",
)


def announcement(*, following: LogKey, private: Ed25519PrivateKey) -> str:
    """``what`` of the leaf by which a log's present key, ``private``, announces the one that follows."""
    old = log_key(following.name, private)
    signature = keys.sign(private, domain=DOMAIN, value=_told(following))
    return f"{following.text()} {old.text()} {signature}"


NOT_SIGNED = declare(
    "rotation.not_signed", en="Checkpoint: it does not hold. {fault}", zh="检查点：不成立。{fault}"
)


class Chain:
    """Takes every leaf of a log in order, and says where its announcements lead from a key."""

    def __init__(self) -> None:
        self.links: list[tuple[int, LogKey, LogKey]] = []

    def take(self, index: int, leaf: dict[str, Any]) -> Iterator[Fault]:
        """What is wrong with an announcement; nothing for any other leaf."""
        words = leaf.get("what", "").split(" ") if (leaf["v"], leaf.get("k")) == (2, "key") else []
        if len(words) != 3:  # a leaf of one word names the key that signs, and announces none
            return
        try:
            following, old = parse_log_key(words[0]), parse_log_key(words[1])
            public = keys.public_text(old.public)
            signed = keys.verify(public, domain=DOMAIN, value=_told(following), signature=words[2])
        except HesuanError:
            signed = False
        if not signed or following.name != old.name:
            named = {"next": ascii(words[0])[1:-1][:160], "old": ascii(words[1])[1:-1][:160]}
            yield Fault(FORGED, {"leaf": index, **named})
            return
        self.links.append((index, old, following))

    def from_key(self, key: LogKey) -> list[LogKey]:
        """A key and those that followed it, in order."""
        found = [key]
        for _, old, following in self.links:
            if old.text() == found[-1].text():
                found.append(following)
        return found

    def family(self, keys: Iterable[LogKey]) -> list[LogKey]:
        """Some keys of a log, and every one that an announcement joins to them, before or after."""
        found = {key.text(): key for key in keys}
        joined: dict[str, list[LogKey]] = {}
        for _, old, following in self.links:
            joined.setdefault(old.text(), []).append(following)
            joined.setdefault(following.text(), []).append(old)
        waiting = list(found)
        while waiting:
            for key in joined.pop(waiting.pop(), []):
                if key.text() not in found:
                    found[key.text()] = key
                    waiting.append(key.text())
        return list(found.values())

    def signer(self, trusted: LogKey, note: str) -> tuple[LogKey | None, Check]:
        """The key that signed a note and that a trusted one leads to, if there is one; and what to say."""
        ids = {line.key_id for line in split_note(note)[1] if line.name == trusted.name}
        followed = self.from_key(trusted)[1:]
        found = next((key for key in followed if key.key_id in ids), None)
        names = {"trusted": trusted.key_id.hex()}
        if found is None:
            announced = ", ".join(key.key_id.hex() for key in followed) or "–"
            signers = ", ".join(sorted(one.hex() for one in ids))
            return None, broken("keys", NOT_ANNOUNCED, signers=signers, announced=announced, **names)
        try:
            open_note(note, found)
        except HesuanError as fault:
            return None, broken("keys", NOT_SIGNED, fault=fault)
        en = "Keys: {trusted} announced its successor in the log, and so on to {key}; now trust {text}."
        zh = "密钥：{trusted} 在日志中宣布了其后继，直至 {key}；今后请信任 {text}。"
        return found, sound("keys", en, zh, key=found.key_id.hex(), text=found.text(), **names)


def _told(following: LogKey) -> dict[str, str]:
    return {"log": following.name, "next": following.text()}
