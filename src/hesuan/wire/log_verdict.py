"""What may be said about a log: every difference that has a name, and the verdict they come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hesuan.errors import declare
from hesuan.wire.checkpoint import Checkpoint
from hesuan.wire.checks import Both, Check, Outcome
from hesuan.wire.verdict import Result

NO_CHECKPOINT = declare(
    "verify_log.no_checkpoint",
    en="Checkpoint: there is none here: no file `checkpoint`.",
    zh="检查点：此处没有名为 checkpoint 的文件。",
)
BAD_CHECKPOINT = declare(
    "verify_log.checkpoint", en="Checkpoint: it does not hold. {fault}", zh="检查点：不成立。{fault}"
)
UNKNOWN_LOG = declare(
    "verify_log.unknown_log",
    en="Checkpoint: it is of log {origin}; the policy accepts {known}.",
    zh="检查点：属于日志 {origin}；策略所接受的为 {known}。",
)
NO_KEY = declare(
    "verify_log.no_key",
    en="Keys: no --policy names this log's key, and there is no file `key` beside the checkpoint.",
    zh="密钥：没有 --policy 给出本日志公钥，检查点旁也没有名为 key 的文件。",
)
MISSING = declare(
    "verify_log.missing",
    en="Files: {path} is missing; the checkpoint of {size} leaves needs it. Fetch the log again.",
    zh="文件：缺少 {path}；规模为 {size} 的检查点需要它。请重新获取日志。",
)
UNREACHABLE = declare("verify_log.unreachable", en="Files: {fault}", zh="文件：{fault}")
TILE_DIFFERS = declare(
    "verify_log.tile_differs",
    en="Tile {path}: hash {place} is {stored}; recomputed from what is below it, {computed}.",
    zh="瓦片 {path}：第 {place} 个哈希为 {stored}；由其下重算为 {computed}。",
)
LEAF_DIFFERS = declare(
    "verify_log.leaf_differs",
    en="Leaf {leaf}: its hash is {computed}; {path} has {stored}.",
    zh="第 {leaf} 条：其哈希为 {computed}；{path} 所记为 {stored}。",
)
MALFORMED = declare("verify_log.malformed", en="Files: {fault}", zh="文件：{fault}")
OLD_TILE = declare(
    "verify_log.old_tile",
    en="File {path}: it is no beginning of the file that the log has there now.",
    zh="文件 {path}：并非日志现有文件的开头部分。",
)
ROOT_DIFFERS = declare(
    "verify_log.root_differs",
    en="Root: {size} leaves come to {computed}; the checkpoint signs {signed}.",
    zh="根：{size} 条重算为 {computed}；检查点所签为 {signed}。",
)
SPLIT = declare(
    "verify_log.split",
    en="History: {who} saw {size} leaves with root {seen}; the first {size} leaves here come to {computed}."
    " The log showed two histories: keep both checkpoints, they are the proof.",
    zh="历史：{who} 曾见 {size} 条、根为 {seen}；此处前 {size} 条重算为 {computed}。"
    "该日志展示了两种历史：请保存两份检查点，它们即是证据。",
)
STALE = declare(
    "verify_log.stale",
    en="History: {who} saw {seen} leaves; the log shows {size}. It is stale, or leaves are kept back.",
    zh="历史：{who} 曾见 {seen} 条；日志只展示 {size} 条：已过时，或有条目被隐去。",
)
TOO_OLD = declare(
    "verify_log.too_old",
    en="Freshness: the quorum `{quorum}` last stood behind this checkpoint {age} s ago;"
    " at most {limit} s are accepted.",
    zh="时效：法定数“{quorum}”最近一次见证该检查点在 {age} 秒前；至多接受 {limit} 秒。",
)
AHEAD = declare(
    "verify_log.cosigned_ahead",
    en="Freshness: {name} cosigned at {time}; it is {now} here. A time ahead of the clock counts for nothing:"
    " one of the two clocks is wrong.",
    zh="时效：{name} 的联署时间为 {time}；本机为 {now}。晚于时钟的时间不予计入：两者必有一误。",
)
NOT_OURS = declare(
    "verify_log.leaf_unreadable",
    en="Leaf {leaf}: it is not a canonical leaf of version 1 or 2: {text}",
    zh="第 {leaf} 条：不是版本 1 或 2 的规范条目：{text}",
)
MORE = declare("verify_log.more", en="… and {count} more differences.", zh="……另有 {count} 处不符。")


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that somebody saw earlier."""

    who: Both
    checkpoint: Checkpoint
    note: str = ""
    """Where it stands: a key of the log, former or present, has to have signed it. Empty: it was checked."""
    otherwise: Check | None = None
    """What to say where none did."""


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """All checks of one log."""

    result: Result
    checks: tuple[Check, ...]
    note: str = ""
    """The checkpoint as published, once its signature was checked."""
    size: int = 0
    origin: str = ""
    totals: Mapping[str, Any] = field(default_factory=dict)

    def summary(self, language: str = "en") -> str:
        """The last line: the verdict in words."""
        chinese = language.startswith("zh")
        failed = sum(check.outcome is Outcome.BROKEN for check in self.checks)
        match self.result:
            case Result.TAMPERED:
                en = f"TAMPERED: {failed} differences in log {self.origin}, named above."
                return f"已被篡改：日志 {self.origin} 有 {failed} 处不符，见上。" if chinese else en
            case Result.UNREADABLE:
                return "未能验证：见上列原因。" if chinese else "NOT VERIFIED: for the reason above."
        en = f"SOUND: log {self.origin}, {self.size:,} leaves, each hashed again."
        return f"完好：日志 {self.origin}，{self.size:,} 条，逐条重新计算。" if chinese else en

    def document(self, language: str = "en") -> dict[str, Any]:
        """The verdict for programs."""
        return {
            "verdict": self.result.name.lower(),
            "exit": int(self.result),
            "log": self.origin,
            "size": self.size,
            "totals": dict(self.totals),
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
