"""The command ``hesuan verify``: what was given, which check it needs, how the verdict is told."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol, TextIO

from hesuan.errors import Code, Faults, HesuanError, InputFault, Unavailable, declare
from hesuan.wire import owned, pack, proof
from hesuan.wire.checks import Both, Check, Outcome, broken
from hesuan.wire.evidence import Trust, read_trust
from hesuan.wire.folder import Disk, Files
from hesuan.wire.log_verdict import Seen
from hesuan.wire.quorum import Policy, parse_policy
from hesuan.wire.reading import MAX_BYTES, read_json, shown
from hesuan.wire.verdict import Result
from hesuan.wire.verify import verify_pack, verify_proof, verify_receipt
from hesuan.wire.verify_log import verify_log
from hesuan.wire.witness import claims_to_be_of, origin_hash

MARKS = {Outcome.SOUND: "✓", Outcome.BROKEN: "✗", Outcome.NOTE: "!"}
PLAIN_MARKS = {Outcome.SOUND: "ok  ", Outcome.BROKEN: "FAIL", Outcome.NOTE: "note"}
MAX_AGE_S = 10_800
"""Of the quorum's cosignatures of a log read from an address: a hub has them renewed every hour."""
YOU = Both("you", "您")

CANNOT_OPEN = declare("verify.cannot_open", en="{file}: {reason}", zh="{file}：{reason}")
LEAF_NEEDED = declare(
    "verify.leaf_needed",
    en="A log proof says where a leaf stands and not what it is: pass --leaf FILE, the leaf as logged.",
    zh="日志证明只说明条目位置，不含条目内容：请用 --leaf 给出所记条目的原文。",
)
POLICY_NEEDED = declare(
    "verify.policy_needed",
    en="A log proof names no key: pass --policy FILE with the logs you accept.",
    zh="日志证明不含密钥：请用 --policy 给出所接受的日志。",
)
NOT_REMEMBERED = declare(
    "verify.not_remembered",
    en="{file} does not hold a checkpoint signed by a key of this log, of now or before;"
    " it was left as it is.",
    zh="{file} 中没有以本日志现用或曾用密钥签名的检查点；未改动该文件。",
)


class _Told(Protocol):
    """What every kind of verdict has."""

    @property
    def result(self) -> Result: ...

    @property
    def checks(self) -> tuple[Check, ...]: ...

    def summary(self, language: str = "en") -> str: ...

    def document(self, language: str = "en") -> dict[str, Any]: ...


