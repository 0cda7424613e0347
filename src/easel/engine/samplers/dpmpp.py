"""DPM-Solver++ of second order: 2M, its SDE and the singlestep 2S (Lu et al., arXiv:2211.01095), midpoint forms."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from easel.domain.sampling import Spacing
from easel.engine.samplers.schedule import CLEAN, Node, NoiseSchedule, Prediction
from easel.engine.samplers.spacing import before_end
from easel.engine.samplers.table import Plan, Step, ancestral, first_order, mix_of

Rule = Callable[[Prediction, Node, Node], Step]


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' DPMSolverMultistepScheduler of order 2 (algorithm 2 of the paper)."""
    return _multistep(schedule, steps, spacing, skip, first_order)


def plan_sde(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As the same with algorithm_type `sde-dpmsolver++`."""
    return _multistep(schedule, steps, spacing, skip, ancestral)


def _multistep(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int, rule: Rule) -> Plan:
    """`rule` with the slope between the last two predictions carried on half a step, first and last step excepted."""
    nodes = [*before_end(schedule, steps, spacing)[skip:], CLEAN]
    planned: list[Step] = []
    for index, (at, to) in enumerate(pairwise(nodes)):
        step = rule(schedule.prediction, at, to)
        if 0 < index < len(nodes) - 2:
            carried = 0.5 * step.predictions[0] * _stretch(nodes[index - 1], at, to)
            step = replace(step, predictions=(step.predictions[0] + carried, -carried))
        planned.append(step)
    return Plan(noise=1.0, begins=mix_of(nodes[0]), taken=len(planned), steps=tuple(planned))


def _stretch(before: Node, at: Node, to: Node) -> float:
    """How long the step is, in log SNR, against the one before it; 0 when that one went nowhere."""
    last = at.log_snr - before.log_snr
    return (to.log_snr - at.log_snr) / last if last else 0.0


def plan_2s(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' DPMSolverSinglestepScheduler of order 2, whose steps are always spaced `linspace`.

    Calls go in pairs: one step of order 1, then from where that began one of order 2 over both. The last is of order 1,
    and so is the first, wherever a run begins.
    """
    nodes = [*before_end(schedule, steps, spacing, way="linspace")[skip:], CLEAN]
    planned: list[Step] = []
    for index, (at, to) in enumerate(pairwise(nodes)):
        if index == 0 or (skip + index) % 2 == 0 or index == len(nodes) - 2:
            planned.append(first_order(schedule.prediction, at, to, keeps=True))
        else:
            planned.append(_over_both(schedule.prediction, nodes[index - 1], at, to))
    return Plan(noise=1.0, begins=mix_of(nodes[0]), taken=len(planned), steps=tuple(planned))


def _over_both(prediction: Prediction, start: Node, middle: Node, end: Node) -> Step:
    whole = first_order(prediction, start, end)
    slope = 0.5 * whole.predictions[0] * (1 + _stretch(start, middle, end))
    return replace(
        first_order(prediction, middle, end),
        keep=0.0,
        kept=whole.keep,
        predictions=(slope, whole.predictions[0] - slope),
    )
