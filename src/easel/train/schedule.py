"""The noise schedule and the v-objective.

    x_t = alpha_t x + sigma_t e,   v_t = alpha_t e - sigma_t x,   alpha^2 + sigma^2 = 1
    Salimans and Ho 2022, arXiv:2202.00512 (v-prediction)

The cosine schedule of Nichol and Dhariwal (arXiv:2102.09672) has sigma/alpha = tan(pi t / 2). Flat drawings stay
readable under far more noise than photographs, so almost all of its steps could be solved without the caption. Here the
ratio is multiplied by SHIFT (Hoogeboom et al. 2023, arXiv:2301.11093, do the same for larger pictures), and at t = 1
nothing of the picture is left (zero terminal SNR: Lin et al. 2023, arXiv:2305.08891).
"""

import itertools
import math
from typing import Any, Final

import torch

STEPS: Final = 1000
SHIFT: Final = 2.0


def alpha_bar(t: float, shift: float = SHIFT) -> float:
    """alpha_t squared at time t in [0, 1]: 1 / (1 + (shift tan(pi t / 2))^2), and exactly 0 at the end."""
    return 0.0 if t >= 1 else 1 / (1 + (shift * math.tan(math.pi * t / 2)) ** 2)


def betas(shift: float = SHIFT, steps: int = STEPS) -> list[float]:
    """The same schedule as ordinary scheduler classes want it: beta_i = 1 - alpha_bar_i / alpha_bar_(i-1)."""
    bars = [alpha_bar(i / steps, shift) for i in range(steps + 1)]
    return [1 - after / before for before, after in itertools.pairwise(bars)]


def scheduler_config(shift: float = SHIFT) -> dict[str, Any]:
    """Arguments of diffusers' DDIMScheduler under which sampling starts from pure noise, as training did."""
    return {
        "num_train_timesteps": STEPS, "trained_betas": betas(shift), "prediction_type": "v_prediction",
        "timestep_spacing": "trailing", "clip_sample": False, "set_alpha_to_one": True, "steps_offset": 1,
        "rescale_betas_zero_snr": False,
    }  # fmt: skip


def tables(shift: float = SHIFT) -> tuple[torch.Tensor, torch.Tensor]:
    """alpha and sigma for each of the discrete times 0..999 (index i is t = (i + 1) / 1000)."""
    bars = torch.tensor([alpha_bar((i + 1) / STEPS, shift) for i in range(STEPS)], dtype=torch.float64)
    return bars.sqrt().float(), (1 - bars).sqrt().float()


def stratified_times(count: int, generator: torch.Generator, middle: float = 0.0) -> torch.Tensor:
    """`count` times, one from each of `count` equal parts of 0..999: a far less noisy loss than with free draws.

    A share `middle` of them is bent to the middle (logit-normal: Esser et al. 2024, arXiv:2403.03206, section 3.1),
    where the shape of an object is decided: number and place come before, with more noise, the clean edge after.
    """
    spread = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    if middle:
        normal = torch.special.ndtri(spread.clamp(1e-4, 1 - 1e-4)).sigmoid()
        chosen = torch.rand(count, generator=generator) < middle
        spread = torch.where(chosen, normal, spread)
    return (spread * STEPS).long().clamp(max=STEPS - 1)
