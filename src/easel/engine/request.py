"""What the engine is asked for: one picture, with nothing left open."""

import math
from dataclasses import dataclass
from pathlib import Path

from easel.domain.errors import InvalidRequest
from easel.domain.request import SEED_LIMIT
from easel.domain.sampling import Sampler, Spacing

LATENT_PIXELS = 8
"""A picture's sides are multiples of this: one latent stands for 8 x 8 pixels in every Stable Diffusion."""

MOST_PIXELS = 4096 * 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A family's weights on disk: a folder in diffusers' layout. Equal checkpoints share loaded weights."""

    name: str
    family: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRequest:
    """One picture. The picture depends on this alone, `id` excepted: that is the caller's name for it.

    `guidance` above 1 takes two rows of each network call; otherwise the negative prompt has no say and one row does.
    """

    id: str
    checkpoint: Checkpoint
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance: float
    seed: int
    sampler: Sampler
    spacing: Spacing

    @property
    def is_guided(self) -> bool:
        return self.guidance > 1


def check(request: PictureRequest) -> None:
    """Raise InvalidRequest, naming the field, for what no checkpoint could draw."""
    for field, pixels in (("width", request.width), ("height", request.height)):
        if pixels < LATENT_PIXELS or pixels % LATENT_PIXELS:
            raise InvalidRequest(field, f"{field} must be a multiple of {LATENT_PIXELS}, not {pixels}.")
    if request.width * request.height > MOST_PIXELS:
        raise InvalidRequest("width", f"width times height must be {MOST_PIXELS} pixels or fewer.")
    if request.steps < 1:
        raise InvalidRequest("steps", f"steps must be 1 or more, not {request.steps}.")
    if not math.isfinite(request.guidance):
        raise InvalidRequest("guidance_scale", "guidance_scale must be a finite number.")
    if not 0 <= request.seed < SEED_LIMIT:
        raise InvalidRequest("seed", f"seed must be 0 to {SEED_LIMIT - 1}, not {request.seed}.")
