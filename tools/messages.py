"""Collects the console's texts into its catalogues, and checks that every one is translated.

    python -m tools.messages update     write new and changed texts into the catalogues
    python -m tools.messages check      fail, naming each, when a text is missing, fuzzy or no longer used

English texts stand in templates and code and are the message ids; the English catalogue is kept for plurals
and for the day a wording differs from its id. Django's own ``makemessages`` needs GNU gettext, which a bare
machine has not; Babel reads Python, and Django's ``templatize`` turns templates into something Babel reads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
CONSOLE = ROOT / "src" / "hesuan" / "hub" / "console"
LANGUAGES = ("zh_Hans", "en")
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def catalogue_path(language: str, console: Path = CONSOLE) -> Path:
    """Where the catalogue of a language lies."""
    return console / "locale" / language / "LC_MESSAGES" / "django.po"


def sources(console: Path = CONSOLE) -> Iterator[tuple[Path, str]]:
    """Every file that may hold texts, as Python that Babel can read."""
    for path in sorted(console.rglob("*.py")):
        yield path, path.read_text()
    for path in sorted(console.rglob("templates/**/*.html")):
        # Blanked-out template text keeps its indentation, which Python's tokenizer would stumble over.
        python = templatize(path.read_text(), origin=str(path))
        yield path, "\n".join(line.lstrip() for line in python.splitlines())


def extracted(console: Path = CONSOLE) -> Catalog:
    """A template catalogue with every text of the console and where it stands, files only: line numbers
    would change the catalogue with every edit."""
    catalogue = Catalog(charset="utf-8", project="hesuan")
    for path, text in sources(console):
        place = str(path.relative_to(console))
        found = extract("python", BytesIO(text.encode()), keywords=KEYWORDS, comment_tags=("Translators:",))
        for _line, message_id, comments, context in found:
            catalogue.add(
                message_id,
                locations=[(place, 0)],
                auto_comments=comments,
                context=context,
                flags=_flags(message_id),
            )
    return catalogue


def _flags(message_id: str | tuple[str, ...]) -> tuple[str, ...]:
    text = message_id if isinstance(message_id, str) else message_id[0]
    return ("python-format",) if "%(" in text else ()


def update(console: Path = CONSOLE) -> None:
    """Writes the texts found into every catalogue; translations stay, texts no longer used go."""
    template = extracted(console)
    for language in LANGUAGES:
        path = catalogue_path(language, console)
        catalogue = _read(path, language)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        path.parent.mkdir(parents=True, exist_ok=True)
        text = BytesIO()
        write_po(text, catalogue, width=100, omit_header=True, include_lineno=False, sort_output=True)
        path.write_text(_header(catalogue, language) + text.getvalue().decode())


def _header(catalogue: Catalog, language: str) -> str:
    """A header without dates and names, so that a catalogue changes only when a text does."""
    return (
        f"# {catalogue.locale.english_name if catalogue.locale else language}: texts of Hesuan's console.\n"
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n'
        f'"Plural-Forms: {catalogue.plural_forms}\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )


def _read(path: Path, language: str) -> Catalog:
    if not path.exists():
        return Catalog(locale=language, charset="utf-8", project="hesuan")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def check(console: Path = CONSOLE) -> list[str]:
    """One line for each text that a reader of Chinese would miss, and for each leftover."""
    template = extracted(console)
    complaints = []
    for language in LANGUAGES:
        catalogue = _read(catalogue_path(language, console), language)
        known = {(message.id, message.context): message for message in catalogue if message.id}
        for message in template:
            if message.id:
                held = known.get((message.id, message.context))
                complaints += [f"{language}: {line}" for line in _faults(message, held, language)]
        wanted = {(message.id, message.context) for message in template}
        complaints += [f"{language}: no longer used: {key[0]!r}" for key in known if key not in wanted]
        complaints += [f"{language}: obsolete entry: {key!r}" for key in catalogue.obsolete]
    return complaints


def _faults(message: Message, held: Message | None, language: str) -> Iterator[str]:
    place = message.locations[0][0] if message.locations else "?"
    if held is None:
        yield f"not in the catalogue: {message.id!r} ({place})"
    elif held.fuzzy:
        yield f"fuzzy: {message.id!r} ({place})"
    elif language != "en" and not _translated(held):
        yield f"not translated: {message.id!r} ({place})"


def _translated(message: Message) -> bool:
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return bool(texts) and all(texts)


def _update_and_say() -> int:
    update()
    print("Catalogues written; look for empty msgstr in", catalogue_path("zh_Hans").relative_to(ROOT))
    return 0


def _check_and_say() -> int:
    complaints = check()
    for line in complaints:
        print(line)
    print(f"{len(complaints)} to mend; run `make messages`" if complaints else "every text is translated")
    return 1 if complaints else 0


VERBS: dict[str, Callable[[], int]] = {"update": _update_and_say, "check": _check_and_say}


def main(argv: list[str]) -> int:
    """Runs one verb; 2 when there is none of that name."""
    if len(argv) != 1 or argv[0] not in VERBS:
        print("usage: python -m tools.messages update|check", file=sys.stderr)
        return 2
    return VERBS[argv[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
