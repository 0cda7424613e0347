"""Solvers that remember predictions of the noise: LMS, DEIS, PNDM and iPNDM."""

from itertools import pairwise
from math import log

from numpy.polynomial import Polynomial

from easel.domain.sampling import Spacing
from easel.engine.samplers.euler import initial_noise
from easel.engine.samplers.schedule import CLEAN, Node, NoiseSchedule, Prediction, node_at_level
from easel.engine.samplers.spacing import before_end, within
from easel.engine.samplers.table import Plan, Step, mix_of, noise_from, x0_from

ADAMS_BASHFORTH = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))


def plan_lms(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' LMSDiscreteScheduler: the slopes of the last four levels, interpolated in s and integrated."""
    nodes = within(schedule, steps, spacing, bounded=True)[skip:]
    planned = []
    for index, (at, to) in enumerate(pairwise([*nodes, CLEAN])):
        known = [node.level for node in reversed(nodes[max(0, index - 3) : index + 1])]
        weights = [integral(known, which, at.level, to.level) for which in range(len(known))]
        planned.append(along(schedule.prediction, at, to, weights))
    noise = initial_noise(schedule, nodes[0])
    return Plan(noise=noise, begins=mix_of(nodes[0]), taken=len(planned), steps=tuple(planned))


def integral(known: list[float], which: int, start: float, end: float) -> float:
    """Of the Lagrange polynomial that is 1 at known[which] and 0 at the others, from `start` to `end`."""
    others = [level for index, level in enumerate(known) if index != which]
    basis = Polynomial.fromroots(others) if others else Polynomial([1.0])
    whole = basis.integ()
    return float((whole(end) - whole(start)) / basis(known[which]))


def plan_deis(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' DEISMultistepScheduler of order 2 (Zhang and Chen, arXiv:2204.13902, log-rho).

    It ends at the noise of the first training step, not at none. Under 15 steps the last is of order 1.
    """
    nodes = before_end(schedule, steps, spacing, bounded=True)
    lowest = min(float(schedule.levels()[0]), nodes[-1].level)
    nodes = [*nodes[skip:], node_at_level(0, lowest)]
    planned = []
    for index, (at, to) in enumerate(pairwise(nodes)):
        if index == 0 or (index == len(nodes) - 2 and steps < 15):
            weights = [to.level - at.level]
        else:
            weights = log_weights(nodes[index - 1].level, at.level, to.level)
        planned.append(along(schedule.prediction, at, to, weights))
    return Plan(noise=1.0, begins=mix_of(nodes[0]), taken=len(planned), steps=tuple(planned))


def log_weights(before: float, at: float, to: float) -> list[float]:
    """Of the slopes at the levels `at` and `before`, interpolated in log s and integrated over s from `at` to `to`."""

    def whole(level: float, one: float, zero: float) -> float:
        return level * (log(level) - log(zero) - 1) / (log(one) - log(zero))

    return [
        whole(to, at, before) - whole(at, at, before),
        whole(to, before, at) - whole(at, before, at),
    ]


def plan_ipndm(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """Adams-Bashforth of order 4, warmed up by lower orders (Zhang and Chen, arXiv:2204.13902, "iPNDM").

    diffusers' IPNDMScheduler has a noise schedule of its own, for networks of another kind: the rule is the same on
    the checkpoint's schedule, at DPM-Solver's nodes.
    """
    nodes = [*before_end(schedule, steps, spacing, bounded=True)[skip:], CLEAN]
    planned = adams_bashforth(schedule.prediction, nodes)
    return Plan(noise=1.0, begins=mix_of(nodes[0]), taken=len(planned), steps=planned)


def adams_bashforth(prediction: Prediction, nodes: list[Node]) -> tuple[Step, ...]:
    """Through `nodes`, with weights for even steps, as both PNDM papers use them on uneven ones."""
    return tuple(
        along(prediction, at, to, [(to.level - at.level) * weight for weight in ADAMS_BASHFORTH[min(index, 3)]])
        for index, (at, to) in enumerate(pairwise(nodes))
    )


def along(prediction: Prediction, at: Node, to: Node, weights: list[float]) -> Step:
    """x'/alpha' = x/alpha + the weighted predictions of the noise."""
    return Step(
        timestep=at.timestep,
        prediction=noise_from(prediction, at),
        keep=to.alpha / at.alpha,
        predictions=tuple(to.alpha * weight for weight in weights),
        clean=x0_from(prediction, at),
        lands=mix_of(to),
    )
