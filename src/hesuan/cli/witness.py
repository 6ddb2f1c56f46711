"""``hesuan witness``: the door to :mod:`hesuan.wire.witness_server`, in the command's language."""

from __future__ import annotations

from hesuan.cli import language
from hesuan.wire import witness_server


def main(argv: list[str]) -> int:
    """Runs the witness; 0 when it was stopped, 1 when it could not start."""
    return witness_server.main(["--lang", language.current(), *argv])
