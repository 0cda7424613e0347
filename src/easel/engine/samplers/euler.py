"""Euler's method on the probability-flow ODE (Karras et al., arXiv:2206.00364, algorithm 1 without its second half)."""

from itertools import pairwise

from easel.domain.sampling import Spacing
from easel.engine.samplers.schedule import CLEAN, Node, NoiseSchedule
from easel.engine.samplers.spacing import within
from easel.engine.samplers.table import Plan, first_order, mix_of


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' EulerDiscreteScheduler, its first noise included."""
    nodes = within(schedule, steps, spacing)[skip:]
    return Plan(
        noise=initial_noise(schedule, nodes[0]),
        begins=mix_of(nodes[0]),
        taken=len(nodes),
        steps=tuple(first_order(schedule.prediction, at, to) for at, to in pairwise([*nodes, CLEAN])),
    )


def initial_noise(schedule: NoiseSchedule, start: Node) -> float:
    """How strong the first noise is: what the start node holds, or all of it when steps lead and so start too low."""
    return 1.0 if schedule.timestep_spacing == "leading" else start.sigma
