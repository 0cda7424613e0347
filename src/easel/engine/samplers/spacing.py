"""Where on the noise schedule the steps of a run stand.

diffusers knows two habits, and a sampler follows the one that its diffusers class has:

- `within`: n steps over the whole schedule, noise levels interpolated between training steps (Euler and its kin);
  Karras and other levels run between the first and the last of those.
- `before_end`: the first n of n + 1 steps, on whole training steps (the multistep solvers); Karras and other levels
  run over the whole schedule, and what the network is told is a whole training step.
"""

import math
from functools import cache

import numpy as np

from easel.domain.sampling import Spacing
from easel.engine.samplers.schedule import Floats, Node, NoiseSchedule, node_at_level

RHO = 7.0
"""Karras et al., arXiv:2206.00364, section 5: steps are shortened near the picture."""

HIGHEST_LEVEL = 80.0
"""Where Karras et al. begin. Nothing is seen through more noise, and a schedule that ends in all noise (zero terminal
SNR) has levels without bound: steps even in a level's power would all be spent there, and a solver that takes slopes in
levels would take one over thousands of them."""

BETA = 0.6
"""Both parameters of the distribution of "Beta Sampling is All You Need" (arXiv:2407.12173)."""


def timesteps(length: int, steps: int, way: str, offset: int) -> Floats:
    """`steps` training steps, falling, as table 2 of arXiv:2305.08891 names the three ways."""
    match way:
        case "linspace":
            return np.linspace(0, length - 1, steps)[::-1]
        case "leading":
            return np.arange(steps)[::-1] * float(length // steps) + offset
        case _:
            return np.round(length - np.arange(steps) * (length / steps)) - 1


def within(schedule: NoiseSchedule, steps: int, spacing: Spacing, *, bounded: bool = False) -> list[Node]:
    """`steps` points, falling in noise, as Euler places them. `bounded` keeps all of them to HIGHEST_LEVEL."""
    at = timesteps(schedule.length, steps, _way(schedule, spacing) or "linspace", schedule.steps_offset)
    levels = schedule.levels()
    if bounded:
        at = at * _visible(levels)
    chosen = np.interp(at, np.arange(schedule.length), levels)
    between = _between(schedule, spacing, float(chosen[-1]), float(chosen[0]), steps)
    if between is not None:
        chosen = between
        at = timestep_of(chosen, levels)
    return _nodes(at, chosen)


def before_end(
    schedule: NoiseSchedule, steps: int, spacing: Spacing, *, bounded: bool = False, way: str | None = None
) -> list[Node]:
    """`steps` points, falling in noise, as DPM-Solver++ places them: one more would stand at training step 0.

    `bounded` keeps all of them to HIGHEST_LEVEL; `way` is for a solver that does not follow the checkpoint's file.
    """
    levels = schedule.levels()
    between = _between(schedule, spacing, float(levels[0]), float(levels[-1]), steps)
    if between is not None:
        at = timestep_of(between, levels)
        return _nodes(np.round(at) if is_karras(schedule, spacing) else np.floor(at), between)
    way = way or _way(schedule, spacing) or "linspace"
    if way == "trailing":
        at = timesteps(schedule.length, steps, way, 0)
    else:
        at = np.round(timesteps(schedule.length, steps + 1, way, schedule.steps_offset))[:-1]
    if bounded:
        at = at * _visible(levels)
    return _nodes(at, np.interp(at, np.arange(schedule.length), levels))


def is_karras(schedule: NoiseSchedule, spacing: Spacing) -> bool:
    return spacing is Spacing.KARRAS or (spacing is Spacing.MODEL and schedule.karras)


def _way(schedule: NoiseSchedule, spacing: Spacing) -> str | None:
    """The spacing in training steps; None where it is the sampler's to say. SGM's uniform steps are trailing ones."""
    return "trailing" if spacing is Spacing.SGM_UNIFORM else schedule.timestep_spacing


def _between(schedule: NoiseSchedule, spacing: Spacing, lowest: float, highest: float, steps: int) -> Floats | None:
    """Noise levels from `highest`, or HIGHEST_LEVEL, down to `lowest`; None for a spacing in training steps."""
    highest = min(highest, HIGHEST_LEVEL)
    if is_karras(schedule, spacing):
        return karras(lowest, highest, steps)
    if spacing is Spacing.EXPONENTIAL:
        return np.exp(np.linspace(math.log(highest), math.log(lowest), steps))
    if spacing is Spacing.BETA:
        return lowest + beta_quantiles(1 - np.linspace(0, 1, steps)) * (highest - lowest)
    return None


def ends_in_noise(schedule: NoiseSchedule) -> bool:
    return float(schedule.levels()[-1]) > HIGHEST_LEVEL


def _visible(levels: Floats) -> float:
    """The share of the schedule that is not beyond HIGHEST_LEVEL: 1 for most."""
    return float(timestep_of(np.array([HIGHEST_LEVEL]), levels)[0]) / (len(levels) - 1)


def karras(lowest: float, highest: float, steps: int) -> Floats:
    """`steps` noise levels from `highest` down to `lowest`, even in level ** (1 / rho)."""
    ramp = np.linspace(0, 1, steps)
    return (highest ** (1 / RHO) + ramp * (lowest ** (1 / RHO) - highest ** (1 / RHO))) ** RHO


def beta_quantiles(shares: Floats) -> Floats:
    """Where the beta distribution (0.6, 0.6) has each of `shares` below it.

    With t = sin(angle)**2 the density 2 (sin cos)**(2 BETA - 1) has no pole, so a fine sum will do.
    """
    angles, below = _beta_sum()
    return np.sin(np.interp(shares, below, angles)) ** 2


@cache
def _beta_sum() -> tuple[Floats, Floats]:
    angles = np.linspace(0, math.pi / 2, 200_001)
    middles = (angles[1:] + angles[:-1]) / 2
    below = np.concatenate([[0.0], np.cumsum((np.sin(middles) * np.cos(middles)) ** (2 * BETA - 1))])
    return angles, below / below[-1]


def timestep_of(chosen: Floats, levels: Floats) -> Floats:
    """The training step, fractional, at which each noise level is met: linear in the level's logarithm."""
    return np.interp(np.log(chosen), np.log(levels), np.arange(len(levels)))


def _nodes(at: Floats, levels: Floats) -> list[Node]:
    return [node_at_level(float(timestep), float(level)) for timestep, level in zip(at, levels, strict=True)]
