"""What a row must have recomputed although it does not say so, told by memory."""

from __future__ import annotations

from dataclasses import replace

from hesuan.planner.backtest.dims import Notes
from hesuan.planner.cost import Plans, evaluate
from hesuan.planner.inputs import Plan, Recompute, Workload


def least_recompute(workload: Workload, plan: Plan, notes: Notes) -> Plan:
    """The plan with the least recomputation under which a published run can have fitted.

    A published run did run. Nothing recomputed if that fits. Else, with flash attention, single modules: that
    is what such stacks do (norms, activations, up-projections), its cost is nearer to *selective* than to a
    whole further forward, and rows that leave it out are missed least so. Without flash attention the step
    beyond *selective* is *full*.
    """
    steps = [step for step in LADDER if workload.training.flash_attention is False or step != Recompute.FULL]
    tried = [replace(plan, recompute=step) for step in steps[steps.index(plan.recompute) :]]
    feasible = evaluate(workload, Plans.of(tried)).feasible
    found = next((one for one, fits in zip(tried, feasible, strict=True) if fits), None)
    if found is None:
        found = tried[-1]
        notes.assumed.append(f"recomputation not given and memory says some, {found.recompute}")
    else:
        notes.assumed.append(f"recomputation not given, {found.recompute} as the least that fits")
    return found


def shared_inputs(workload: Workload, plan: Plan, notes: Notes) -> Plan:
    """The plan with sequence parallelism if, and only if, the published run cannot have fitted without.

    It is an option that has to be switched on. For sources whose launch scripts do not name it.
    """
    alone = replace(plan, sequence_parallel=False)
    fits = evaluate(workload, Plans.of([alone, replace(plan, sequence_parallel=True)])).feasible
    on = bool(fits[1]) and not bool(fits[0])
    notes.assumed.append(f"sequence parallelism not given, {'on: it fits only so' if on else 'off'}")
    return replace(plan, sequence_parallel=on)


LADDER = (Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)
"""From the fastest to the smallest."""
