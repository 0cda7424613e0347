"""DDIM, eta 0 (Song et al., arXiv:2010.02502)."""

import numpy as np

from easel.domain.sampling import Spacing
from easel.engine.samplers import euler
from easel.engine.samplers.schedule import CLEAN, Node, NoiseSchedule, node_at_alpha_bar
from easel.engine.samplers.spacing import timesteps
from easel.engine.samplers.table import Plan, first_order, mix_of


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' DDIMScheduler, on steps of the training schedule.

    It has those alone: asked for others, the steps stand where Euler's would, whose rule is the same.
    """
    if spacing is not Spacing.MODEL:
        return euler.plan(schedule, steps, spacing, skip)
    way = schedule.timestep_spacing or "leading"
    starts = np.round(timesteps(schedule.length, steps, way, schedule.steps_offset))[skip:]
    stride = schedule.length // steps
    return Plan(
        noise=1.0,
        begins=mix_of(_node(schedule, int(starts[0]))),
        taken=len(starts),
        steps=tuple(
            first_order(schedule.prediction, _node(schedule, int(start)), _node(schedule, int(start) - stride))
            for start in starts
        ),
    )


def _node(schedule: NoiseSchedule, timestep: int) -> Node:
    if timestep < 0:
        return CLEAN if schedule.ends_clean in (True, None) else node_at_alpha_bar(0, float(schedule.alpha_bars[0]))
    return node_at_alpha_bar(timestep, float(schedule.alpha_bars[timestep]))
