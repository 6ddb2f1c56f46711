"""Kubernetes in the words of every engine: one Job a run, named by it, whose pod keeps the books.

The server refuses a name twice, so a second ask finds the first. How a run ended, and what it held, is told
by its pods, which a finalizer of ours keeps until that is written down here; then they are let go. Where the
cluster takes a pod away while it runs, Kubernetes puts another in its place, whose script finds the run begun
and ends. So a run is over when nothing of its Job can begin any more, and not with its first pod.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hesuan.agent import durable
from hesuan.agent.schedulers import cards, jobscript, rundir
from hesuan.agent.schedulers.contract import (
    TOO_MANY_CARDS,
    TOO_MANY_CORES,
    TOO_MUCH_MEMORY,
    Booked,
    RunSpec,
    RunState,
    Untold,
)
from hesuan.agent.schedulers.engine import Account, Seen
from hesuan.agent.schedulers.kubernetes import books, inventory, listed, manifest
from hesuan.agent.schedulers.kubernetes.books import Pod
from hesuan.agent.schedulers.kubernetes.listed import ASKED, RECORD, SEEN, conditions, is_finished, starts
from hesuan.agent.schedulers.kubernetes.quantity import amount
from hesuan.agent.schedulers.kubernetes.server import SAID_NO, Server
from hesuan.agent.schedulers.kubernetes.settings import Settings
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.errors import Refused, Unavailable, declare
from hesuan.wire.messages import format_at

NO_NAMESPACE = declare(
    "agent.no_namespace",
    en="This site has no namespace for organisation {organisation}. Its operator adds one under"
    " [kubernetes.namespaces] in site.toml.",
    zh="本站点没有与机构 {organisation} 对应的命名空间。请站点运营人员在 site.toml 的"
    " [kubernetes.namespaces] 中添加。",
)
OVER_QUOTA = declare(
    "agent.namespace_quota",
    en="The run asks for {asked} of {resource}; the namespace {namespace} may hold {hard} (ResourceQuota"
    " {quota}).",
    zh="该运行需要 {asked} 的 {resource}；命名空间 {namespace} 至多可占用 {hard}（ResourceQuota {quota}）。",
)

EVIDENCE = "kubernetes:pod-status"
NEVER_BEGAN = "Nothing of it was begun."
_SAID_BYTES = 1 << 20
_FOREGROUND = {"propagationPolicy": "Foreground"}


class KubernetesEngine:
    """One cluster."""

    name: str = "kubernetes"
    isolation: tuple[str, ...] = (
        "Jobs share the nodes' kernel and, where no network policy is set, the cluster's network.",
        "All jobs have the same user's number on the nodes; a job sees its own run's folder and no other's.",
    )
    visible_within_s: float = 30.0

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.server = Server(settings)
        self._over_s: dict[str, float] = {}

    def check(self, spec: RunSpec) -> None:
        """A namespace, its quota and a node that is large enough are needed; else it can never start here."""
        if not self.settings.namespace_of(spec.organisation):
            raise Refused(NO_NAMESPACE, organisation=spec.organisation or "–")
        nodes = inventory.nodes(self.server)
        cores = math.floor(inventory.largest(nodes, "cpu"))
        if spec.cores > cores:
            raise Refused(TOO_MANY_CORES, asked=spec.cores, available=cores)
        memory = int(inventory.largest(nodes, "memory"))
        if spec.memory_bytes > memory:
            raise Refused(TOO_MUCH_MEMORY, asked=math.ceil(spec.memory_bytes / 2**20), available=memory >> 20)
        if spec.cards:
            resource, one = cards.wanted(spec, self.settings.resources)
            available = int(inventory.largest(nodes, resource)) // one.slices
            if spec.cards > available:
                raise Refused(TOO_MANY_CARDS, asked=spec.cards, card=spec.card, available=available)
        self._check_quota(spec)

    def ask(self, spec: RunSpec, directory: RunDirectory) -> str:
        """The Job under the run's name, where and as it was first asked for, whatever is configured now."""
        text = jobscript.once(spec, directory, python=self.settings.python)
        durable.write(directory.path / "job.sh", text.encode())
        _prepare(directory, self.settings)
        job = durable.read_json(directory.path / ASKED)
        if job is None:
            job = manifest.job(spec, directory, self.settings)
            durable.write_json(directory.path / ASKED, job)
        meta: Mapping[str, Any] = job["metadata"]  # type: ignore[assignment]
        known = f"{meta['namespace']}/{meta['name']}"
        refused: Refused | None = None
        try:
            if self.server.create(f"/apis/batch/v1/namespaces/{meta['namespace']}/jobs", job):
                return known
        except Refused as error:
            refused = error
        # A quota that the first ask has filled refuses the second before its name is looked at.
        found = self._job(known)
        if _is_ours(found, meta):
            return known
        if refused is None:
            what = "another Job has the name" if found else "somebody deleted it at once:"
            refused = Refused(SAID_NO, problem=f"{what} {known}")
        raise refused

    def look(self, directory: RunDirectory, job: str, *, fresh: bool) -> Seen | None:
        """The Job and its pods as they are now: two small questions."""
        known = job or _known(directory)
        if (directory.path / RECORD).exists():
            return Seen(known, RunState.RUNNING, _now(), over=True)
        if not known:
            return None
        # The Job before its pods: none begins after the Job was seen to be finished.
        found = self._job(known)
        pods = self._pods(directory, known)
        self._note_starts(directory, pods)
        live = self._live(pods)
        if live and not _is_in_vain(pods, live):
            return _under_way(known, live)
        if not pods:
            return self._without_pods(directory, known, found)
        if found is not None and not is_finished(found) and not any(one.began for one in pods):
            return Seen(known, RunState.SUBMITTED, _created(found), "Kubernetes places it anew.")
        ends = [at for one in pods if (at := books.ended_at(one)) is not None]
        return Seen(known, RunState.RUNNING, _text(max(ends, default=None)), over=True)

    def end(self, directory: RunDirectory, job: str) -> None:
        """Deletes the Job; it goes when its pods have, and they when they are on our record."""
        self.server.delete(_path(job), _FOREGROUND)

    def account(self, directory: RunDirectory, job: str) -> Account | None:
        """What the pods say, once nothing more can begin: written down here, then they are let go."""
        record = durable.read_json(directory.path / RECORD)
        if record is None:
            record = self._last_word(directory, job)
            if record is None:
                return None
            durable.write_json(directory.path / RECORD, record)
        self._let_go(directory, job)
        self._over_s.pop(job, None)
        return self._told(directory, record)

    def log(self, directory: RunDirectory, job: str, offset: int, limit: int) -> bytes:
        """What the script wrote into the run's folder; where it never began, what the container said instead
        (see ``account``)."""
        return rundir.read_log(directory, offset, limit)

    def remembered(
        self, since: datetime, until: datetime, runs: Mapping[str, RunDirectory]
    ) -> Iterable[Booked | Untold]:
        """Two lists of each namespace, however many runs there are."""
        window = since, until
        return listed.remembered(self.server, self.settings, runs, window=window, is_lost=self._is_lost)

    def _check_quota(self, spec: RunSpec) -> None:
        namespace, asked = self.settings.namespace_of(spec.organisation), manifest.asked(spec, self.settings)
        for row in self.server.items(f"/api/v1/namespaces/{namespace}/resourcequotas"):
            said = row.get("spec") or {}
            if said.get("scopes") or said.get("scopeSelector"):
                continue
            for name, count in asked.items():
                for key in (name, f"requests.{name}", f"limits.{name}"):
                    hard = (said.get("hard") or {}).get(key)
                    if hard is not None and amount(count) > amount(hard):
                        quota = (row.get("metadata") or {}).get("name", "?")
                        raise Refused(
                            OVER_QUOTA,
                            asked=count,
                            resource=name,
                            namespace=namespace,
                            hard=hard,
                            quota=quota,
                        )

    def _job(self, known: str) -> dict[str, Any] | None:
        return self.server.read(_path(known))

    def _pods(self, directory: RunDirectory, known: str) -> list[Pod]:
        namespace = known.partition("/")[0]
        rows = self.server.items(
            f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": f"{manifest.RUN}={directory.run}"}
        )
        seen = starts(directory)
        return [books.pod(row, seen=seen) for row in rows]

    def _note_starts(self, directory: RunDirectory, pods: Iterable[Pod]) -> None:
        """Of each pod when it began: a node that evicts it later may wipe that."""
        seen = durable.read_json(directory.path / SEEN) or {}
        new = {one.uid: format_at(one.started) for one in pods if one.started and one.uid not in seen}
        if new:
            durable.write_json(directory.path / SEEN, {**seen, **new})

    def _live(self, pods: Iterable[Pod]) -> list[Pod]:
        return [one for one in pods if not (one.is_over or self._is_lost(one))]

    def _is_lost(self, one: Pod) -> bool:
        """Whether it should long have ended, and nobody will say that it has: its node is not heard of, or
        it was forced away."""
        if one.due is None or datetime.now(UTC) < one.due + timedelta(seconds=self.settings.lost_s):
            return False
        if one.left_its_node or not one.node:
            return True
        found = self.server.read(f"{inventory.NODES}/{one.node}")
        return found is None or not inventory.node(found).is_ready

    def _why_none(self, found: Mapping[str, Any]) -> str:
        """Why a Job has no pod: it is held back, or the namespace's quota has no place for one."""
        spec, meta = found.get("spec") or {}, found.get("metadata") or {}
        if spec.get("suspend"):
            return f"It waits in the queue {self.settings.queue or '–'}."
        query = {"fieldSelector": f"involvedObject.uid={meta.get('uid', '')},reason=FailedCreate"}
        try:
            rows = self.server.items(f"/api/v1/namespaces/{meta.get('namespace')}/events", query)
        except Unavailable:
            return ""
        return str(rows[-1].get("message", ""))[:300] if rows else ""

    def _without_pods(
        self, directory: RunDirectory, known: str, found: Mapping[str, Any] | None
    ) -> Seen | None:
        """A Job that has no pod yet; or is gone or finished, which is an end where nothing has begun."""
        if found is not None and not is_finished(found):
            return Seen(known, RunState.SUBMITTED, _created(found), self._why_none(found))
        if found is not None and "deletionTimestamp" in (found.get("metadata") or {}):
            return Seen(known, RunState.SUBMITTED, _now(), "It is being deleted.")
        if jobscript.begun(directory) or not (found or directory.cancel_requested()):
            return None
        return Seen(known, RunState.SUBMITTED, _now(), over=True)

    def _last_word(self, directory: RunDirectory, job: str) -> dict[str, object] | None:
        """All pods as they ended; None as long as one may still begin or be under way."""
        found = self._job(job)
        pods = self._pods(directory, job)
        live = self._live(pods)
        if live and not _is_in_vain(pods, live):
            return None
        if live or not is_finished(found):
            now_s = time.monotonic()
            if now_s - self._over_s.setdefault(job, now_s) > self.settings.settled_s:
                self.end(directory, job)
            return None
        self._keep_log(directory, pods)
        said = [row.get("message", "") for row in conditions(found or {}) if row.get("status") == "True"]
        return {"job": job, "said": " ".join(map(str, said))[:300], "pods": [_whole(one) for one in pods]}

    def _keep_log(self, directory: RunDirectory, pods: list[Pod]) -> None:
        """A container that never came to our script may have said why; a pod that is gone says it no more."""
        if not pods or rundir.read_log(directory, 0, 1):
            return
        last = max(pods, key=lambda one: (one.created or datetime.min.replace(tzinfo=UTC), one.name))
        path = f"/api/v1/namespaces/{last.namespace}/pods/{last.name}/log"
        try:
            said = self.server.text(path, {"limitBytes": str(_SAID_BYTES)})
        except Unavailable:
            return
        if said:
            durable.write(directory.log, said[:_SAID_BYTES])

    def _let_go(self, directory: RunDirectory, job: str) -> None:
        """Takes our finalizer off the pods that have it; each as it was just read, or not at all."""
        for one in self._pods(directory, job):
            if manifest.FINALIZER in one.finalizers:
                left = [name for name in one.finalizers if name != manifest.FINALIZER]
                meta = {"resourceVersion": one.version, "finalizers": left or None}
                self.server.change(f"/api/v1/namespaces/{one.namespace}/pods/{one.name}", {"metadata": meta})

    def _told(self, directory: RunDirectory, record: Mapping[str, Any]) -> Account:
        seen = starts(directory)
        pods = [books.pod(row, seen=seen) for row in record["pods"]]
        cancelled, limit_s = directory.cancel_requested(), int(directory.spec()["time_limit_s"])
        counted = books.that_count(
            pods, begun_twice=jobscript.begun_twice(directory), taken_by=jobscript.taken_by(directory)
        )
        if not counted:
            state = RunState.CANCELLED if cancelled or not pods else RunState.KILLED
            why = " ".join(one.waits_for or one.message for one in pods)
            reason = f"{NEVER_BEGAN} {why or record['said']}".strip()
            return Account(state, None, None, reason, (), 0, 0, 0, EVIDENCE)
        last = counted[-1]
        end = books.end(last, time_limit_s=limit_s, cancel_requested=cancelled)
        found = (books.attempt(one, self.settings.resources) for one in counted)
        return Account(
            state=end.state,
            exit_status=end.exit_status,
            signal=end.signal,
            reason=end.reason,
            attempts=tuple(one for one in found if one is not None),
            cores=books.cores(last),
            cpu_ms=0,
            peak_memory_bytes=0,
            evidence=EVIDENCE,
        )


