"""Sampling a latent consistency model (Luo et al., arXiv:2310.04378)."""

from itertools import pairwise

from easel.domain.sampling import Spacing
from easel.engine.samplers.schedule import CLEAN, NoiseSchedule, node_at_alpha_bar
from easel.engine.samplers.table import Plan, Step, mix_of, x0_from

TEACHER_STEPS = 50
"""Into how many steps the training schedule was cut when such a model was distilled."""

SIGMA_DATA = 0.5
TIMESTEP_SCALING = 10.0


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' LCMScheduler: to x0 at each step, and back to noise for the next. Its steps are the teacher's."""
    if steps > TEACHER_STEPS:
        raise ValueError(f"steps must be 1 to {TEACHER_STEPS} for the LCM sampler, not {steps}")
    stride = schedule.length // TEACHER_STEPS
    starts = [(TEACHER_STEPS - index * TEACHER_STEPS // steps) * stride - 1 for index in range(skip, steps)]
    nodes = [node_at_alpha_bar(start, float(schedule.alpha_bars[start])) for start in starts]
    planned: list[Step] = []
    for at, to in pairwise([*nodes, CLEAN]):
        scaled = at.timestep * TIMESTEP_SCALING
        passed = SIGMA_DATA**2 / (scaled**2 + SIGMA_DATA**2)
        planned.append(
            Step(
                timestep=at.timestep,
                prediction=x0_from(schedule.prediction, at),
                keep=to.alpha * passed,
                predictions=(to.alpha * scaled / (scaled**2 + SIGMA_DATA**2) ** 0.5,),
                noise=to.sigma,
                clean=x0_from(schedule.prediction, at),
                lands=mix_of(to),
            )
        )
    unused = f"The LCM sampler has steps of its own; {spacing} spacing was not used."
    return Plan(
        noise=1.0,
        begins=mix_of(nodes[0]),
        taken=len(planned),
        steps=tuple(planned),
        notes=() if spacing is Spacing.MODEL else (unused,),
    )
