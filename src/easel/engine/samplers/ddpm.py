"""DDPM (Ho et al., arXiv:2006.11239) on a part of the training steps."""

from itertools import pairwise

import numpy as np

from easel.domain.sampling import Spacing
from easel.engine.samplers import euler_ancestral
from easel.engine.samplers.schedule import CLEAN, NoiseSchedule, node_at_alpha_bar
from easel.engine.samplers.spacing import timesteps
from easel.engine.samplers.table import Plan, ancestral, mix_of


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' DDPMScheduler with `fixed_small` variance, on steps of the training schedule.

    It has those alone: asked for others, the steps stand where Euler ancestral's would, whose rule is the same.
    """
    if spacing is not Spacing.MODEL:
        return euler_ancestral.plan(schedule, steps, spacing, skip)
    way = schedule.timestep_spacing or "leading"
    starts = np.round(timesteps(schedule.length, steps, way, schedule.steps_offset))[skip:]
    nodes = [node_at_alpha_bar(int(start), float(schedule.alpha_bars[int(start)])) for start in starts]
    return Plan(
        noise=1.0,
        begins=mix_of(nodes[0]),
        taken=len(nodes),
        steps=tuple(ancestral(schedule.prediction, at, to) for at, to in pairwise([*nodes, CLEAN])),
    )