class _Parser(argparse.ArgumentParser):
    """Wrong words end with 1: exit code 2 says TAMPERED and nothing else."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(int(Result.UNREADABLE), f"{self.prog}: {message}\n")


def _parser(language: str) -> argparse.ArgumentParser:
    def said(en: str, zh: str) -> str:
        return zh if language == "zh" else en

    parser = _Parser(
        prog="hesuan verify",
        description=said(
            "Checks a receipt, a log or a log proof, without the hub and without trust in it;"
            " receipts and folders offline.",
            "验证回执、日志或日志证明，不必信任平台；回执与目录可离线验证。",
        ),
        epilog=said(
            "Exit code: 0 sound, 1 not verified (unreadable, unreachable, stale, unwitnessed), 2 TAMPERED.",
            "退出码：0 完好，1 未能验证（不可读、不可达、已过时、未经见证），2 已被篡改。",
        ),
    )
    parser.add_argument(
        "file",
        help=said(
            "receipt, evidence pack (ZIP), log proof, folder or address of a log; - reads standard input",
            "回执文件、兑付材料（ZIP）、日志证明、日志目录或地址；- 为标准输入",
        ),
    )
    parser.add_argument(
        "--trust",
        metavar="FILE",
        help=said(
            'keys you trust: {"log_key": …, "site_keys": […]}',
            '受信任的密钥：{"log_key": …, "site_keys": […]}',
        ),
    )
    parser.add_argument(
        "--policy",
        metavar="FILE",
        help=said(
            "logs and witnesses you trust, and their quorum (C2SP tlog-policy)",
            "受信任的日志、见证方及法定数（C2SP tlog-policy）",
        ),
    )
    parser.add_argument(
        "--leaf", metavar="FILE", help=said("of a log proof: the leaf, as logged", "日志证明所证条目的原文")
    )
    parser.add_argument(
        "--remember",
        metavar="FILE",
        help=said(
            "of a log: compare with the checkpoint kept here, and keep the new one when it is sound",
            "日志：与此文件所存检查点比对；完好时存入新的检查点",
        ),
    )
    parser.add_argument(
        "--max-age",
        metavar="SECONDS",
        type=int,
        help=said(
            "of a log: how long ago the quorum may have cosigned (default for an address: 10800)",
            "日志：法定数见证至多多少秒前（地址默认 10800）",
        ),
    )
    parser.add_argument(
        "--json", action="store_true", help=said("the verdict for programs", "供程序读取的结论")
    )
    parser.add_argument("--lang", choices=["en", "zh"], default=language, help=said("language", "语言"))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser(_language(words)).parse_args(words)
    try:
        verdict = _verdict(arguments)
    except (HesuanError, Faults) as error:
        for fault in error.faults if isinstance(error, Faults) else (error,):
            _write(sys.stderr, f"{fault.sentence(arguments.lang)} [{fault.code.name}]")
        return int(Result.UNREADABLE)
    if arguments.json:
        _write(sys.stdout, json.dumps(verdict.document(arguments.lang), ensure_ascii=False, indent=2))
    else:
        _report(verdict, arguments.lang)
    sys.stdout.flush()  # a pipe that broke is found here, by whoever called, and not while Python ends
    return int(verdict.result)


def _verdict(arguments: argparse.Namespace) -> _Told:
    trust = read_trust(_read(arguments.trust)) if arguments.trust else None
    policy = parse_policy(_read(arguments.policy)) if arguments.policy else None
    if arguments.file.startswith(("http://", "https://")) or Path(arguments.file).is_dir():
        return _log(arguments, policy, trust)
    data = _read(arguments.file)
    if proof.is_proof(data):
        if policy is None:
            raise InputFault(POLICY_NEEDED)
        if arguments.leaf is None:
            raise InputFault(LEAF_NEEDED)
        leaf = _read(arguments.leaf).removesuffix(b"\n")
        return verify_proof(data, leaf, policy=policy, trust=trust)
    if pack.is_pack(data):
        return verify_pack(data, trust=trust, policy=policy)
    document = _document(data)
    if owned.is_owned(document):
        return owned.verify_owned(document, trust=trust, policy=policy)
    return verify_receipt(data, trust=trust, policy=policy)


def _document(data: bytes) -> Any:
    """What a file says as JSON; ``None`` when it is none, which is told by whoever needs it."""
    try:
        return read_json(data)
    except InputFault:
        return None


def _log(arguments: argparse.Namespace, policy: Policy | None, trust: Trust | None) -> _Told:
    online = not Path(arguments.file).is_dir()
    age = arguments.max_age if arguments.max_age is not None or not online else MAX_AGE_S
    verdict = verify_log(
        _files(arguments.file) if online else Disk(Path(arguments.file)),
        policy=policy,
        trusted=trust.log_keys() if trust else (),
        seen=lambda origin: [
            *_remembered(arguments.remember, origin),
            *_monitored(policy if online else None, origin),
        ],
        now=time.time(),
        max_age_s=age,
    )
    if arguments.remember and verdict.result is Result.SOUND:
        _keep(Path(arguments.remember), verdict.note)
    return verdict


def _files(url: str) -> Files:
    from hesuan.wire.web import Web  # here, so that nothing that opens a connection is loaded offline

    return Web(url)


def _remembered(name: str | None, origin: str) -> Iterable[Seen]:
    if name is None or not Path(name).exists():
        return ()
    note = _read(name).decode(errors="replace")
    checkpoint = claims_to_be_of(note, origin)
    if checkpoint is None:
        raise InputFault(NOT_REMEMBERED, file=shown(name))
    return (Seen(YOU, checkpoint, note, broken("history", NOT_REMEMBERED, file=shown(name))),)


def _monitored(policy: Policy | None, origin: str) -> Iterable[Seen | Check]:
    """What the policy's witnesses serve of this log; one that does not answer is noted."""
    if policy is None:
        return
    from hesuan.wire import web

    for witness in policy.witnesses:
        if not witness.url:
            continue
        name = shown(witness.key.name)
        en, zh = "Witness {name} did not show its view of this log.", "见证方 {name} 未给出其所见的本日志。"
        silent = Check("history", Outcome.NOTE, Code("verify.witness_silent", en, zh), {"name": name})
        try:
            note = web.fetch(f"{witness.url.rstrip('/')}/{origin_hash(origin)}/checkpoint")
        except (Unavailable, ValueError):
            note = None
        text = (note or b"").decode(errors="replace")
        checkpoint = claims_to_be_of(text, origin)
        if checkpoint is None:
            yield silent
        else:
            yield Seen(Both(f"witness {name}", f"见证方 {name}"), checkpoint, text, silent)


def _keep(file: Path, note: str) -> None:
    draft = file.with_name(f".{file.name}.new")
    try:
        draft.write_text(note)
        draft.replace(file)
    except OSError as error:
        raise InputFault(CANNOT_OPEN, file=shown(str(file)), reason=error.strerror or str(error)) from None


def _report(verdict: _Told, language: str) -> None:
    marks = MARKS if _can_write(sys.stdout, "".join(MARKS.values())) else PLAIN_MARKS
    for check in verdict.checks:
        _write(sys.stdout, f"{marks[check.outcome]} {check.sentence(language)}")
    _write(sys.stdout, "")
    _write(sys.stdout, verdict.summary(language))


def _read(name: str) -> bytes:
    """At most one byte more than is ever parsed, so that a huge file is refused and not loaded."""
    try:
        if name == "-":
            return _read_limited(sys.stdin.buffer)
        with Path(name).open("rb") as file:
            return _read_limited(file)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputFault(CANNOT_OPEN, file=shown(name), reason=reason) from None


def _read_limited(file: BinaryIO) -> bytes:
    head = file.read(4)
    return head + file.read(pack.MAX_PACK_BYTES if pack.is_pack(head) else MAX_BYTES)


def _language(words: Sequence[str]) -> str:
    """``--lang`` where it is given, else what the environment says."""
    for number, word in enumerate(words):
        if word == "--lang" and number + 1 < len(words):
            return "zh" if words[number + 1] == "zh" else "en"
        if word.startswith("--lang="):
            return "zh" if word == "--lang=zh" else "en"
    chosen = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh" if next(filter(None, chosen), "").lower().startswith("zh") else "en"


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _write(stream: TextIO, text: str) -> None:
    """Writes a line on whatever terminal this is; what it cannot show is escaped, never a traceback."""
    encoding = stream.encoding or "ascii"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
