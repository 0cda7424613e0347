"""Heun's method on the probability-flow ODE (Karras et al., arXiv:2206.00364, algorithm 1 without churn)."""

from itertools import chain, pairwise

from easel.domain.sampling import Spacing
from easel.engine.samplers.euler import initial_noise
from easel.engine.samplers.schedule import CLEAN, Node, NoiseSchedule, Prediction
from easel.engine.samplers.spacing import within
from easel.engine.samplers.table import Plan, Step, first_order, mix_of, x0_from


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' HeunDiscreteScheduler: two calls a step, the last step excepted, which Euler takes."""
    nodes = within(schedule, steps, spacing, bounded=True)[skip:]
    pairs = (two_calls(schedule.prediction, at, to) for at, to in pairwise(nodes))
    return Plan(
        noise=initial_noise(schedule, nodes[0]),
        begins=mix_of(nodes[0]),
        taken=len(nodes),
        steps=(*chain.from_iterable(pairs), first_order(schedule.prediction, nodes[-1], CLEAN)),
    )


def two_calls(prediction: Prediction, at: Node, to: Node) -> tuple[Step, Step]:
    """Euler's step, then the step again with the mean of the slopes at both ends."""
    half = (to.level - at.level) / 2
    again = Step(
        timestep=to.timestep,
        prediction=x0_from(prediction, to),
        keep=half / to.level,
        kept=to.alpha * (at.level + to.level) / 2 / at.sigma,
        predictions=(-to.alpha * half / to.level, -to.alpha * half / at.level),
        clean=x0_from(prediction, to),
        lands=mix_of(to),
    )
    return first_order(prediction, at, to, keeps=True), again
