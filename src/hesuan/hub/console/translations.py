"""Translations: text catalogues in the repository, compiled catalogues in the data folder.

A ``.mo`` file is a binary that nobody can review, so the repository holds only ``.po`` text. Each process
compiles what is missing or stale into ``DATA_DIR/locale``, which ``LOCALE_PATHS`` names; Django reads it
when the first page is drawn. A catalogue counts as fresh by the digest of its text, not by its file time:
an unpacked newer release may carry older times.
"""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings

SOURCE = Path(__file__).resolve().parent / "locale"
_TAIL = Path("LC_MESSAGES") / "django.po"


def compile_catalogues(target: Path | None = None) -> list[Path]:
    """Compiles every stale catalogue; returns the ``.mo`` files written, none when all are fresh.

    Two processes may do so at once: each file appears whole or not at all.
    """
    folder = target or Path(settings.DATA_DIR) / "locale"
    written = []
    for source in sorted(SOURCE.glob(f"*/{_TAIL}")):
        text = source.read_bytes()
        compiled = folder / source.relative_to(SOURCE).with_suffix(".mo")
        if _is_stale(compiled, text):
            _compile(text, compiled, language=source.parent.parent.name)
            written.append(compiled)
    return written


def _stamp(compiled: Path) -> Path:
    return compiled.with_suffix(".sha256")


def _is_stale(compiled: Path, text: bytes) -> bool:
    if not compiled.exists():
        return True
    stamp = _stamp(compiled)
    return not stamp.exists() or stamp.read_text().strip() != hashlib.sha256(text).hexdigest()


def _compile(text: bytes, compiled: Path, *, language: str) -> None:
    compiled.parent.mkdir(parents=True, exist_ok=True)
    packed = BytesIO()
    write_mo(packed, read_po(BytesIO(text), locale=language))
    _replace(compiled, packed.getvalue())
    _replace(_stamp(compiled), hashlib.sha256(text).hexdigest().encode() + b"\n")


def _replace(path: Path, content: bytes) -> None:
    """Writes beside and renames, so that no reader sees half a file."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)
