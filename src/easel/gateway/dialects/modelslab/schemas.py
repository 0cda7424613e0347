"""What may be asked. A field that is left out, or sent as nothing, is None."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from easel.domain.errors import InvalidRequest
from easel.gateway.dialects.modelslab import values

Whole: TypeAlias = Annotated[int, BeforeValidator(values.whole, json_schema_input_type=int | str)]
Number: TypeAlias = Annotated[float, BeforeValidator(values.number, json_schema_input_type=float | str)]
Switch: TypeAlias = Annotated[bool, BeforeValidator(values.switch, json_schema_input_type=bool | str)]
Factor: TypeAlias = Annotated[float, BeforeValidator(values.factor, json_schema_input_type=bool | float | str)]
Shape: TypeAlias = Annotated[tuple[int, int], BeforeValidator(values.shape, json_schema_input_type=str)]
Text: TypeAlias = Annotated[str, BeforeValidator(values.text)]
Name: TypeAlias = Annotated[str, BeforeValidator(values.name)]
Names: TypeAlias = Annotated[list[str], BeforeValidator(values.names, json_schema_input_type=str | list[str])]
Strengths: TypeAlias = Annotated[
    list[float], BeforeValidator(values.strengths, json_schema_input_type=float | str | list[float])
]
Images: TypeAlias = Annotated[list[str | bytes], BeforeValidator(values.images, json_schema_input_type=str | list[str])]
SafetyType: TypeAlias = Annotated[
    Literal["blur", "sensitive_content_text", "pixelate", "black", "none"],
    BeforeValidator(values.text, json_schema_input_type=str),
]
Label: TypeAlias = Annotated[str | int, BeforeValidator(values.label)]
WebAddress: TypeAlias = Annotated[str | None, BeforeValidator(values.web_address)]


EXAMPLE = "three red stars on a blue background"

CONTROL_IMAGE: Final = "control_image"
SEVERAL: Final = frozenset({CONTROL_IMAGE})
"""Fields of whose lists every picture counts."""
MOST: Final = 4
"""Of them."""


class Asked(BaseModel):
    """Fields nobody knows are ignored: clients send many stale ones."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Self:
        """Raises InvalidRequest about the first field that is wrong."""
        try:
            return cls.model_validate(values.without_unset(fields))
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
        field = str(problem["loc"][0])
        said = "is required" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
        raise InvalidRequest(field, f"{field} {said}")


class Finishing(Asked):
    """What surrounds a picture: what becomes of its words before, and of the picture afterwards."""

    enhance_prompt: Switch | None = Field(
        default=None,
        description="Make the prompts richer; the answer's meta shows the ones that were drawn. The installation says "
        "what it is when it is left out (EASEL_ENHANCE_PROMPT).",
    )
    enhance_style: Name | None = Field(
        default=None,
        description="A style to draw in, such as anime, watercolor or line-art; an unknown one is refused.",
    )
    upscale: Factor = Field(
        default=1.0,
        description="2 or 3 enlarges the pictures so many times, yes twice: by the upscaler that is installed, or else "
        "by a resampler.",
    )
    highres_fix: Switch = Field(
        default=False,
        description="Draw at half the size, enlarge, and draw again from there: large pictures hang together better.",
    )
    safety_checker: Switch = Field(
        default=False,
        description="Replace pictures that are not fit to be seen; they cost nothing. Where no checker is installed, "
        "warning says so.",
    )
    safety_checker_type: SafetyType = Field(
        default="sensitive_content_text", description="By what: blur, sensitive_content_text, pixelate or black."
    )
    multi_lingual: Switch = Field(
        default=False, description="Put the prompts into English first, where a translator is installed."
    )


