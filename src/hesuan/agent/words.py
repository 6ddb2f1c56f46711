"""What the agent says to its operator, in both languages; the command line chooses.

Standard library only: the supervisor of a run imports this and must stay small.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence, or a part of one, in both languages."""

    en: str
    zh: str
