"""PNDM without Runge-Kutta steps, "PLMS" (Liu et al., arXiv:2202.09778), Stable Diffusion 1's first sampler."""

import numpy as np

from easel.domain.sampling import Spacing
from easel.engine.samplers.multistep import ADAMS_BASHFORTH, plan_ipndm
from easel.engine.samplers.schedule import CLEAN, SMALLEST_ALPHA_BAR, Node, NoiseSchedule, node_at_alpha_bar
from easel.engine.samplers.spacing import ends_in_noise, timesteps
from easel.engine.samplers.table import FromNetwork, Plan, Step, mix_of, noise_from, x0_from


def plan(schedule: NoiseSchedule, steps: int, spacing: Spacing, skip: int = 0) -> Plan:
    """As diffusers' PNDMScheduler with `skip_prk_steps`, on steps of the training schedule.

    It has those alone, and cannot begin in all noise: otherwise the steps are iPNDM's, which is the same rule warmed up
    in another way. The second step is called twice: the first is taken again with the mean of both answers.
    """
    if spacing is not Spacing.MODEL or ends_in_noise(schedule):
        return plan_ipndm(schedule, steps, spacing, skip)
    way = schedule.timestep_spacing or "leading"
    starts = [int(start) for start in np.round(timesteps(schedule.length, steps, way, schedule.steps_offset))][skip:]
    stride = schedule.length // steps
    first, rest = starts[0], starts[1:]
    planned = [_step(schedule, first, first - stride, (1.0,), keeps=True)]
    if rest:
        planned.append(_step(schedule, rest[0] + stride, rest[0], (0.5, 0.5), again=True))
        planned.extend(_step(schedule, start, start - stride, _weights(index)) for index, start in enumerate(rest))
    return Plan(noise=1.0, begins=mix_of(_node(schedule, first)), taken=len(starts), steps=tuple(planned))


def _weights(index: int) -> tuple[float, ...]:
    """Of the answers, newest first, for rest[index]. The second call's answer, made again since, is left out."""
    order = min(index + 1, 3)
    weights = list(ADAMS_BASHFORTH[order])
    again = index + 1
    if again < len(weights):
        weights.insert(again, 0.0)
    return tuple(weights)


def _step(
    schedule: NoiseSchedule,
    start: int,
    end: int,
    weights: tuple[float, ...],
    *,
    keeps: bool = False,
    again: bool = False,
) -> Step:
    """x'/alpha' = x/alpha + (s' - s) eps, eps made of the weighted answers and of x. `again`: x is what was kept."""
    at, to = _node(schedule, start), _node(schedule, end)
    stretch = to.alpha * (to.level - at.level)
    noise = noise_from(schedule.prediction, at)
    keep = to.alpha / at.alpha + stretch * noise.x
    return Step(
        timestep=end if again else start,
        prediction=FromNetwork(0.0, 1.0),
        keep=0.0 if again else keep,
        kept=keep if again else 0.0,
        predictions=tuple(stretch * noise.out * weight for weight in weights),
        keeps=keeps,
        clean=x0_from(schedule.prediction, to if again else at),
        lands=mix_of(to),
    )


def _node(schedule: NoiseSchedule, timestep: int) -> Node:
    if timestep < 0 and schedule.ends_clean:
        return CLEAN
    alpha_bar = float(schedule.alpha_bars[min(max(timestep, 0), schedule.length - 1)])
    return node_at_alpha_bar(timestep, max(alpha_bar, SMALLEST_ALPHA_BAR))
