"""What stands where: the shape and the colour at each latent, which the denoiser learns to tell beside drawing it.

The plain objective hardly asks for a shape: with noise at which a shape is decided, a caption that names a wrong one
costs a few thousandths of the loss, a wrong colour ten times as much. So a small head reads shape and colour from what
the network has inside, at each latent, and its errors count as well. Yu et al. 2024, arXiv:2410.06940, do the
same with the features of a network that knows pictures; a drawn world simply knows what it drew. The head is thrown
away at the end.
"""

from typing import Final

import numpy as np
import skia
import torch
from diffusers import UNet2DConditionModel

from easel.train.world import CANVAS, COLOURS, LANDSCAPES, SHAPES, Scene, outline

UNSAID: Final = 255
"""The label of a landscape's latents, which nobody is asked about."""
COVERED: Final = 0.4
"""From this share on, a latent belongs to the object that covers it."""
LAYOUT_SEEN: Final = 500
"""Of the schedule's thousand times: with as much noise as at this one, a picture still shows where things are."""
_FINER: Final = 4  # Skia's edges are wrong by much on pictures of a few pixels
_NOTHING_WEIGHT: Final = 0.25  # most latents show no object; they should not be all that the head learns


def labels(scene: Scene, side: int) -> np.ndarray:
    """(2, side, side) bytes: the shape (0 where there is none, else its number from 1) and the colour's number."""
    said = np.full((2, side, side), UNSAID, np.uint8)
    if scene.kind in LANDSCAPES or scene.background is None:
        return said
    said[0], said[1] = 0, COLOURS.index(scene.background)
    fine = side * _FINER
    for thing in scene.things:
        pixels = np.zeros((fine, fine, 4), np.uint8)
        info = skia.ImageInfo.Make(fine, fine, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
        canvas = skia.Surface.MakeRasterDirect(info, pixels).getCanvas()
        canvas.scale(fine / CANVAS, fine / CANVAS)
        canvas.translate(thing.x, thing.y)
        canvas.rotate(thing.angle)
        canvas.scale(thing.radius, thing.radius)
        canvas.drawPath(outline(thing.shape), skia.Paint(AntiAlias=True, Color=skia.ColorWHITE))
        covered = pixels[:, :, 3].reshape(side, _FINER, side, _FINER).mean((1, 3)) >= 255 * COVERED
        said[0][covered] = 1 + SHAPES.index(thing.shape)
        said[1][covered] = COLOURS.index(thing.colour)
    return said


def emphasised(errors: torch.Tensor, said: torch.Tensor, times: torch.Tensor, emphasis: float) -> torch.Tensor:
    """The mean of `errors` (rows, channels, side, side), those at an object's latents counted 1 + `emphasis` times.

    Most latents show the background, and a small object is ten of 256. Only up to LAYOUT_SEEN: while a network still
    has to guess where objects stand, such weights would have it draw too many.
    """
    objects = (said[:, :1] > 0) & (said[:, :1] != UNSAID) & (times < LAYOUT_SEEN)[:, None, None, None]
    return (errors * (1 + emphasis * objects)).mean()


class Reader(torch.nn.Module):
    """The head. It reads the last features that text has been mixed into, which have the latents' own size."""

    def __init__(self, network: UNet2DConditionModel) -> None:
        super().__init__()
        width = network.config["block_out_channels"][1]  # of the last level but one on the way up
        self.head = torch.nn.Sequential(
            torch.nn.Conv2d(width, width, 1),
            torch.nn.SiLU(),
            torch.nn.Conv2d(width, 1 + len(SHAPES) + len(COLOURS), 1),
        )
        self._features: torch.Tensor | None = None
        network.up_blocks[-2].register_forward_hook(self._keep)
        weights = torch.ones(1 + len(SHAPES))
        weights[0] = _NOTHING_WEIGHT
        self.register_buffer("weights", weights, persistent=False)

    def _keep(self, _module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> None:
        self._features = output

    def loss(self, said: torch.Tensor) -> torch.Tensor:
        """How badly the features of the network's last call tell what `said` (rows, 2, side, side) holds: the cross
        entropy of shapes and of colours in nats, a mean over the latents that anything is said of."""
        assert self._features is not None
        told = self.head(self._features.float())
        shapes, colours = told.split([1 + len(SHAPES), len(COLOURS)], 1)
        said = said.long()
        entropy = torch.nn.functional.cross_entropy
        by_shape = entropy(shapes, said[:, 0], self.weights, ignore_index=UNSAID, reduction="none")
        by_colour = entropy(colours, said[:, 1], ignore_index=UNSAID, reduction="none")
        asked = (said[:, 0] != UNSAID).sum().clamp(min=1)
        return (by_shape.sum() + by_colour.sum()) / asked
