"""UniPC of second order, B(h) = expm1(-h) (Zhao et al., arXiv:2302.04867, "bh2", data prediction)."""

from itertools import pairwise
from math import expm1

import numpy as np

from easel.domain.sampling import Spacing
from easel.engine.samplers.schedule import CLEAN, Node, NoiseSchedule
from easel.engine.samplers.spacing import before_end
from easel.engine.samplers.table import Plan, Step, mix_of, x0_from

Weights = tuple[float, float, float]
"""Of the predictions at a step's start and at the two nodes before; for a corrector, the one at its end comes first."""


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' UniPCMultistepScheduler of order 2, with order 1 for the first step and the last.

    A step from node i corrects how it came there and then predicts the next. With r the ratio of sigmas, P the weights
    by which x_i was predicted from the corrected latents c before it, and C those by which it is corrected:

        x_i = r c + P p     and     c_i = r c + C p     so     c_i = x_i + (C - P) p

    and nothing but x_i and the predictions need be remembered.
    """
    nodes = [*before_end(schedule, steps, spacing)[skip:], CLEAN]
    planned: list[Step] = []
    correction: Weights = (0.0, 0.0, 0.0)
    for index, (at, to) in enumerate(pairwise(nodes)):
        before = nodes[index - 1] if 0 < index < len(nodes) - 2 else None
        ratio = to.sigma / at.sigma
        predicted = predictor(before, at, to)
        planned.append(
            Step(
                timestep=at.timestep,
                prediction=x0_from(schedule.prediction, at),
                keep=ratio,
                predictions=tuple(ratio * c + p for c, p in zip(correction, predicted, strict=True)),
                clean=x0_from(schedule.prediction, at),
                lands=mix_of(to),
            )
        )
        if to is not CLEAN:
            corrected = corrector(before, at, to)
            # The predictor's weights begin one prediction later than the corrector's.
            correction = (corrected[0], corrected[1] - predicted[0], corrected[2] - predicted[1])
    return Plan(noise=1.0, begins=mix_of(nodes[0]), taken=len(planned), steps=tuple(planned))


def predictor(before: Node | None, at: Node, to: Node) -> Weights:
    """Weights of p(at), p(before) in the step to `to`; without `before`, of order 1."""
    whole = -to.alpha * expm1(at.log_snr - to.log_snr)
    if before is None:
        return (whole, 0.0, 0.0)
    carried = 0.5 * whole / _ratio(before, at, to)
    return (whole - carried, carried, 0.0)


def corrector(before: Node | None, at: Node, to: Node) -> Weights:
    """Weights of p(to), p(at), p(before) in the same step once p(to) is known."""
    h = to.log_snr - at.log_snr
    whole = -to.alpha * expm1(-h)
    if before is None:
        return (0.5 * whole, 0.5 * whole, 0.0)
    first = (expm1(-h) / -h - 1) / expm1(-h)
    second = 2 * ((expm1(-h) / -h - 1) / -h - 0.5) / expm1(-h)
    ratio = _ratio(before, at, to)
    past, ahead = np.linalg.solve([[1.0, 1.0], [ratio, 1.0]], [first, second])
    carried = whole * float(past) / ratio
    return (whole * float(ahead), whole * (1 - float(ahead)) - carried, carried)


def _ratio(before: Node, at: Node, to: Node) -> float:
    return (before.log_snr - at.log_snr) / (to.log_snr - at.log_snr)
