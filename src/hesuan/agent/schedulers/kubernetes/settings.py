"""What a centre says of its Kubernetes: how it is asked, where jobs go and as whom, what its cards are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hesuan.agent.schedulers.cards import Resource


@dataclass(frozen=True, slots=True)
class Access:
    """How the API server is reached; a pod's own account where nothing is said."""

    kubeconfig: Path | None = None
    """Written as JSON: ``kubectl config view --raw --minify --flatten -o json``."""
    address: str = ""
    """``https://…``, in the place of a kubeconfig."""
    token: Path | None = None
    """A file with the agent's token, read anew for each question."""
    ca: Path | None = None
    """Certificates that vouch for the server; None: the system's."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One cluster."""

    image: str
    """Of every run's container; it needs ``sh`` and ``timeout``."""
    access: Access = field(default_factory=Access)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """Organisation's id → where its jobs are."""
    namespace: str = ""
    """For who is not in ``namespaces``; empty: they are refused."""
    queue: str = ""
    """The LocalQueue of Kueue that Jobs are given to; empty: Kubernetes' own scheduler alone."""
    claim: str = ""
    """The PersistentVolumeClaim, in each namespace, whose volume holds the folder of runs; empty: the folder
    lies on every node under the same path (hostPath)."""
    claim_path: str = ""
    """Where in that volume the folder of runs is."""
    user: int = field(default_factory=os.geteuid)
    group: int = field(default_factory=os.getegid)
    """Whom the containers run as; the run's places are made theirs."""
    resources: Mapping[str, Resource] = field(default_factory=dict)
    """The device plugin's name, such as ``nvidia.com/gpu`` → what it is."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels that a node needs to be used; none: every node."""
    tolerated: tuple[str, ...] = ()
    """Keys of taints that jobs may be placed in spite of."""
    memory_mib: int = 0
    """For a run that asks for no memory; 0: no limit is set."""
    pull_secret: str = ""
    """The Secret that opens the image's registry, in each namespace."""
    python: str = "python3"
    """The interpreter for packaged applications, in the image."""
    answer_s: float = 20.0
    """How long an answer may take before it counts as lost."""
    settled_s: float = 5.0
    """How long after a run's end its Job may still be unfinished before it is taken away."""
    lost_s: float = 30.0
    """How long after a pod should have ended a node that is away is waited for."""

    def namespace_of(self, organisation: str) -> str:
        """Where an organisation's jobs go; empty: nowhere here."""
        return self.namespaces.get(organisation, self.namespace)

    def every_namespace(self) -> tuple[str, ...]:
        """All that jobs may be in."""
        return tuple(sorted({*self.namespaces.values(), self.namespace} - {""}))
