"""Files that show an owner what stands behind the log: balances under a day's seal, and opened leaves.

Each carries its proofs, so that ``hesuan verify`` needs nothing else. Who is shown such a file sees what is
in it and nothing of anybody else: the other balances of the day are hashes of salted leaves.

``{"balances": [{"balance": {…}, "place": n, "path": [hex…]}…], "proof": {…}, "log_key": …}``: the proof is
of the ``seal`` leaf. ``{"entries": [{"salt": hex, "record": {…}, "proof": {…}}…], "log_key": …}``: each
entry's proof is of the leaf that the salt opens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hesuan.errors import InputFault, declare
from hesuan.money import format_yuan
from hesuan.wire import merkle, seals
from hesuan.wire.canonical import canonical
from hesuan.wire.checkpoint import log_fingerprint
from hesuan.wire.checks import Check, Outcome, broken, of_shape, sound
from hesuan.wire.encoding import from_hex
from hesuan.wire.evidence import LOG_KEY, Trust, of_log
from hesuan.wire.leaves import opens, read_leaf
from hesuan.wire.quorum import Policy
from hesuan.wire.reading import Listing, Members, Text, Whole, shown
from hesuan.wire.verdict import Result
from hesuan.wire.witnessed import NO_QUORUM, of_policy_log, of_witnesses

_PROOF = Members(
    {
        "leaf": Members(others=True),
        "index": Whole(),
        "size": Whole(),
        "hashes": Listing(Text()),
        "checkpoint": Text(),
    }
)
_COUNTERS = ("debits_posted", "credits_posted", "debits_pending", "credits_pending")
BALANCE = Members(
    {**dict.fromkeys(("p", "day", "account", "salt"), Text()), **dict.fromkeys(_COUNTERS, Whole())}
)
BALANCES_SHAPE = Members(
    {
        "balances": Listing(Members({"balance": BALANCE, "place": Whole(), "path": Listing(Text())})),
        "proof": _PROOF,
        "log_key": Text(),
    }
)
ENTRIES_SHAPE = Members(
    {
        "entries": Listing(Members({"salt": Text(), "record": Members(others=True), "proof": _PROOF})),
        "log_key": Text(),
    }
)

NO_SEAL = declare(
    "owned.not_a_seal",
    en="Seal: leaf {leaf} is no seal of day {day} and log {log}; these balances are.",
    zh="封存：第 {leaf} 条不是日志 {log} 在 {day} 的封存，而这些余额声称如此。",
)
ROOT_DIFFERS = declare(
    "owned.root_differs",
    en="Balance of {account}: its path leads to {computed}; the seal of {day} has {sealed}.",
    zh="{account} 的余额：其路径得到 {computed}；{day} 的封存为 {sealed}。",
)
NOTHING = declare("owned.nothing", en="The file shows nothing.", zh="文件中没有内容。")
NOT_OPENED = declare(
    "owned.not_opened",
    en="Leaf {leaf}: salt and record give another digest than the {written} that the leaf carries.",
    zh="第 {leaf} 条：盐与记录的摘要并非条目所载的 {written}。",
)
NOT_A_LEAF = declare(
    "owned.not_a_leaf",
    en="Leaf {leaf}: it is no leaf of version 1 or 2.",
    zh="第 {leaf} 条：不是版本 1 或 2 的条目。",
)


@dataclass(frozen=True, slots=True)
class OwnedVerdict:
    """All checks of one such file."""

    result: Result
    checks: tuple[Check, ...]
    what: tuple[str, str] = ("", "")

    def summary(self, language: str = "en") -> str:
        """The last line."""
        chinese = language.startswith("zh")
        failed = sum(check.outcome is Outcome.BROKEN for check in self.checks)
        match self.result:
            case Result.TAMPERED:
                en = f"TAMPERED: {failed} of {len(self.checks)} checks fail."
                return f"已被篡改：{len(self.checks)} 项检查中 {failed} 项不符。" if chinese else en
            case Result.UNREADABLE:
                return "未能验证：见上列原因。" if chinese else "NOT VERIFIED: for the reason above."
        return f"完好：{self.what[1]}。" if chinese else f"SOUND: {self.what[0]}."

    def document(self, language: str = "en") -> dict[str, Any]:
        """The verdict for programs."""
        return {
            "verdict": self.result.name.lower(),
            "exit": int(self.result),
            "checks": [
                {
                    "name": one.name,
                    "outcome": one.outcome.value,
                    "code": one.code.name,
                    "sentence": one.sentence(language),
                }
                for one in self.checks
            ],
        }


def is_owned(document: object) -> bool:
    """Whether a JSON document is one of these files."""
    return isinstance(document, dict) and ("balances" in document or "entries" in document)


def verify_owned(document: dict[str, Any], *, trust: Trust | None, policy: Policy | None) -> OwnedVerdict:
    """Checks every promise of such a file; never raises for what is in it.

    Args:
        document: The file, read by :func:`hesuan.wire.reading.read_json`.
        trust: Keys known from elsewhere.
        policy: Logs that are accepted, and how many witnesses must have cosigned.
    """
    balances = "balances" in document
    shape = list(of_shape(document, BALANCES_SHAPE if balances else ENTRIES_SHAPE, "file"))
    if any(check.outcome is Outcome.BROKEN for check in shape):
        return OwnedVerdict(Result.TAMPERED, tuple(shape))
    try:
        checks = [*_keys(document["log_key"], trust, policy)]
        checks += _balances(document, policy) if balances else _entries(document, policy)
    except InputFault as fault:
        return OwnedVerdict(Result.TAMPERED, (broken("form", fault.code, **fault.facts),))
    failed = [check for check in checks if check.outcome is Outcome.BROKEN]
    result = Result.SOUND
    if failed:
        result = Result.UNREADABLE if all(one.code is NO_QUORUM for one in failed) else Result.TAMPERED
    count = len(document["balances" if balances else "entries"])
    told = (
        (f"{count} balances are under the seal of their day", f"{count} 个余额均在当日封存之下")
        if balances
        else (f"{count} leaves are in the log and open", f"{count} 条均在日志中且可打开")
    )
    return OwnedVerdict(result, tuple(checks), told)


def _keys(log_key: str, trust: Trust | None, policy: Policy | None) -> list[Check]:
    """What the trust file says, what the policy says, and where neither names a log, that."""
    found = _fingerprint(log_key)
    checks = [] if policy is None else of_policy_log(log_key, policy)
    if trust is not None and not trust.knows_log(log_key):
        checks.append(broken("keys", LOG_KEY, found=found, trusted=_fingerprint(trust.log_key)))
    elif trust is not None:
        en, zh = "Keys: the trusted log key {log}.", "密钥：受信任的日志密钥 {log}。"
        checks.append(sound("keys", en, zh, log=found))
    if checks:
        return checks
    en = (
        "Keys: the log key {log} is inside this file, compared with nothing: no --trust or --policy names it."
    )
    zh = "密钥：日志密钥 {log} 取自本文件，未与任何来源比对：没有 --trust 或 --policy 列明它。"
    check = sound("keys", en, zh, log=found)
    return [Check(check.name, Outcome.NOTE, check.code, check.facts)]


def _fingerprint(text: str) -> str:
    try:
        return log_fingerprint(text)
    except InputFault:
        return shown(text)


def _balances(file: dict[str, Any], policy: Policy | None) -> Iterator[Check]:
    yield from _proven(file["proof"], file["log_key"], policy)
    leaf, index = file["proof"]["leaf"], file["proof"]["index"]
    if not file["balances"]:
        yield broken("balances", NOTHING)
    for one in file["balances"]:
        balance = one["balance"]
        day, account = shown(balance["day"]), shown(balance["account"])
        if (leaf.get("k"), leaf.get("day"), leaf.get("p")) != (seals.KIND, balance["day"], balance["p"]):
            yield broken("seal", NO_SEAL, leaf=index, day=day, log=shown(balance["p"]))
            continue
        root = _root(one["place"], leaf.get("n"), seals.balance_leaf(balance), one["path"])
        if root is None or f"sha256:{root}" != leaf.get("root"):
            sealed = shown(leaf.get("root"))
            yield broken(
                "balance", ROOT_DIFFERS, account=account, day=day, computed=root or "–", sealed=sealed
            )
            continue
        posted = balance["credits_posted"] - balance["debits_posted"]
        en = "Balance of {account} at the end of {day}: {posted}, of which {held} held; under the day's seal."
        zh = "{account} 于 {day} 终了的余额：{posted}，其中冻结 {held}；在当日封存之下。"
        figures = {"posted": format_yuan(posted), "held": format_yuan(balance["debits_pending"])}
        yield sound("balance", en, zh, account=account, day=day, **figures)


def _entries(file: dict[str, Any], policy: Policy | None) -> Iterator[Check]:
    if not file["entries"]:
        yield broken("entries", NOTHING)
    for one in file["entries"]:
        yield from _proven(one["proof"], file["log_key"], policy)
        leaf, index = one["proof"]["leaf"], one["proof"]["index"]
        if read_leaf(canonical(leaf)) is None:
            yield broken("leaf", NOT_A_LEAF, leaf=index)
        elif not opens(leaf, salt=one["salt"], record=one["record"]):
            written = shown(leaf.get("h") or leaf.get("private"))
            yield broken("leaf", NOT_OPENED, leaf=index, written=written)
        else:
            en = "Leaf {leaf} ({kind}): opened; behind it stands {record}."
            zh = "第 {leaf} 条（{kind}）：已打开；其私有记录为 {record}。"
            kind, record = shown(leaf.get("k") or leaf.get("kind")), shown(one["record"], 400)
            yield sound("leaf", en, zh, leaf=index, kind=kind, record=record)


def _proven(proof: dict[str, Any], log_key: str, policy: Policy | None) -> Iterator[Check]:
    yield from of_log({"proof": proof, "log_key": log_key})
    yield of_witnesses(proof["checkpoint"], policy)


def _root(place: int, count: object, leaf: bytes, path: list[str]) -> str | None:
    hashes = [raw for raw in map(from_hex, path) if raw is not None and len(raw) == merkle.HASH_BYTES]
    if len(hashes) != len(path) or type(count) is not int:
        return None
    root = merkle.root_from_inclusion(place, count, merkle.leaf_hash(leaf), hashes)
    return None if root is None else root.hex()
