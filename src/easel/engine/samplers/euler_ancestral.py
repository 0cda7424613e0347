"""Euler's method with fresh noise at every step (k-diffusion's euler_ancestral)."""

from itertools import pairwise

from easel.domain.sampling import Spacing
from easel.engine.samplers.euler import initial_noise
from easel.engine.samplers.schedule import CLEAN, NoiseSchedule
from easel.engine.samplers.spacing import within
from easel.engine.samplers.table import Plan, ancestral, mix_of


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' EulerAncestralDiscreteScheduler."""
    nodes = within(schedule, steps, spacing)[skip:]
    return Plan(
        noise=initial_noise(schedule, nodes[0]),
        begins=mix_of(nodes[0]),
        taken=len(nodes),
        steps=tuple(ancestral(schedule.prediction, at, to) for at, to in pairwise([*nodes, CLEAN])),
    )