class Pictured(Finishing):
    """What every route that draws honours; what they know besides is in `unserved`."""

    PICTURES: ClassVar[tuple[str, ...]] = ()
    """Fields that hold pictures."""

    @property
    def pictures(self) -> dict[str, list[str | bytes]]:
        """Those that are used, by field."""
        return {field: (getattr(self, field) or [])[: MOST if field in SEVERAL else 1] for field in self.PICTURES}

    prompt: Text = Field(default="", description="What the picture shows; text to image needs it.", examples=[EXAMPLE])
    negative_prompt: Text = Field(default="", description="What it should not show.")
    model_id: Name | None = Field(
        default=None,
        validation_alias=AliasChoices("model_id", "model"),
        description="A model of the catalogue; the installation's default otherwise. Alias: model.",
    )
    width: Whole | None = Field(default=None, description="Pixels; the model's own size otherwise.")
    height: Whole | None = Field(default=None, description="Pixels; the model's own size otherwise.")
    samples: Whole = Field(default=1, description="How many pictures, 1 to 4. Number i is drawn with seed + i.")
    num_inference_steps: Whole | None = Field(
        default=None,
        validation_alias=AliasChoices("num_inference_steps", "steps"),
        description="The model's own number otherwise. Alias: steps.",
    )
    guidance_scale: Number | None = Field(default=None, description="How closely to follow the prompt.")
    seed: Whole | None = Field(
        default=None, description="0 to 4294967295; random when it is left out or -1. The same seed, the same picture."
    )
    scheduler: Name | None = Field(default=None, description="A diffusers class name; the model's own otherwise.")
    algorithm_type: Name | None = Field(
        default=None, description="dpmsolver+++ with DPMSolverMultistepScheduler: 2M SDE."
    )
    use_karras_sigmas: Switch | None = Field(default=None, description="Karras spacing of the steps.")
    lora_model: Names = Field(
        default=[], description="LoRAs of the catalogue, with commas between them; they bend how the model draws."
    )
    lora_strength: Strengths = Field(
        default=[],
        description="How much of each, -2 to 2: one number for all, or one for each with commas between; 1 otherwise.",
    )
    embeddings_model: Names = Field(
        default=[],
        validation_alias=AliasChoices("embeddings_model", "embeddings"),
        description="Textual inversions of the catalogue, with commas between them; a prompt that names one by its id "
        "has it without this. Alias: embeddings.",
    )
    vae: Name | None = Field(default=None, description="A VAE of the catalogue; the model's own otherwise.")
    clip_skip: Whole = Field(
        default=1, description="2 reads the text encoder's last layer but one, and so on, as AUTOMATIC1111 counts."
    )
    panorama: Switch = Field(
        default=False,
        description="Draw what is larger than the model's own size in overlapping windows of that size, so that "
        "nothing is doubled or drawn out. It takes as much longer as there are windows.",
    )
    self_attention: Switch = Field(
        default=False,
        description="Self-attention guidance: finer where the network looks most; half as long again or more.",
    )
    tomesd: Switch = Field(
        default=False,
        description="Merge tokens that are alike, which makes large pictures sooner and a little coarser. Nothing is "
        "merged up to the model's own size, where nothing would be gained; meta shows what was done.",
    )
    free_u: Switch = Field(
        default=False, description="FreeU: stronger shapes and less noise in the details, at no cost in time."
    )
    instant_response: Switch = Field(default=False, description="Answer processing at once.")
    base64: Switch = Field(default=False, description="Links end in .base64 and give base64 text.")
    temp: Switch = Field(default=False, description="Links are good for 24 hours.")
    webhook: WebAddress = Field(default=None, description="Where to POST the answer when it is there.")
    track_id: Label | None = Field(default=None, description="Comes back in the webhook as it was sent.")


class Text2Img(Pictured):
    prompt: Text = Field(description="What the picture shows.", examples=[EXAMPLE])
    aspect_ratio: Shape | None = Field(
        default=None,
        description="Like 16:9: where width and height are left out, the model's own number of pixels in this shape.",
    )


class Img2Img(Pictured):
    """The picture is as large as init_image; width and height do not change that."""

    PICTURES = ("init_image",)

    init_image: Images = Field(
        description="The picture to begin from: an address, base64 text, a data URI or a file of a form. Of a list the "
        "first is used."
    )
    strength: Number = Field(default=0.7, description="How much of it is drawn anew, 0 to 1; 1 forgets the picture.")


class Inpaint(Img2Img):
    """The picture is as large as init_image, unless width and height say otherwise."""

    PICTURES = ("init_image", "mask_image")

    mask_image: Images = Field(
        description="Of the shape of init_image: what is white is drawn anew, what is black is kept."
    )


class ControlNet(Pictured):
    """The picture is as large as init_image or control_image, unless width and height say otherwise."""

    PICTURES = ("init_image", "mask_image", "control_image")

    controlnet_model: Names = Field(
        default=[],
        description="ControlNets of the catalogue, with commas between them, or types of them: canny is whichever "
        "ControlNet of that type is installed for the model's family.",
    )
    controlnet_type: Names = Field(
        default=[],
        description="What each reads: canny, scribble, tile, blur, gray, low_quality, inpaint, qrcode, whose hints are "
        "made here, or depth, openpose and others, whose hints come ready-made.",
    )
    auto_hint: Switch | None = Field(
        default=None,
        description="Make the hint of the picture. With no, init_image or control_image is the hint; yes otherwise, "
        "but that a control_image is taken as it is unless yes is said.",
    )
    guess_mode: Switch = Field(default=False, description="Make the most of the hint; it may do without a prompt.")
    init_image: Images | None = Field(
        default=None,
        description="The picture that the hint is made of; beside a control_image or a mask_image, the picture to "
        "begin from.",
    )
    control_image: Images | None = Field(
        default=None, description="A ready-made hint: an address, base64 text or a file; of a list, one a ControlNet."
    )
    mask_image: Images | None = Field(
        default=None, description="Of init_image: what is white is drawn anew, what is black is kept."
    )
    controlnet_conditioning_scale: Strengths = Field(
        default=[], description="How much each steers, 0 to 5: one number for all, or one for each with commas; 1."
    )
    control_guidance_start: Number = Field(
        default=0.0, description="The share of the steps at which it begins to steer."
    )
    control_guidance_end: Number = Field(default=1.0, description="The share of the steps at which it ends.")
    strength: Number = Field(
        default=0.7, description="Of a picture that begins from init_image: how much of it is drawn anew, 0 to 1."
    )


class Fetch(Asked):
    request_id: Label = Field(
        validation_alias=AliasChoices("request_id", "id"), description="The id of a submit's answer."
    )


class ModelNamed(Asked):
    model_id: Name = Field(
        validation_alias=AliasChoices("model_id", "model"), description="A model of the catalogue. Alias: model."
    )
