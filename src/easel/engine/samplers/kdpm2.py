"""DPM-Solver-2 as k-diffusion has it, plain and ancestral: the midpoint method in log s (arXiv:2206.00927)."""

from itertools import chain, pairwise
from math import sqrt

import numpy as np

from easel.domain.sampling import Spacing
from easel.engine.samplers.euler import initial_noise
from easel.engine.samplers.schedule import CLEAN, Node, NoiseSchedule, node_at_level
from easel.engine.samplers.spacing import is_karras, timestep_of, within
from easel.engine.samplers.table import Plan, Step, first_order, mix_of, x0_from


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' KDPM2DiscreteScheduler: two calls a step, the last step excepted, which Euler takes."""
    return _plan(schedule, steps, spacing, skip, ancestral=False)


def plan_ancestral(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' KDPM2AncestralDiscreteScheduler: each step ends too low by what its noise then adds."""
    return _plan(schedule, steps, spacing, skip, ancestral=True)


def _plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int, *, ancestral: bool) -> Plan:
    nodes = within(schedule, steps, spacing, bounded=True)[skip:]
    if is_karras(schedule, spacing):
        nodes = [Node(round(node.timestep), node.alpha, node.sigma) for node in nodes]
    pairs = (two_calls(schedule, at, to, ancestral=ancestral) for at, to in pairwise(nodes))
    return Plan(
        noise=initial_noise(schedule, nodes[0]),
        begins=mix_of(nodes[0]),
        taken=len(nodes),
        steps=(*chain.from_iterable(pairs), first_order(schedule.prediction, nodes[-1], CLEAN)),
    )


def two_calls(schedule: NoiseSchedule, at: Node, to: Node, *, ancestral: bool) -> tuple[Step, Step]:
    """To the middle in log s, then the whole step with the slope found there."""
    down = to.level**2 / at.level if ancestral else to.level
    middle_level = sqrt(at.level * down)
    middle = node_at_level(_timestep(schedule, middle_level), middle_level)
    slope = (down - at.level) / middle_level
    whole = Step(
        timestep=middle.timestep,
        prediction=x0_from(schedule.prediction, middle),
        keep=slope * to.alpha / middle.alpha,
        kept=to.alpha / at.alpha,
        predictions=(-to.alpha * slope,),
        noise=to.alpha * sqrt(max(0.0, to.level**2 - down**2)),
        clean=x0_from(schedule.prediction, middle),
        lands=mix_of(to),
    )
    return first_order(schedule.prediction, at, middle, keeps=True), whole


def _timestep(schedule: NoiseSchedule, level: float) -> float:
    return float(timestep_of(np.array([level]), schedule.levels())[0])
