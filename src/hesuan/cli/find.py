"""``hesuan find``: offerings with their price and evidence."""

from __future__ import annotations

import click


@click.command(name="hesuan find")
def find() -> None:
    """Offerings with their price and evidence."""


def main(argv: list[str]) -> int:
    """Runs the command."""
    return int(find.main(argv, standalone_mode=False) or 0)
