"""DPM-Solver++ 2M, the multistep solver of second order (Lu et al., arXiv:2211.01095, algorithm 2), midpoint form."""

from itertools import pairwise
from math import expm1

from easel.domain.sampling import Spacing
from easel.engine.samplers.schedule import CLEAN, Node, NoiseSchedule, Prediction
from easel.engine.samplers.spacing import before_end
from easel.engine.samplers.table import Plan, Step, first_order, x0_from


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing) -> Plan:
    """As diffusers' DPMSolverMultistepScheduler of order 2, whose first step and step to zero noise are of order 1."""
    nodes = before_end(schedule, steps, spacing)
    first = first_order(schedule.prediction, nodes[0], nodes[1] if steps > 1 else CLEAN)
    middle = [
        second_order(schedule.prediction, before, at, to)
        for (before, at), to in zip(pairwise(nodes), nodes[2:], strict=False)
    ]
    last = [first_order(schedule.prediction, nodes[-1], CLEAN)] if steps > 1 else []
    return Plan(noise=1.0, steps=(first, *middle, *last))


def second_order(prediction: Prediction, before: Node, at: Node, to: Node) -> Step:
    """From `at` to `to`, with the slope between the predictions at `before` and `at` carried on half a step."""
    h, h_before = to.log_snr - at.log_snr, at.log_snr - before.log_snr
    if h_before == 0:
        return first_order(prediction, at, to)
    weight = -to.alpha * expm1(-h)
    carried = 0.5 * weight * h / h_before
    return Step(
        timestep=at.timestep,
        prediction=x0_from(prediction, at),
        keep=to.sigma / at.sigma,
        predictions=(weight + carried, -carried),
    )
