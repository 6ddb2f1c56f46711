"""Counts how many plans a second calculon times, from a folder that the caller names. Run as a child process.

``python -m tools.bench_peer FOLDER SECONDS`` prints one JSON object. The folder is a checkout of
calculon-ai/calculon (Apache-2.0) made by whoever runs the bench; nothing of it is part of this repository.
Its own nested loops are followed for GPT-3 175B on 1,024 of its H100 in the order of its search, spread
evenly, until the time is over.
"""

from __future__ import annotations

import itertools
import json
import logging
import sys
import time
import types
from pathlib import Path
from typing import Any

CARDS, BATCH, SPREAD = 1024, 1024, 101


def main(arguments: list[str]) -> int:
    """Times the peer and prints what came of it."""
    folder, seconds = Path(arguments[0]), float(arguments[1])
    sys.path.insert(0, str(folder))
    without_extras()
    from calculon.llm import Llm  # type: ignore[import-not-found]
    from calculon.system import System  # type: ignore[import-not-found]

    model = Llm.Application(_read(folder / "models" / "gpt3-175B.json"))
    system = System(_read(folder / "systems" / "h100_80g_nvl8.json"))
    print(json.dumps(_count(Llm, model, system, seconds)))
    return 0


def without_extras() -> None:
    """Stands in for two packages that only its command line needs and that may not be here."""
    for name in ("psutil", "pandas"):
        sys.modules.setdefault(name, types.ModuleType(name))
    if not hasattr(sys.modules["psutil"], "cpu_count"):
        sys.modules["psutil"].cpu_count = lambda logical=False: 1  # type: ignore[attr-defined]  # noqa: ARG005


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _count(llm: Any, model: Any, system: Any, seconds: float) -> dict[str, float]:
    plans = list(_plans(llm, model))
    tried = feasible = 0
    best = 0.0
    started = time.process_time()
    for at in range(len(plans)):
        plan = plans[(at * SPREAD) % len(plans)]
        tried += 1
        try:
            one = llm(model, logging.Logger("peer", logging.CRITICAL))
            one.compile(system, llm.Execution.from_json(plan))
            one.run(system)
            feasible += 1
            best = max(best, one.get_stats_json(False)["sample_rate"])
        except llm.Error:
            pass
        if time.process_time() - started > seconds:
            break
    took = time.process_time() - started
    return {
        "listed": len(plans),
        "tried": tried,
        "feasible": feasible,
        "seconds": took,
        "samples_per_s": best,
    }


def _plans(llm: Any, model: Any) -> Any:
    """Its search space without offload, one network assignment for each group."""
    for tp in llm.get_all_tensor_parallelisms(CARDS, model.hidden, model.attn_heads):
        for pp in llm.get_all_pipeline_parallelisms(CARDS, tp, model.num_blocks):
            dp = llm.get_data_parallelism(CARDS, tp, pp)
            if BATCH % dp:
                continue
            choices = itertools.product(
                llm.get_valid_pipeline_interleavings(model.num_blocks, pp),
                llm.get_valid_microbatch_sizes(model.seq_size, tp, dp, BATCH, pp),
                ("full", "attn_only", "none"),
                (True, False) if dp > 1 else (False,),
                (True, False) if dp > 1 else (False,),
                ("none", "ring", "pipe") if tp > 1 else ("none",),
            )
            for chunks, micro, recompute, sharded, dp_overlap, tp_overlap in choices:
                yield {
                    "num_procs": CARDS,
                    "tensor_par": tp,
                    "pipeline_par": pp,
                    "data_par": dp,
                    "tensor_par_net": 0 if tp <= 8 else 1,
                    "pipeline_par_net": 1,
                    "data_par_net": 1,
                    "batch_size": BATCH,
                    "microbatch_size": micro,
                    "datatype": "float16",
                    "fused_activation": True,
                    "attention_type": "multihead",
                    "activation_recompute": recompute,
                    "pipeline_interleaving": chunks,
                    "optimizer_sharding": sharded,
                    "tensor_par_comm_type": "rs_ag",
                    "tensor_par_overlap": tp_overlap,
                    "seq_par_ag_redo": False,
                    "data_par_overlap": dp_overlap,
                    "weight_offload": False,
                    "activations_offload": False,
                    "optimizer_offload": False,
                    "training": True,
                }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
