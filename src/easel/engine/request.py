"""What the engine is asked for: one picture, with nothing left open."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from easel.domain.errors import InvalidRequest
from easel.domain.request import SEED_LIMIT
from easel.domain.sampling import Sampler, Spacing
from easel.kit.resample import resample

MOST_PIXELS = 4096 * 4096
STRONGEST_LEAD = 10
"""Scale of self-attention guidance: far more than anybody can look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A family's weights on disk: a folder in diffusers' layout. Equal checkpoints share loaded weights."""

    name: str
    family: str
    folder: Path


Pixels: TypeAlias = NDArray[np.uint8]
"""height x width x 3, RGB; a mask is height x width."""

Hint: TypeAlias = NDArray[np.float32]
"""height x width x 3, RGB from 0 to 1; -1 is what an inpainting ControlNet is to draw anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """An adapter's, a textual inversion's, an autoencoder's or a ControlNet's weights: a safetensors file; an
    autoencoder's may be, and a ControlNet's is, a folder in diffusers' layout. Equal ones share loaded weights.
    """

    name: str
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterMix:
    """An adapter and how much of it goes into the network and into the text encoder."""

    adapter: WeightsFile
    strength: float = 1.0
    text_strength: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A ControlNet, the hint that it reads, and when and how much it steers."""

    network: WeightsFile
    hint: Hint = field(compare=False)
    scale: float = 1.0
    start: float = 0.0
    """First share of the network calls in which it steers, and the last."""
    end: float = 1.0
    guess: bool = False
    """Its first residuals count less than its last, and the negative prompt's rows are not steered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """What is done inside the network while it is called, beyond what its weights say."""

    token_merging: float = 0.0
    """Share of the tokens that are merged where a self-attention reads very many (arXiv:2303.17604)."""
    free_u: bool = False
    """Backbone features and skip connections are weighed anew (arXiv:2309.11497)."""
    self_attention: float = 0.0
    """Scale of self-attention guidance (arXiv:2210.00939), which takes a second call with fewer rows."""

    @property
    def is_any(self) -> bool:
        return self != UNALTERED

    def __str__(self) -> str:
        said = {
            "token merging": self.token_merging,
            "FreeU": self.free_u,
            "self-attention guidance": self.self_attention,
        }
        return " and ".join(name for name, asked in said.items() if asked) or "nothing altered"


UNALTERED = Alteration()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondPass:
    """The picture is enlarged when it is drawn, and drawn again from there."""

    width: int
    height: int
    steps: int
    strength: float


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

    adapters: tuple[AdapterMix, ...] = ()
    embeddings: tuple[WeightsFile, ...] = ()
    """Textual inversions, which the prompts name by `name`."""
    vae: WeightsFile | None = None
    """Instead of the checkpoint's own autoencoder."""
    clip_skip: int = 1
    init: Pixels | None = field(default=None, compare=False)
    """What the picture begins from, already width x height."""
    mask: Pixels | None = field(default=None, compare=False)
    """255 is drawn anew, 0 is kept, between them is mixed."""
    strength: float = 0.7
    """Share of the noise that `init` is put under, and so of the steps that are taken; 1 forgets it."""
    controls: tuple[Control, ...] = ()
    alteration: Alteration = UNALTERED
    window: int | None = None
    """Pixels along a side of the windows that a panorama is drawn in; None draws the picture as a whole."""
    again: SecondPass | None = None
    preview_every: int = 0
    """Steps between two previews; 0 shows none."""

    @property
    def is_guided(self) -> bool:
        return self.guidance > 1

    @property
    def begins_in_noise(self) -> bool:
        """Whether nothing of a source is left in what the run begins from."""
        return self.init is None or self.strength >= 1

    @property
    def share(self) -> float:
        """Of its steps that the picture takes."""
        return 1.0 if self.begins_in_noise else self.strength


