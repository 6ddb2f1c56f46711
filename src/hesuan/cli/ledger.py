"""``hesuan ledger``: whether the books add up."""

from __future__ import annotations

import click

from hesuan.cli import hub
from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.hub.config import server


def main(argv: list[str]) -> int:
    """Runs ``hesuan ledger …``; returns the exit code."""
    try:
        with server.database_errors_told():
            code = ledger().main(argv, prog_name="hesuan ledger", standalone_mode=False)
    except click.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return Exit.FAULTY
    return code if isinstance(code, int) else Exit.DONE


def ledger() -> click.Group:
    """The command with its help in the current language, which is known only now."""
    helped = {"help_option_names": ["-h", "--help"]}

    @click.group(
        help=said(en="The books of this hub.", zh="本平台的账目。"),
        context_settings=helped,
    )
    def group() -> None:
        server.set_up()

    @group.command(
        help=said(
            en="Recompute every invariant of ledgers and payments; exit code 1 and the rows if one is "
            "broken.",
            zh="重新核算全部账本与付款的不变式；如有不符，列出相应记录并以 1 退出。",
        )
    )
    def check() -> int:
        return hub.check_books()

    return group
