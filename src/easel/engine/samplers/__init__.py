"""Samplers as tables of coefficients: `plan` turns a sampler's name and a noise schedule into the numbers of a run."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from easel.domain.sampling import Sampler, Spacing, steps_taken
from easel.engine.samplers import ddim, ddpm, dpmpp, euler, euler_ancestral, heun, kdpm2, lcm, multistep, pndm, unipc
from easel.engine.samplers.schedule import CLEAN, NoiseSchedule
from easel.engine.samplers.table import Plan, Step, mix_of

__all__ = ["SAMPLERS", "NoiseSchedule", "Plan", "Step", "plan"]

SAMPLERS: Final[Mapping[Sampler, Callable[[NoiseSchedule, int, Spacing, int], Plan]]] = {
    Sampler.DDIM: ddim.plan,
    Sampler.EULER: euler.plan,
    Sampler.DPMPP_2M: dpmpp.plan,
    Sampler.EULER_ANCESTRAL: euler_ancestral.plan,
    Sampler.HEUN: heun.plan,
    Sampler.KDPM2: kdpm2.plan,
    Sampler.KDPM2_ANCESTRAL: kdpm2.plan_ancestral,
    Sampler.UNIPC: unipc.plan,
    Sampler.DEIS: multistep.plan_deis,
    Sampler.LMS: multistep.plan_lms,
    Sampler.DDPM: ddpm.plan,
    Sampler.DPMPP_2M_SDE: dpmpp.plan_sde,
    Sampler.DPMPP_2S: dpmpp.plan_2s,
    Sampler.LCM: lcm.plan,
    Sampler.PNDM: pndm.plan,
    Sampler.IPNDM: multistep.plan_ipndm,
}


def plan(schedule: NoiseSchedule, sampler: Sampler, spacing: Spacing, steps: int, strength: float = 1.0) -> Plan:
    """The run of `steps` steps, or its last part: `strength` is the share that a run from a picture takes of it.

    Raises ValueError, with a sentence, for more steps than the schedule has room for.
    """
    if not 1 <= steps < schedule.length:
        raise ValueError(f"steps must be 1 to {schedule.length - 1} for this model, not {steps}")
    taken = steps_taken(steps, strength)
    planned = _ending_clean(SAMPLERS[sampler](schedule, steps, spacing, steps - taken))
    if steps * strength < 0.999:
        least = f"A strength of {strength:g} leaves less than one of {steps} steps; one was taken, the least there is."
        return replace(planned, notes=(*planned.notes, least))
    return planned


def _ending_clean(planned: Plan) -> Plan:
    """Some samplers end at the noise of the first training step, and what they leave is decoded as if it were none."""
    *before, last = planned.steps
    return replace(planned, steps=(*before, replace(last, lands=mix_of(CLEAN))))
