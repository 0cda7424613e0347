"""What was asked for: as it arrives (GenerationDraft) and checked and frozen (GenerationRequest)."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Literal, Self, TypeAlias

from pydantic import TypeAdapter

from easel.domain.sampling import Sampler, Spacing, steps_taken

SEED_LIMIT = 2**32
"""Seeds are 0 .. 2**32 - 1, the range every tool of the field accepts."""


Replacement: TypeAlias = Literal["blur", "pixelate", "black", "sensitive_content_text"]
"""What is delivered in the place of a picture that is not fit to be seen."""


class Task(StrEnum):
    """What a picture begins from."""

    TEXT_TO_IMAGE = "text2img"
    IMAGE_TO_IMAGE = "img2img"
    INPAINT = "inpaint"


@dataclass(frozen=True, slots=True)
class AdapterUse:
    """A LoRA of the catalogue, and how much of it."""

    model_id: str
    strength: float = 1.0
    text_strength: float | None = None
    """On the text encoder; None is the same as on the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlUse:
    """A ControlNet (arXiv:2302.05543) that steers the picture by a hint image."""

    model_id: str
    kind: str
    """How the hint is made from `image`: canny, tile, ... ; `none` where it is one already (controls.py)."""
    image: str
    """Key of the stored input."""
    scale: float = 1.0
    start: float = 0.0
    """First share of the steps that it steers, and the last, from 0 to 1."""
    end: float = 1.0
    guess: bool = False
    """Make the most of the hint: its first residuals count less, and the negative prompt's rows are not steered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondPass:
    """Draw small, enlarge, and draw again from there (the field's "hires fix")."""

    scale: float = 2.0
    grows: bool = True
    """Whether the size that is asked for is the first pass's; otherwise it is what comes out in the end."""
    strength: float = 0.6
    steps: int | None = None
    """None is as many as in the first pass."""
    width: int | None = None
    height: int | None = None
    """Of the picture that is drawn again, once the request is resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What else may be asked of a picture. All of it is off unless said."""

    adapters: tuple[AdapterUse, ...] = ()
    embeddings: tuple[str, ...] = ()
    """Model ids of textual inversions (arXiv:2208.01618); a prompt names one by its id."""
    vae: str | None = None
    clip_skip: int = 1
    """1 reads the text encoder's last layer, 2 the one before it, as AUTOMATIC1111 counts."""

    init_image: str | None = None
    """Key of the stored input that the picture begins from."""
    mask_image: str | None = None
    """Key of the stored input whose white is drawn anew and whose black is kept."""
    strength: float = 0.7
    """Of image to image and inpainting: the share of the noise, and so of the steps; 1 forgets the input."""
    mask_blur: float = 4.0
    """Pixels over which the mask's edge is softened (a Gaussian's sigma)."""

    controls: tuple[ControlUse, ...] = ()
    second_pass: SecondPass | None = None
    upscale: int = 1
    """How many times as wide and as high the picture is made when it is drawn."""
    upscaler: str | None = None
    """The model that enlarges it; None resamples it."""
    output_width: int | None = None
    output_height: int | None = None
    """What the picture is resampled to at the very end; None leaves it as it is."""
    token_merging: float = 0.0
    """Share of the tokens that are merged where attention reads very many (arXiv:2303.17604)."""
    self_attention: float = 0.0
    """Scale of self-attention guidance (arXiv:2210.00939)."""
    panorama: bool = False
    """Whether what is larger than the model's own size is drawn in windows of that size (arXiv:2302.08113)."""
    window: int | None = None
    """Pixels along a side of them, once the request is resolved."""
    free_u: bool = False
    """Whether backbone features and skip connections are weighed anew (arXiv:2309.11497)."""

    safety: Replacement | None = None
    """What a flagged picture is replaced by; None does not look."""
    output_format: Literal["png", "jpeg", "webp"] = "png"
    output_quality: int = 95
    """Of JPEG and WebP, from 1 to 100."""
    previews: bool = False
    """Whether pictures on their way are shown."""

    @property
    def inputs(self) -> list[str]:
        """Keys of the stored inputs that it names."""
        named = (self.init_image, self.mask_image, *(control.image for control in self.controls))
        return list(dict.fromkeys(key for key in named if key is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationDraft:
    """A request as a dialect read it: None is "not said", to be filled from the model's defaults."""

    model_id: str
    prompt: str
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    shape: tuple[int, int] | None = None
    """Like (16, 9): of a picture that has neither width nor height, and begins from no other."""
    samples: int = 1
    steps: int | None = None
    guidance: float | None = None
    seed: int | None = None
    sampler: Sampler | None = None
    spacing: Spacing | None = None
    extras: Extras = Extras()
    enhance: bool = False
    """Whether the prompts are made richer; the request has the ones that came of it."""
    style: str | None = None
    """By which of the styles; None is the one that goes with the prompt."""
    enlarges: bool = False
    """Whether a size beyond what the model draws is drawn as large as it can and enlarged, rather than refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """A request with nothing left open. The picture depends on this alone.

    Picture number i of `samples` is drawn with seed + i (modulo SEED_LIMIT).
    """

    model_id: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    samples: int
    steps: int
    guidance: float
    seed: int
    sampler: Sampler
    spacing: Spacing
    extras: Extras = Extras()

    @property
    def steps_taken(self) -> int:
        """Steps of one picture in all its passes: the last of `steps` where it begins from another."""
        first = self.steps if self.extras.init_image is None else steps_taken(self.steps, self.extras.strength)
        return first + self.steps_taken_again

    @property
    def steps_taken_again(self) -> int:
        """Those of the second pass."""
        again = self.extras.second_pass
        return steps_taken(again.steps or self.steps, again.strength) if again else 0

    @property
    def drawn_size(self) -> tuple[int, int]:
        """Width and height of what the model draws in the end."""
        again = self.extras.second_pass
        return (again and again.width) or self.width, (again and again.height) or self.height

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the picture as it is delivered."""
        (width, height), extras = self.drawn_size, self.extras
        return extras.output_width or width * extras.upscale, extras.output_height or height * extras.upscale

    @property
    def task(self) -> Task:
        if self.extras.init_image is None:
            return Task.TEXT_TO_IMAGE
        return Task.IMAGE_TO_IMAGE if self.extras.mask_image is None else Task.INPAINT

    def seed_of(self, index: int) -> int:
        return (self.seed + index) % SEED_LIMIT

    def as_json(self) -> dict[str, Any]:
        """Extras that were not asked for are left out."""
        stored = _adapter().dump_python(self, mode="json", exclude_defaults=True)
        return dict(stored)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        request = _adapter().validate_python(stored)
        assert isinstance(request, cls)
        return request


@cache
def _adapter() -> TypeAdapter[GenerationRequest]:
    return TypeAdapter(GenerationRequest)
