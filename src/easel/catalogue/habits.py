"""Defaults and limits for a checkpoint that somebody brings, from what is known of its weights. Pure."""

from easel.catalogue.limits import Defaults, Limits
from easel.domain.sampling import Sampler, Spacing

GRAIN = 64
"""Largest sizes are multiples of this, as people expect of them."""
SMALLEST, LARGEST = 64, 2048

SAMPLERS = {"sdxl": Sampler.EULER}
GUIDANCE = {"sdxl": 5.0}


def defaults_for(family: str, resolution: int) -> Defaults:
    """The size it was trained on, and what the family is usually drawn with."""
    return Defaults(
        width=resolution,
        height=resolution,
        steps=30,
        guidance=GUIDANCE.get(family, 7.5),
        sampler=SAMPLERS.get(family, Sampler.DDIM),
        spacing=Spacing.MODEL,
    )


def limits_for(resolution: int, pixels: int = 8) -> Limits:
    """From where pictures fall apart to where they repeat themselves: twice the size, a third more for large ones.

    `pixels` is the side of what one latent stands for.
    """
    grain = max(8, pixels)
    largest = 2 * resolution if resolution <= 512 else resolution * 4 // 3
    return Limits(
        min_size=min(resolution, max(SMALLEST, min(256, resolution // 2 // grain * grain))),
        max_size=max(resolution, min(LARGEST, largest // GRAIN * GRAIN)),
        multiple_of=grain,
        min_steps=1,
        max_steps=100,
        min_guidance=1,
        max_guidance=20,
        max_samples=4,
    )
