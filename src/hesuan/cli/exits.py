"""Exit codes of every command, and the one place that turns an error into sentence, code and exit code."""

from __future__ import annotations

import sys
from enum import IntEnum

from hesuan.cli import language
from hesuan.errors import Code, Faults, HesuanError, InputFault, NotFound, Unavailable


class Exit(IntEnum):
    """What a command's exit code means."""

    DONE = 0
    """Done, and what was asked for is true."""
    REFUSED = 1
    """Refused by a rule; or a run that did not end COMPLETED, a receipt that does not verify."""
    FAULTY = 2
    """The words or a file given are faulty, or an extra is not installed; nothing was changed."""
    NOT_FOUND = 3
    """No such object, or none that this person may know of."""
    SIGNED_OUT = 4
    """The hub wants a token, or does not take this one."""
    UNAVAILABLE = 5
    """The hub did not answer; trying again later may help."""


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
