"""The noise schedule that a checkpoint was trained with, read from its diffusers scheduler file, and points on it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

SMALLEST_ALPHA_BAR = 2.0**-24
"""In place of a terminal alpha_bar of 0 where a noise level must be finite, as in diffusers: sigma / alpha is 4096."""


class Prediction(StrEnum):
    """What the network answers with. The values are those of diffusers' `prediction_type`."""

    EPSILON = "epsilon"
    V = "v_prediction"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Node:
    """A point of the schedule: x = alpha * x0 + sigma * eps, and what the network calls it."""

    timestep: float
    alpha: float
    sigma: float

    @property
    def level(self) -> float:
        """sigma / alpha, the noise level of k-diffusion and of Karras et al. (arXiv:2206.00364)."""
        return self.sigma / self.alpha

    @property
    def log_snr(self) -> float:
        """lambda = log(alpha / sigma) of DPM-Solver (arXiv:2206.00927); infinite where nothing is noise."""
        return math.inf if self.sigma == 0 else math.log(self.alpha / self.sigma)


CLEAN = Node(timestep=0.0, alpha=1.0, sigma=0.0)


def node_at_level(timestep: float, level: float) -> Node:
    """The point whose sigma / alpha is `level`."""
    alpha = 1 / math.sqrt(1 + level * level)
    return Node(timestep, alpha, level * alpha)


def node_at_alpha_bar(timestep: float, alpha_bar: float) -> Node:
    return Node(timestep, math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar))


@dataclass(frozen=True, slots=True, eq=False)
class NoiseSchedule:
    """alpha_bar of every training step, and the habits that the file asks for.

    None is what the file leaves to the sampler. The file's `clip_sample` is not followed: it is
    for pixels, and diffusers' own Stable Diffusion pipelines switch it off as well.
    """

    alpha_bars: Floats
    prediction: Prediction
    timestep_spacing: str | None
    steps_offset: int
    karras: bool
    ends_clean: bool | None
    """Whether a last step beyond training step 0 goes to alpha_bar 1 or to that of step 0 (`set_alpha_to_one`)."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read a diffusers `scheduler_config.json`. Raises ValueError, with a sentence, for what is not known here."""
        for unknown in ("thresholding", "use_flow_sigmas"):
            if config.get(unknown):
                raise ValueError(f"{unknown} is for another kind of network")
        if "FlowMatch" in str(config.get("_class_name")):
            raise ValueError("flow matching is for another kind of network")
        prediction = _one_of(Prediction, config.get("prediction_type", "epsilon"))
        alpha_bars = np.cumprod(1 - _betas(config))
        if config.get("rescale_betas_zero_snr"):
            alpha_bars = _zero_terminal_snr(alpha_bars)
        if prediction is Prediction.EPSILON:
            # x0 = (x - sigma eps) / alpha has no answer at alpha 0.
            alpha_bars = np.maximum(alpha_bars, SMALLEST_ALPHA_BAR)
        spacing = config.get("timestep_spacing")
        if spacing not in (None, "leading", "trailing", "linspace"):
            raise ValueError(f"timestep_spacing {spacing!r} is not one of leading, trailing, linspace")
        return cls(
            alpha_bars=alpha_bars,
            prediction=prediction,
            timestep_spacing=spacing,
            steps_offset=int(config.get("steps_offset", 0)),
            karras=bool(config.get("use_karras_sigmas", False)),
            ends_clean=config.get("set_alpha_to_one"),
        )

    @property
    def length(self) -> int:
        """How many steps the training schedule has."""
        return len(self.alpha_bars)

    def levels(self) -> Floats:
        """sigma / alpha of every training step, rising; finite at the end too."""
        alpha_bars = np.maximum(self.alpha_bars, SMALLEST_ALPHA_BAR)
        return np.sqrt((1 - alpha_bars) / alpha_bars)


def _betas(config: Mapping[str, Any]) -> Floats:
    trained = config.get("trained_betas")
    if trained is not None:
        return _checked(np.asarray(trained, dtype=np.float64))
    start, end = float(config.get("beta_start", 0.0001)), float(config.get("beta_end", 0.02))
    length = int(config.get("num_train_timesteps", 1000))
    match config.get("beta_schedule", "linear"):
        case "linear":
            return _checked(np.linspace(start, end, length))
        case "scaled_linear":
            return _checked(np.linspace(start**0.5, end**0.5, length) ** 2)
        case "squaredcos_cap_v2":
            return _checked(_cosine_betas(length))
        case other:
            raise ValueError(f"beta_schedule {other!r} is not one of linear, scaled_linear, squaredcos_cap_v2")


def _checked(betas: Floats) -> Floats:
    if betas.ndim != 1 or len(betas) < 2 or not bool(np.all((betas > 0) & (betas <= 1))):
        raise ValueError("the betas of a noise schedule must be two or more numbers above 0 and at most 1")
    return betas


def _cosine_betas(length: int) -> Floats:
    """Nichol and Dhariwal, arXiv:2102.09672, eq. 17."""
    alpha_bars = np.cos((np.arange(length + 1) / length + 0.008) / 1.008 * math.pi / 2) ** 2
    return np.minimum(1 - alpha_bars[1:] / alpha_bars[:-1], 0.999)


def _zero_terminal_snr(alpha_bars: Floats) -> Floats:
    """Stretch sqrt(alpha_bar) until the last is zero and the first as it was (Lin et al., arXiv:2305.08891)."""
    roots = np.sqrt(alpha_bars)
    return ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2


def _one_of(kinds: type[Prediction], value: str) -> Prediction:
    try:
        return kinds(value)
    except ValueError:
        raise ValueError(f"prediction_type {value!r} is not one of {', '.join(kinds)}") from None
