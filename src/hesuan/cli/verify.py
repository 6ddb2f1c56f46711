"""``hesuan verify``: the door to :mod:`hesuan.wire.verify`, in the language chosen for the command."""

from __future__ import annotations

from hesuan.cli import language
from hesuan.wire import verify


def main(argv: list[str]) -> int:
    """Runs the verifier; its exit codes are its own: 0 sound, 1 nothing was verified, 2 TAMPERED."""
    return verify.main(["--lang", language.current(), *argv])
