"""Exit codes of every command, and the one place that turns an error into sentence, code and exit code."""

from __future__ import annotations

import sys
from enum import IntEnum

from hesuan.cli import language
from hesuan.errors import Code, Faults, HesuanError, InputFault, NotFound, Unavailable


class Exit(IntEnum):
    """What a command's exit code means; in words: :data:`MEANINGS`."""

    DONE = 0
    REFUSED = 1
    FAULTY = 2
    NOT_FOUND = 3
    SIGNED_OUT = 4
    UNAVAILABLE = 5


MEANINGS: dict[int, tuple[str, str]] = {
    Exit.DONE: ("done, and what was asked for is true", "完成，且所问属实"),
    Exit.REFUSED: (
        "refused by a rule; or a run that did not end COMPLETED, a proof that does not hold, no quote at all",
        "被规则拒绝；或运行未以 COMPLETED 结束、证明不成立、没有任何报价",
    ),
    Exit.FAULTY: (
        "the words or a file are faulty, or an extra is not installed; nothing was changed",
        "参数或文件有误，或缺少可选依赖；未作任何改动",
    ),
    Exit.NOT_FOUND: ("no such object, or none that you may know of", "对象不存在，或您无权知晓"),
    Exit.SIGNED_OUT: ("the hub wants a token, or does not take this one", "需要令牌，或令牌无效"),
    Exit.UNAVAILABLE: (
        "the hub did not answer, or failed; trying again later may help",
        "平台无应答或出错；可稍后再试",
    ),
    130: ("ended by Ctrl-C; a job that was sent goes on", "被 Ctrl-C 中断；已提交的作业继续运行"),
}


class Told(HesuanError):
    """An error with the HTTP status that the hub gave it, or would have given."""

    def __init__(self, code: Code, *, status: int, where: str = "", **facts: object) -> None:
        self.status = status
        super().__init__(code, where=where, status=status, **facts)


EXIT_OF_STATUS = {
    400: Exit.FAULTY,
    401: Exit.SIGNED_OUT,
    404: Exit.NOT_FOUND,
    413: Exit.FAULTY,
    422: Exit.FAULTY,
    500: Exit.UNAVAILABLE,
    502: Exit.UNAVAILABLE,
    503: Exit.UNAVAILABLE,
}
"""Any other status is a refusal."""


def exit_of(error: HesuanError | Faults) -> Exit:
    """The exit code of an error."""
    if isinstance(error, Told):
        return EXIT_OF_STATUS.get(error.status, Exit.REFUSED)
    if isinstance(error, Faults | InputFault):
        return Exit.FAULTY
    if isinstance(error, NotFound):
        return Exit.NOT_FOUND
    if isinstance(error, Unavailable):
        return Exit.UNAVAILABLE
    return Exit.REFUSED


def tell(error: HesuanError | Faults) -> Exit:
    """Prints the sentence with its code on standard error; returns the exit code."""
    for one in error.faults if isinstance(error, Faults) else (error,):
        print(f"{one.sentence(language.current())} [{one.code.name}]", file=sys.stderr)
    return exit_of(error)
