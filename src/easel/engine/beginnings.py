"""What a run starts from: noise, or a picture under noise; and what of that picture is kept.

Draws come from the picture's own generator in the order of diffusers' pipelines, so that a seed means the same in both:
first the encoder's, whose answer is a distribution; then the noise of the run; then the encoder's for a masked picture.
"""

import torch
from torch.nn.functional import interpolate

from easel.domain.prompt import Reading
from easel.engine.advance import Canvas, Known
from easel.engine.families.base import Conditioning, LoadedAutoencoder, LoadedFamily
from easel.engine.request import PictureRequest, Pixels
from easel.engine.samplers import Plan
from easel.engine.tiles import encode

HALF = 128
"""From here on a mask is white to a network that reads one: it knows no grey."""


def begin(
    request: PictureRequest,
    plan: Plan,
    conditioning: dict[Reading, Conditioning],
    family: LoadedFamily,
    autoencoder: LoadedAutoencoder,
    device: torch.device,
) -> Canvas:
    """The canvas before the first call. `autoencoder` is the family's, or one in its place."""
    shape = autoencoder.latent_shape(request.width, request.height)
    generator = torch.Generator().manual_seed(request.seed)

    def draw() -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(device)

    source = None
    if request.init is not None and not (request.begins_in_noise and (request.mask is None or family.reads_mask)):
        source = encode(autoencoder, _shares(request.init, device), draw())
    noise = draw()
    if source is None or request.begins_in_noise:
        latents = plan.noise * noise
    else:
        latents = plan.begins.alpha * source + plan.begins.sigma * noise
    known, beside = None, None
    # diffusers draws for the masked picture even where no network reads it, and what a sampler draws comes after.
    of_masked = draw() if family.reads_mask or request.mask is not None else noise
    if family.reads_mask:
        beside = torch.cat(
            [_hard_mask(request, shape, device), encode(autoencoder, _masked(request, device), of_masked)]
        )
    elif source is not None and request.mask is not None:
        known = Known(source, noise, _soft_mask(request.mask, shape, device))
    return Canvas(
        latents=latents,
        conditioning=conditioning,
        generator=generator,
        history=plan.history,
        known=known,
        beside=beside,
        is_shown=request.preview_every > 0,
    )


def _shares(pixels: Pixels, device: torch.device) -> torch.Tensor:
    """From 0 to 1. Read-only arrays are copied, which torch would complain of."""
    return torch.tensor(pixels, device=device).float() / 255


def _soft_mask(mask: Pixels, shape: tuple[int, int, int], device: torch.device) -> torch.Tensor:
    """1 x h x w: how much of each latent's pixels is drawn anew."""
    return interpolate(_shares(mask, device)[None, None], size=shape[1:], mode="area")[0]


def _hard_mask(request: PictureRequest, shape: tuple[int, int, int], device: torch.device) -> torch.Tensor:
    """1 x h x w of zeros and ones, as inpainting networks are trained with; all is drawn where there is no mask."""
    if request.mask is None:
        return torch.ones((1, *shape[1:]), device=device)
    hard = torch.tensor(request.mask >= HALF, device=device).float()
    return interpolate(hard[None, None], size=shape[1:], mode="nearest")[0]


def _masked(request: PictureRequest, device: torch.device) -> torch.Tensor:
    """The picture with mid-grey, the encoder's zero, where it is drawn anew."""
    if request.init is None or request.mask is None:
        return torch.full((request.height, request.width, 3), 0.5, device=device)
    hidden = torch.tensor(request.mask >= HALF, device=device)[:, :, None]
    return torch.where(hidden, 0.5, _shares(request.init, device))
