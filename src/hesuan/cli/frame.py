"""Commands in two languages: click, with every help text given in English and in Chinese.

The language is known only when a command runs (``--lang``), so help texts are chosen when they are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from hesuan.cli.exits import Exit
from hesuan.cli.language import said

Body = Callable[..., Any]

CONTEXT = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}


class SpokenOption(click.Option):
    """An option whose help is in both languages."""

    def __init__(self, *args: Any, en: str, zh: str, **attributes: Any) -> None:
        attributes["help"] = en
        super().__init__(*args, **attributes)
        self.en, self.zh = en, zh

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option's line of help, in the current language."""
        self.help = said(en=self.en, zh=self.zh)
        return super().get_help_record(ctx)


class SpokenCommand(click.Command):
    """A command whose help is in both languages; exit code and errors are left to ``hesuan.cli.main``."""

    def __init__(self, *args: Any, en: str, zh: str, **attributes: Any) -> None:
        attributes["help"] = en
        attributes.setdefault("context_settings", CONTEXT)
        super().__init__(*args, **attributes)
        self.en, self.zh = en, zh

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The description, in the current language."""
        self.help = said(en=self.en, zh=self.zh)
        super().format_help_text(ctx, formatter)


def command(name: str, *, en: str, zh: str) -> Callable[[Body], click.Command]:
    """Makes ``hesuan NAME`` of a function."""
    return click.command(name=name, cls=SpokenCommand, en=en, zh=zh)


def option(*names: str, en: str, zh: str, **attributes: Any) -> Callable[[Body], Body]:
    """An option with its help in both languages."""
    return click.option(*names, cls=SpokenOption, en=en, zh=zh, **attributes)


AS_JSON = option(
    "--json",
    "as_json",
    is_flag=True,
    en="Print the hub's answer as JSON, for programs.",
    zh="以 JSON 输出平台的回答，供程序使用。",
)


def run(body: click.Command, argv: list[str]) -> int:
    """Runs a command; wrong usage is told by click, in a sentence, with exit code 2."""
    try:
        result = body.main(argv, prog_name=f"hesuan {body.name}", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return Exit.FAULTY
    except click.Abort:
        return 130
    return int(result or 0)
