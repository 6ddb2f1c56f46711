"""What the linter finds: a code, whether it blocks activation, its place, a sentence in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from hesuan.errors import Code
from hesuan.policy.programme import Programme


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, with its field and ``file:line``."""

    code: Code
    blocks: bool
    field: str
    where: str
    facts: dict[str, object]
    line: int = 0
    """Where the field's value stands, an interpretation's where one fills it; 0 where it was left out."""
    column: int = 0

    def sentence(self, language: str = "en") -> str:
        """The sentence for people, the place in front."""
        return f"{self.where}: {self.text(language)}"

    def text(self, language: str = "en") -> str:
        """The sentence without its place."""
        template = self.code.zh if language.startswith("zh") else self.code.en
        return template.format_map(self.facts)


def found(
    programme: Programme, code: Code, field: str, *, blocks: bool = True, shown_at: str = "", **facts: object
) -> Finding:
    """A finding about a field; ``shown_at``: the field whose place is shown where this one is not written."""
    mark = programme.places.get(shown_at or field)
    return Finding(
        code=code,
        blocks=blocks,
        field=field,
        where=programme.cite(shown_at or field),
        facts={"field": field, **facts},
        line=mark.line if mark else 0,
        column=mark.column if mark else 0,
    )
