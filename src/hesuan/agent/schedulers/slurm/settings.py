"""What a centre says of its Slurm: where jobs go, as whom, and what its cards are called in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hesuan.agent.schedulers.cards import Resource


class Become(StrEnum):
    """How a job is submitted as the organisation's local user."""

    AGENT = "agent"
    """Not at all: every job is the agent's own user's."""
    SETPRIV = "setpriv"
    """The agent is root and puts the user on before it calls sbatch."""
    SUDO = "sudo"
    """The agent may call Slurm's commands as the users named, by a rule of sudo, without a password."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One cluster."""

    partition: str = ""
    qos: str = ""
    become: Become = Become.AGENT
    users: Mapping[str, str] = field(default_factory=dict)
    """Organisation's id at the hub → local user; with ``become`` other than ``agent`` who is not here is
    refused."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Organisation's id → Slurm account; empty: the user's default account."""
    gres: Mapping[str, Resource] = field(default_factory=dict)
    """Slurm's name, such as ``gpu:ascend910c`` → what it is."""
    keep_limits: bool = False
    """Whether the accounts named here get limits that follow the runs; see ``limits``."""
    python: str = "python3"
    """The interpreter for packaged applications, on the nodes."""
    programs: Path | None = None
    """Folder of Slurm's commands; None: found on PATH."""
    conf: Path | None = None
    """``SLURM_CONF``; None: the system's."""
    answer_s: float = 20.0
    """How long a command may take before its answer counts as lost."""
    fresh_s: float = 5.0
    """How long one look at the queue and the books serves all runs."""
