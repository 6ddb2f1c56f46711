"""What a centre says of its Ray: where its head answers, and what its cards are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hesuan.agent.schedulers.cards import Resource


@dataclass(frozen=True, slots=True)
class Settings:
    """One cluster."""

    address: str
    """Of the head's dashboard: ``http://head:8265``."""
    headers: Path | None = None
    """A file of headers to send, one a line, such as ``Authorization: Bearer …``; nobody else may read it."""
    ca: Path | None = None
    """Certificates that vouch for an ``https`` address; None: the system's."""
    resources: Mapping[str, Resource] = field(default_factory=dict)
    """Ray's name, such as ``NPU`` → what it is."""
    python: str = "python3"
    """The interpreter for packaged applications, on the nodes."""
    answer_s: float = 20.0
    """How long an answer may take before it counts as lost."""
    settled_s: float = 2.0
    """How long after a driver's end Ray still hears of its tasks: they are told once a second."""
    given_up_s: float = 30.0
    """How long tasks without an end are waited for."""