def second(request: PictureRequest, drawn: Pixels) -> PictureRequest:
    """The second pass of a request that has one, whose first has come out as `drawn`."""
    assert request.again is not None
    width, height = request.again.width, request.again.height
    return replace(
        request,
        width=width,
        height=height,
        steps=request.again.steps,
        strength=request.again.strength,
        init=resample(drawn, width, height),
        mask=None,
        controls=tuple(replace(one, hint=_stretched(one.hint, width, height)) for one in request.controls),
        again=None,
    )


def _stretched(hint: Hint, width: int, height: int) -> Hint:
    """By its nearest pixels: a hint's numbers are not to be mixed."""
    rows = np.arange(height) * hint.shape[0] // height
    columns = np.arange(width) * hint.shape[1] // width
    return hint[rows][:, columns]


def check(request: PictureRequest) -> None:
    """Raise InvalidRequest, naming the field, for what no checkpoint could draw."""
    for side, pixels in (("width", request.width), ("height", request.height)):
        if pixels < 1:
            raise InvalidRequest(side, f"{side} must be more than 0, not {pixels}.")
    if request.width * request.height > MOST_PIXELS:
        raise InvalidRequest("width", f"width times height must be {MOST_PIXELS} pixels or fewer.")
    if request.steps < 1:
        raise InvalidRequest("steps", f"steps must be 1 or more, not {request.steps}.")
    if not math.isfinite(request.guidance):
        raise InvalidRequest("guidance_scale", "guidance_scale must be a finite number.")
    if request.clip_skip < 1:
        raise InvalidRequest("clip_skip", f"clip_skip must be 1 or more, not {request.clip_skip}.")
    if not 0 <= request.strength <= 1:  # written so that NaN fails as well
        raise InvalidRequest("strength", f"strength must be between 0 and 1, not {request.strength:g}.")
    _check_source(request)
    for name, share, most in (
        ("tomesd", request.alteration.token_merging, 1),
        ("self_attention", request.alteration.self_attention, STRONGEST_LEAD),
    ):
        if not 0 <= share <= most:  # written so that NaN fails as well
            raise InvalidRequest(name, f"{name} must be between 0 and {most}, not {share:g}.")
    for control in request.controls:
        _check_control(request, control)
    if not 0 <= request.seed < SEED_LIMIT:
        raise InvalidRequest("seed", f"seed must be 0 to {SEED_LIMIT - 1}, not {request.seed}.")


def check_size(request: PictureRequest, latent_pixels: int) -> None:
    """Raise InvalidRequest for sides that are no whole number of a checkpoint's latents, each of so many pixels."""
    for side, pixels in (("width", request.width), ("height", request.height)):
        if pixels % latent_pixels:
            raise InvalidRequest(side, f"{side} must be a multiple of {latent_pixels}, not {pixels}.")


def _check_source(request: PictureRequest) -> None:
    size = (request.height, request.width)
    if request.mask is not None and request.init is None:
        raise InvalidRequest(
            "mask_image", "mask_image needs the picture that it is a mask of: send init_image as well."
        )
    for name, pixels, shape in (("init_image", request.init, (*size, 3)), ("mask_image", request.mask, size)):
        if pixels is not None and pixels.shape != shape:
            raise InvalidRequest(name, f"{name} must have the picture's own size, {size[1]}x{size[0]}.")


def _check_control(request: PictureRequest, control: Control) -> None:
    if control.hint.shape != (request.height, request.width, 3):
        raise InvalidRequest(
            "control_image", f"control_image must have the picture's own size, {request.width}x{request.height}."
        )
    if not (math.isfinite(control.scale) and control.scale >= 0):
        raise InvalidRequest("controlnet_conditioning_scale", "controlnet_conditioning_scale must be 0 or more.")
    if not 0 <= control.start <= control.end <= 1:  # written so that NaN fails as well
        raise InvalidRequest(
            "control_guidance_start",
            "A ControlNet must begin to steer at a share of the steps from 0 to 1 and end there or later, not from "
            f"{control.start:g} to {control.end:g}.",
        )
