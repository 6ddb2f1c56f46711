"""A file that a run reads: sent by its user, named by the order, and what its job says that it has read."""

from __future__ import annotations

import hashlib

from tests.agent.fakes import Rig
from tests.road import Road
from tests.sites import inventory_body

from hesuan.hub.files import services as files
from hesuan.hub.runs.models import Run, RunLog
from hesuan.hub.worker.loop import tick
from hesuan.wire.canonical import Json
from hesuan.wire.messages import FETCHES_INPUTS, TAKES

CONTENT = b"id,count\n" + b"7,1\n" * 1000
READS = (
    'id -un; sleep 1; cd "$HESUAN_INPUT" && sha256sum data/a.csv && wc -c < data/a.csv;'
    " echo x > data/a.csv || echo kept"
)
"""For a second at least: Slurm counts whole ones."""


def takes_files(rig: Rig) -> None:
    """The agent says that it fetches files."""
    body = inventory_body(scripts_allowed=True, software={TAKES: str(FETCHES_INPUTS)})
    rig.spool.put("inventory", body)
    rig.round()
    tick()


def sent(road: Road) -> list[Json]:
    """What a work order says of the file, which its user has sent."""
    sha256, whose = hashlib.sha256(CONTENT).hexdigest(), road.owner.organisation.id
    begun = files.begin(
        actor=road.owner.actor, organisation_id=whose, name="a", size_bytes=len(CONTENT), sha256=sha256
    )
    whole = files.append(actor=road.owner.actor, file_id=begun.id, offset=0, content=CONTENT)
    return [{"file": whole.id, "path": "data/a.csv"}]


def log_of(run: Run) -> str:
    """What has come back of what the job wrote."""
    return "".join(RunLog.objects.filter(run=run).values_list("text", flat=True))


def was_read(log: str) -> bool:
    """Whether it has the content's digest and size, by the job's own reading."""
    return hashlib.sha256(CONTENT).hexdigest() in log and str(len(CONTENT)) in log
