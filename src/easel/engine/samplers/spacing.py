"""Where on the noise schedule the steps of a run stand.

diffusers knows two habits, and a sampler follows the one that its diffusers class has:

- `within`: n steps over the whole schedule, noise levels interpolated between training steps (Euler and its kin);
  Karras levels run between the first and the last of those.
- `before_end`: the first n of n + 1 steps, on whole training steps (the multistep solvers); Karras levels run over the
  whole schedule, and what the network is told is rounded.
"""

import numpy as np

from easel.domain.sampling import Spacing
from easel.engine.samplers.schedule import Floats, Node, NoiseSchedule, node_at_level

RHO = 7.0
"""Karras et al., arXiv:2206.00364, section 5: steps are shortened near the picture."""


def timesteps(length: int, steps: int, spacing: str, offset: int) -> Floats:
    """`steps` training steps, falling, as table 2 of arXiv:2305.08891 names the three ways."""
    match spacing:
        case "linspace":
            return np.linspace(0, length - 1, steps)[::-1]
        case "leading":
            return np.arange(steps)[::-1] * float(length // steps) + offset
        case _:
            return np.round(length - np.arange(steps) * (length / steps)) - 1


def within(schedule: NoiseSchedule, steps: int, spacing: Spacing) -> list[Node]:
    """`steps` points, falling in noise, as Euler places them."""
    at = timesteps(schedule.length, steps, schedule.timestep_spacing or "linspace", schedule.steps_offset)
    levels = schedule.levels()
    chosen = np.interp(at, np.arange(schedule.length), levels)
    if _is_karras(schedule, spacing):
        chosen = karras(float(chosen[-1]), float(chosen[0]), steps)
        at = timestep_of(chosen, levels)
    return _nodes(at, chosen)


def before_end(schedule: NoiseSchedule, steps: int, spacing: Spacing) -> list[Node]:
    """`steps` points, falling in noise, as DPM-Solver++ places them: a last one would stand at training step 0."""
    levels = schedule.levels()
    if _is_karras(schedule, spacing):
        chosen = karras(float(levels[0]), float(levels[-1]), steps)
        return _nodes(np.round(timestep_of(chosen, levels)), chosen)
    way = schedule.timestep_spacing or "linspace"
    if way == "trailing":
        at = timesteps(schedule.length, steps, way, 0)
    else:
        at = np.round(timesteps(schedule.length, steps + 1, way, schedule.steps_offset))[:-1]
    return _nodes(at, np.interp(at, np.arange(schedule.length), levels))


def karras(lowest: float, highest: float, steps: int) -> Floats:
    """`steps` noise levels from `highest` down to `lowest`, even in level ** (1 / rho)."""
    ramp = np.linspace(0, 1, steps)
    return (highest ** (1 / RHO) + ramp * (lowest ** (1 / RHO) - highest ** (1 / RHO))) ** RHO


def timestep_of(chosen: Floats, levels: Floats) -> Floats:
    """The training step, fractional, at which each noise level is met: linear in the level's logarithm."""
    return np.interp(np.log(chosen), np.log(levels), np.arange(len(levels)))


def _is_karras(schedule: NoiseSchedule, spacing: Spacing) -> bool:
    return spacing is Spacing.KARRAS or schedule.karras


def _nodes(at: Floats, levels: Floats) -> list[Node]:
    return [node_at_level(float(timestep), float(level)) for timestep, level in zip(at, levels, strict=True)]
