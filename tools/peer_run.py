"""Runs calculon on many jobs, from a folder that the caller names. Run as a child process.

``python -m tools.peer_run FOLDER`` reads a JSON list of jobs from standard input, each with ``id``,
``model``, ``system`` and ``execution`` as calculon's own files have them, and prints one JSON object: by id
either ``{"step_s": seconds}`` or ``{"refused": reason}``. The folder is a checkout of calculon-ai/calculon
(Apache-2.0) made by whoever asks; nothing of it is part of this repository.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from tools.bench_peer import without_extras


def main(arguments: list[str]) -> int:
    """Answers the jobs of standard input."""
    sys.path.insert(0, arguments[0])
    without_extras()
    from calculon.llm import Llm  # type: ignore[import-not-found]
    from calculon.system import System  # type: ignore[import-not-found]

    print(json.dumps({job["id"]: _answer(Llm, System, job) for job in json.load(sys.stdin)}))
    return 0


def _answer(llm: Any, system_of: Any, job: dict[str, Any]) -> dict[str, Any]:
    """What ``calculon llm`` does, short of writing files; a refusal keeps the tool's own words."""
    try:
        one = llm(llm.Application(job["model"]), logging.Logger("peer", logging.CRITICAL))
        system = system_of(job["system"])
        one.compile(system, llm.Execution.from_json(job["execution"]))
        one.run(system)
    except (llm.Error, AssertionError, ZeroDivisionError) as error:
        return {"refused": " ".join(str(error).split()) or type(error).__name__}
    return {"step_s": one.get_stats_json(False)["total_time"]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
