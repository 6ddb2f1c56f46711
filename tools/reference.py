"""Keeps ``docs/reference`` true: ``python -m tools.reference write`` writes, ``check`` compares.

From the code itself come: error codes, commands, settings, the addresses of the API, and the programmes that
ship (in both languages).
"""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
GENERATED = "<!-- Written by `python -m tools.reference write`; edit the code, not this page. -->\n\n"


def prepare() -> None:
    """Sets Django up with throw-away settings and imports all of Hesuan, so that every code is declared."""
    os.environ.setdefault("HESUAN_MODE", "test")
    os.environ.setdefault("HESUAN_DATA_DIR", tempfile.mkdtemp(prefix="hesuan-reference-"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hesuan.hub.config.settings")
    import django

    django.setup()
    import_everything()


def import_everything() -> None:
    """Imports every module of Hesuan."""
    import hesuan

    for module in pkgutil.walk_packages(hesuan.__path__, "hesuan."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def pages() -> dict[str, Callable[[], str]]:
    """File name to what writes it."""
    from tools import (
        reference_api,
        reference_commands,
        reference_errors,
        reference_programmes,
        reference_settings,
    )

    return {
        "errors.md": reference_errors.page,
        "commands.md": reference_commands.page,
        "settings.md": reference_settings.page,
        "api.md": reference_api.page,
        "programmes.md": reference_programmes.page,
        "programmes.zh.md": reference_programmes.page_zh,
    }


def difference(name: str) -> str:
    """What a page on disk says otherwise than the code, as a unified diff; empty: nothing."""
    path = FOLDER / name
    before = path.read_text() if path.exists() else ""
    after = GENERATED + pages()[name]()
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"docs/reference/{name}", "the code", lineterm="", n=1
    )
    return "\n".join(lines)


def write() -> int:
    """Writes all pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in pages().items():
        (FOLDER / name).write_text(GENERATED + page())
    return 0


def check() -> int:
    """Compares all pages; returns 1 if one is out of date."""
    stale = {name: found for name in pages() if (found := difference(name))}
    for name, found in stale.items():
        print(f"docs/reference/{name} is out of date; `make reference` writes it anew:\n{found[:3000]}")
    return 1 if stale else 0


def main(argv: list[str]) -> int:
    """``write`` or ``check``."""
    if argv not in (["write"], ["check"]):
        print("usage: python -m tools.reference write|check", file=sys.stderr)
        return 2
    prepare()
    return write() if argv == ["write"] else check()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
