"""What may be asked, as the official client (openai 3.54) sends it. Null is the same as left out."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from easel.domain.errors import InvalidRequest

MOST_IMAGES = 16
LONGEST_PROMPT = 32_000

Count: TypeAlias = Annotated[int, Field(ge=1, le=10)]
Quality: TypeAlias = Literal["low", "medium", "high", "xhigh", "max", "auto", "standard", "hd"]
Format: TypeAlias = Literal["png", "webp", "jpeg"]


class Asked(BaseModel):
    """Fields nobody knows are ignored: the API grows."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Self:
        """Raises InvalidRequest about the first field that is wrong."""
        said = {name.removesuffix("[]"): value for name, value in fields.items() if value not in (None, "")}
        try:
            return cls.model_validate(said)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
        field = str(problem["loc"][0])
        if problem["type"] == "missing":
            raise InvalidRequest(field, f"{field} is required")
        raise InvalidRequest(field, f"{field}: {problem['msg'].removeprefix('Value error, ')}")


class Images(Asked):
    """What all three routes share."""

    model: Annotated[str, Field(max_length=200)] | None = Field(
        default=None,
        description="A model of the catalogue. OpenAI's own names stand for the installation's default model.",
    )
    n: Count = Field(default=1, description="How many pictures.")
    size: str = Field(
        default="auto",
        pattern=r"^(auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})$",
        description="WIDTHxHEIGHT, or auto for the model's own. What the model cannot draw becomes the nearest it can.",
    )
    response_format: Literal["url", "b64_json"] = Field(default="b64_json", description="url gives a signed link.")
    user: Annotated[str, Field(max_length=500)] | None = Field(default=None, description="Taken and not used.")

    @property
    def width_and_height(self) -> tuple[int, int] | None:
        """None for auto."""
        if self.size == "auto":
            return None
        width, height = self.size.split("x")
        return int(width), int(height)


class Prompted(Images):
    prompt: Annotated[str, Field(max_length=LONGEST_PROMPT)] = Field(
        description="What the picture shows.", examples=["three red stars on a blue background"]
    )
    quality: Quality = Field(default="auto", description="How many steps are taken.")
    background: Literal["transparent", "opaque", "auto"] = Field(default="auto", description="Always opaque here.")
    moderation: Literal["low", "auto"] = Field(default="auto", description="Taken and not used.")
    output_format: Format = "png"
    output_compression: Annotated[int, Field(ge=0, le=100)] = Field(
        default=100, description="Quality of JPEG and WebP, in percent."
    )
    stream: bool = Field(default=False, description="Server-sent events instead of one answer.")
    partial_images: Annotated[int, Field(ge=0, le=3)] = Field(
        default=0, description="How many pictures on their way a stream shows before the last one."
    )
    style: Literal["vivid", "natural"] | None = Field(default=None, description="Taken and not used.")
    safety_identifier: Annotated[str, Field(max_length=500)] | None = Field(
        default=None, description="Taken and not used."
    )

    @field_validator("output_format", mode="before")
    @classmethod
    def _known_format(cls, value: Any) -> Any:
        if value in ("gif", "svg"):
            raise ValueError("gif and svg are not drawn here; ask for png, jpeg or webp")
        return value


class Generate(Prompted):
    """POST /v1/images/generations"""


class Edit(Prompted):
    """POST /v1/images/edits: with a mask its transparent part is drawn anew, without one all of the picture is."""

    image: list[bytes] = Field(description="The picture to begin from; of several the first is used.")
    mask: bytes | None = Field(default=None, description="A picture whose transparent part is to be drawn anew.")
    input_fidelity: Literal["high", "low"] | None = Field(
        default=None, description="Without a mask: how much of the picture stays."
    )

    @field_validator("image", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        images = value if isinstance(value, list) else [value]
        if len(images) > MOST_IMAGES:
            raise ValueError(f"send at most {MOST_IMAGES} images")
        if not all(isinstance(image, bytes) for image in images):
            raise ValueError("send the picture as a file of a multipart form")
        return images

    @field_validator("mask", mode="before")
    @classmethod
    def _a_file(cls, value: Any) -> Any:
        if not isinstance(value, bytes):
            raise ValueError("send the mask as a file of a multipart form")
        return value


class Variation(Images):
    """POST /v1/images/variations: image to image without words."""

    image: bytes = Field(description="The picture to vary.")
    response_format: Literal["url", "b64_json"] = "url"

    @field_validator("image", mode="before")
    @classmethod
    def _a_file(cls, value: Any) -> Any:
        if not isinstance(value, bytes):
            raise ValueError("send the picture as a file of a multipart form")
        return value
