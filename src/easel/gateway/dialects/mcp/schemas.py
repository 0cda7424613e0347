"""What a tool takes. Field names are those of the other dialects, so that a refusal names what was sent."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from easel.domain.errors import InvalidRequest
from easel.domain.sampling import Sampler

LONGEST_WAIT = 300
USUAL_WAIT = 50
"""Seconds: agents often give up on a call after a minute."""

Text: TypeAlias = Annotated[str, Field(max_length=20_000)]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Picture: TypeAlias = Annotated[str, Field(min_length=1)]
Wait: TypeAlias = Annotated[float, Field(ge=0, le=LONGEST_WAIT)]

PICTURE = "An https:// or http:// address, a link that a tool here answered, or base64 text (bare or as a data URI)."


class Arguments(BaseModel):
    """Null is the same as left out; a name that the tool does not know is refused, so that nothing goes unheard."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @classmethod
    def read(cls, said: Mapping[str, object]) -> Self:
        """Raises InvalidRequest about the first argument that is wrong."""
        try:
            return cls.model_validate({name: value for name, value in said.items() if value is not None})
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "missing":
            raise InvalidRequest(field, f"{field} is required")
        if problem["type"] == "extra_forbidden":
            raise InvalidRequest(field, f"{field} is not taken; this tool takes {', '.join(cls.model_fields)}")
        raise InvalidRequest(field, f"{field}: {problem['msg']}")


class Nothing(Arguments):
    pass


class ListModels(Arguments):
    search: Name | None = None
    """Words that the id, the name or the summary holds."""
    kind: Literal["checkpoint", "lora", "embedding", "vae", "controlnet", "upscaler"] | None = None
    """Checkpoints draw; the others are used with one."""
    provider: Name | None = None
    installed: bool = True
    """Whether to leave out models whose weights are not here."""
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class DescribeModel(Arguments):
    model_id: Name


class Lora(Arguments):
    model_id: Name
    strength: float = 1.0


class Settings(Arguments):
    """What a picture is made of, whatever it begins from."""

    model_id: Name | None = None
    """A model of list_models; without it the installation's own choice."""
    prompt: Text
    """What the picture shows."""
    negative_prompt: Text = ""
    """What it should not show."""
    samples: Annotated[int, Field(ge=1)] = 1
    """How many pictures; each is paid for."""
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    """The same seed and settings draw the same picture again."""
    sampler: Sampler | None = None
    loras: tuple[Lora, ...] = ()


class Sized(Settings):
    width: int | None = None
    height: int | None = None
    aspect_ratio: Annotated[str, Field(pattern=r"^[1-9][0-9]?:[1-9][0-9]?$")] | None = None
    """Like 16:9, in place of width and height."""


class Quote(Sized):
    prompt: Text = "a picture"


class Delivered(Arguments):
    """How pictures come back."""

    output_format: Literal["png", "jpeg", "webp"] = "png"
    wait: Wait = USUAL_WAIT
    """Seconds to wait for the pictures; after that fetch gets them."""
    webhook: Name | None = None
    """An address that is told when the pictures are there."""
    track_id: Name | None = None
    """A name of your own, told to the webhook."""
    idempotency_key: Name | None = None
    """The same key with the same arguments orders once, for a day: send one to be safe when you call again."""


class TextToImage(Sized, Delivered):
    pass


class ImageToImage(Settings, Delivered):
    prompt: Text = ""
    init_image: Picture = Field(description=f"The picture to begin from. {PICTURE}")
    width: int | None = None
    height: int | None = None
    strength: Annotated[float, Field(ge=0, le=1)] = 0.7
    """How much is drawn anew: 0 keeps the picture, 1 forgets it."""


class Inpaint(ImageToImage):
    mask_image: Picture = Field(description=f"White is drawn anew, black is kept. {PICTURE}")
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much of what is under the white is forgotten."""


class Fetch(Arguments):
    id: int
    """The id that a drawing tool answered."""
    wait: Wait = 0


class Cancel(Arguments):
    id: int