def _prepare(directory: RunDirectory, settings: Settings) -> None:
    """Makes the run's own places the user's that the container runs as. The folder itself stays ours."""
    directory.log.touch(mode=0o600)
    if settings.user == os.geteuid():
        return
    for path in (directory.path.parent, directory.path):
        path.chmod(0o711)
    (directory.path / "job.sh").chmod(0o755)
    for place in manifest.OWN:
        os.chown(directory.path / place, settings.user, settings.group, follow_symlinks=False)
    directory.give_inputs(settings.user, settings.group)


def _is_in_vain(pods: Iterable[Pod], live: list[Pod]) -> bool:
    """Whether what is still to begin only takes the place of a pod that had begun."""
    return not any(one.began for one in live) and any(one.began for one in pods)


def _under_way(known: str, live: list[Pod]) -> Seen:
    began = [one.started for one in live if one.started]
    if began:
        return Seen(known, RunState.RUNNING, _text(min(began)))
    return Seen(known, RunState.SUBMITTED, _text(live[0].created), live[0].waits_for)


def _path(known: str) -> str:
    namespace, _, name = known.partition("/")
    return f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}"


def _known(directory: RunDirectory) -> str:
    """The Job that was asked for, if the agent came so far."""
    job = durable.read_json(directory.path / ASKED)
    if job is None:
        return ""
    meta: Mapping[str, Any] = job["metadata"]  # type: ignore[assignment]
    return f"{meta['namespace']}/{meta['name']}"


def _is_ours(found: Mapping[str, Any] | None, meta: Mapping[str, Any]) -> bool:
    """Whether a Job is the one that was asked for, and not another of its name."""
    said = (found or {}).get("metadata") or {}
    annotations = said.get("annotations") or {}
    return bool(annotations.get(manifest.SPECIFICATION) == meta["annotations"][manifest.SPECIFICATION])


def _created(found: Mapping[str, Any]) -> str:
    return _text(books.parsed((found.get("metadata") or {}).get("creationTimestamp")))


def _whole(one: Pod) -> dict[str, Any]:
    """A pod for the record, without the list of who wrote which of its fields."""
    meta = {name: value for name, value in one.document["metadata"].items() if name != "managedFields"}
    return {**one.document, "metadata": meta}


def _text(at: datetime | None) -> str:
    return format_at(at or datetime.now(UTC))


def _now() -> str:
    return _text(None)
