"""``hesuan``: the first word picks a command from one table; each command is a module with ``main(argv)``.

The dispatcher stands on the standard library alone, because a bare installation has the planner, the policy
engine and ``hesuan verify`` and nothing else. What a command needs beyond that comes with an extra, and a
missing one is said in a sentence, not in a traceback.
"""

from __future__ import annotations

import difflib
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import hesuan
from hesuan.cli import language
from hesuan.cli.exits import Exit, tell
from hesuan.cli.language import said
from hesuan.errors import Faults, HesuanError, InputFault, declare

Main = Callable[[list[str]], int]


@dataclass(frozen=True, slots=True)
class Command:
    """One word of the command line: where it lives, the extra it needs (empty: none), one line of help."""

    module: str
    extra: str
    en: str
    zh: str


COMMANDS: dict[str, Command] = {
    "find": Command(
        "hesuan.cli.find", "user", "offerings with their price and evidence", "查找算力产品：价格与依据"
    ),
    "file": Command(
        "hesuan.cli.file",
        "user",
        "send input files for runs; list, remove them",
        "上传、列出、删除作业的输入文件",
    ),
    "app": Command(
        "hesuan.cli.app",
        "user",
        "publish packaged applications; have a centre fetch and measure one",
        "发布封装应用；让算力中心获取并测量",
    ),
    "quote": Command(
        "hesuan.cli.quote", "user", "ask every offering for a binding quote", "为一份工作单索取报价"
    ),
    "run": Command("hesuan.cli.run", "user", "accept a quote and run the job", "接受报价并运行作业"),
    "meter": Command(
        "hesuan.cli.meter", "user", "what an order's run used, and who measured it", "查看订单的计量用量"
    ),
    "settle": Command(
        "hesuan.cli.settle", "user", "the charge line by line; saves the receipt", "逐行查看结算并保存回执"
    ),
    "audit": Command(
        "hesuan.cli.audit",
        "user",
        "the facts of an order or receipt, and the log",
        "查看订单或回执的事实记录",
    ),
    "warn": Command("hesuan.cli.warn", "user", "risk signals with their reasons", "查看风险信号及其理由"),
    "verify": Command(
        "hesuan.cli.verify", "", "check a receipt or a log, without trust in the hub", "验证回执或日志"
    ),
    "witness": Command(
        "hesuan.cli.witness",
        "",
        "cosign logs' checkpoints, as a server of its own",
        "为日志检查点联署的见证服务",
    ),
    "plan": Command(
        "hesuan.cli.plan",
        "",
        "forecast, search and compare trainings on any cards; no hub needed",
        "训练的预测、方案搜索与集群比较；不需要平台",
    ),
    "programme": Command(
        "hesuan.cli.programme",
        "",
        "check a programme's rules and cases; load it",
        "检查计划规则与算例；载入平台",
    ),
    "login": Command(
        "hesuan.cli.login", "user", "keep the hub's address and your token", "保存平台地址与令牌"
    ),
    "agent": Command(
        "hesuan.cli.agent", "agent", "connect a centre: enrol and serve", "接入算力中心：注册并运行站点代理"
    ),
    "demo": Command(
        "hesuan.cli.demo.command",
        "hub",
        "the whole road once, on this machine",
        "在本机把整条路走一遍",
    ),
    "ledger": Command(
        "hesuan.cli.ledger", "hub", "recompute every invariant of the books", "重新核算账目的全部不变式"
    ),
    "hub": Command(
        "hesuan.cli.hub",
        "hub",
        "run the platform: serve, migrate, user, token",
        "运行平台：服务、迁移、用户、令牌",
    ),
}

UNKNOWN_COMMAND = declare(
    "cli.unknown_command",
    en="`{word}` is not a command.{hint} `hesuan --help` lists them all.",
    zh="没有“{word}”这个命令。{hint}`hesuan --help` 列出全部命令。",
)
EXTRA_MISSING = declare(
    "cli.extra_missing",
    en="`hesuan {word}` needs the Python package {package}, which is not installed here:"
    " pip install 'hesuan[{extra}]'",
    zh="`hesuan {word}` 需要 Python 包 {package}，本机尚未安装：pip install 'hesuan[{extra}]'",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code (:class:`hesuan.cli.exits.Exit`)."""
    try:
        chosen, words = language.take(sys.argv[1:] if argv is None else argv)
        language.choose(chosen)
        return _dispatch(words)
    except (HesuanError, Faults) as error:
        return tell(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text())
        return Exit.DONE
    if words[0] in ("-V", "--version"):
        print(f"hesuan {hesuan.__version__}")
        return Exit.DONE
    word, *rest = words
    if word not in COMMANDS:
        raise _unknown(word)
    return load(word)(rest)


def load(word: str) -> Main:
    """The ``main`` of a command.

    Raises:
        InputFault: ``cli.extra_missing``.
    """
    command = COMMANDS[word]
    try:
        # By name, and only the one asked for: the others may need what is not installed.
        return cast(Main, pkgutil.resolve_name(f"{command.module}:main"))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "hesuan" or not command.extra:
            raise
        raise InputFault(EXTRA_MISSING, word=word, package=package, extra=command.extra) from None


def help_text() -> str:
    """All commands with one line each, in the current language."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {word:<{width}}{said(en=one.en, zh=one.zh)}" for word, one in COMMANDS.items()]
    head = said(
        en="Hesuan (合算): publicly funded computing, found, quoted, run, metered, settled and proven.",
        zh="合算 Hesuan：公共资助算力的查找、报价、运行、计量、结算与查验。",
    )
    usage = said(en="Usage: hesuan [--lang en|zh] COMMAND …", zh="用法：hesuan [--lang en|zh] 命令 …")
    tail = said(
        en="`hesuan COMMAND --help` tells more; `hesuan --version` names the version.",
        zh="`hesuan 命令 --help` 查看详情；`hesuan --version` 查看版本。",
    )
    return "\n".join([head, "", usage, "", *lines, "", tail])


def _unknown(word: str) -> InputFault:
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = said(en=f" Did you mean `{near[0]}`?", zh=f"是否想用 `{near[0]}`？") if near else ""
    return InputFault(UNKNOWN_COMMAND, word=word, hint=hint)
