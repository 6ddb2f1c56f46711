"""The Job that a run becomes.

Its name is the run's, so that the server itself refuses a second. Its pod carries a finalizer of ours:
whoever deletes the Job or the pod, a cluster that evicts or makes room too, the pod's last word stays until
it is on our record. The time limit is kept by the script, from the container's start; the pod has a deadline
beyond it, for a job that gets rid of the script. The Job has none: that would begin before its place in the
queue.

The run's folder is seen as it lies here, to be read only, except for the places that are the job's own. No
other run's is seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hesuan.agent.schedulers import cards
from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.jobscript import GRACE_S, STARTED_AS
from hesuan.agent.schedulers.kubernetes.settings import Settings
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.wire.canonical import digest

RUN, ORGANISATION, SPECIFICATION = "hesuan/run", "hesuan/organisation", "hesuan/specification"
FINALIZER = "hesuan/metering"
FETCHED_S = 600
"""How long the image may take to come, before the pod's deadline cuts into the run's time."""
OWN = ("work", "output", "tmp", "log")
"""What the job may write, in the run's folder."""
_VOLUME = "run"
_UID = {"valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}


def name(run: str) -> str:
    """The Job's: names are in lower case, and runs' ids differ in more than case."""
    return f"hesuan-{run.lower()}"


def job(spec: RunSpec, directory: RunDirectory, settings: Settings) -> dict[str, Any]:
    """The whole of it, as the server is asked for it."""
    whose = {ORGANISATION: spec.organisation} if spec.organisation else {}
    labels = {RUN: spec.run, **whose}
    queue = {"kueue.x-k8s.io/queue-name": settings.queue} if settings.queue else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name(spec.run),
            "namespace": settings.namespace_of(spec.organisation),
            "labels": {**labels, **queue},
            "annotations": {SPECIFICATION: digest(spec.document())},
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            # Where the server knows it: no second pod before the first has ended.
            "podReplacementPolicy": "Failed",
            **({"suspend": True} if settings.queue else {}),
            "template": {
                "metadata": {"labels": labels, "finalizers": [FINALIZER]},
                "spec": _pod(spec, directory, settings),
            },
        },
    }


def asked(spec: RunSpec, settings: Settings) -> dict[str, str]:
    """What it holds, as a pod asks for it.

    Raises:
        Refused: ``agent.no_such_card``.
    """
    memory = str(spec.memory_bytes) if spec.memory_bytes else ""
    if not memory and settings.memory_mib:
        memory = f"{settings.memory_mib}Mi"
    held = {"cpu": str(spec.cores), **({"memory": memory} if memory else {})}
    if not spec.cards:
        return held
    resource, one = cards.wanted(spec, settings.resources)
    return {**held, resource: str(spec.cards * one.slices)}


def _pod(spec: RunSpec, directory: RunDirectory, settings: Settings) -> dict[str, Any]:
    held = asked(spec, settings)
    tolerated = [{"key": key, "operator": "Exists"} for key in settings.tolerated]
    secrets = [{"name": settings.pull_secret}] if settings.pull_secret else []
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "activeDeadlineSeconds": spec.time_limit_s + GRACE_S + FETCHED_S,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": {
            "runAsUser": settings.user,
            "runAsGroup": settings.group,
            "runAsNonRoot": settings.user != 0,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"nodeSelector": dict(settings.node_selector)} if settings.node_selector else {}),
        **({"tolerations": tolerated} if tolerated else {}),
        **({"imagePullSecrets": secrets} if secrets else {}),
        "containers": [
            {
                "name": "run",
                "image": settings.image,
                "command": ["sh", str(directory.path / "job.sh")],
                "env": [{"name": STARTED_AS, **_UID}],
                "resources": {"requests": held, "limits": held},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "privileged": False,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": _mounts(directory.path, settings),
            }
        ],
        "volumes": [_volume(directory.path, settings)],
    }


def _volume(folder: Path, settings: Settings) -> dict[str, Any]:
    if settings.claim:
        return {"name": _VOLUME, "persistentVolumeClaim": {"claimName": settings.claim}}
    return {"name": _VOLUME, "hostPath": {"path": str(folder), "type": "Directory"}}


def _mounts(folder: Path, settings: Settings) -> list[dict[str, Any]]:
    inside = Path(settings.claim_path, folder.name) if settings.claim else Path()
    whole = {"subPath": str(inside)} if settings.claim else {}
    return [
        {"name": _VOLUME, "mountPath": str(folder), "readOnly": True, **whole},
        *(
            {"name": _VOLUME, "mountPath": str(folder / place), "subPath": str(inside / place)}
            for place in OWN
        ),
    ]
