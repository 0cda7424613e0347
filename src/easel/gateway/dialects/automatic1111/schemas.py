"""What may be asked, as A1111 1.10 and its clients (webuiapi 0.9) send it. Null is the same as left out."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from easel.domain.errors import InvalidRequest

MOST_IMAGES = 16
LONGEST_NAME = 200

Name: TypeAlias = Annotated[str, Field(max_length=LONGEST_NAME)]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class Asked(BaseModel):
    """Fields nobody knows have no effect; `unserved` names them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Self:
        """Raises InvalidRequest about the first field that is wrong."""
        check_plain(fields)
        try:
            return cls.model_validate({name: value for name, value in fields.items() if value is not None})
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, problem["loc"]))
        if problem["type"] == "missing":
            raise InvalidRequest(field, f"{field} is required")
        raise InvalidRequest(field, f"{field}: {problem['msg']}")


class Drawing(Asked):
    """What txt2img and img2img share."""

    prompt: str = Field(default="", description="What the picture shows; `<lora:NAME:0.8>` names LoRAs.")
    negative_prompt: str = Field(default="", description="What it should not show.")
    styles: list[Name] = Field(default=[], description="Names of /sdapi/v1/prompt-styles, applied in turn.")
    seed: int = Field(default=-1, description="0 to 4294967295, -1 for a random one; picture i has seed + i.")
    subseed: int = Field(default=-1, description="Without effect.")
    subseed_strength: Number = Field(default=0, description="Without effect.")
    seed_resize_from_h: int = Field(default=-1, description="Without effect.")
    seed_resize_from_w: int = Field(default=-1, description="Without effect.")
    sampler_name: Name | None = Field(
        default=None, description="`DPM++ 2M` or, as older clients say, `DPM++ 2M Karras`; the model's own otherwise."
    )
    sampler_index: Name | None = Field(default=None, description="The older name of sampler_name, which wins.")
    scheduler: Name | None = Field(default=None, description="Name or label; Automatic is what A1111 would choose.")
    batch_size: int = Field(default=1, ge=1, description="Pictures are batch_size times n_iter.")
    n_iter: int = Field(default=1, ge=1, description="See batch_size.")
    steps: int | None = Field(default=None, description="The model's own number otherwise.")
    cfg_scale: Number | None = Field(default=None, description="The model's own otherwise.")
    width: int | None = Field(default=None, description="Pixels; the nearest size that the model draws, and says so.")
    height: int | None = Field(default=None, description="See width.")
    restore_faces: bool = Field(default=False, description="Without effect.")
    tiling: bool = Field(default=False, description="Without effect.")
    do_not_save_samples: bool = Field(default=False, description="See save_images.")
    do_not_save_grid: bool = Field(default=False, description="Grids are not made.")
    eta: Number | None = Field(default=None, description="Without effect, as are the five below.")
    s_min_uncond: Number | None = Field(default=None, description="Without effect.")
    s_churn: Number | None = Field(default=None, description="Without effect.")
    s_tmax: Number | None = Field(default=None, description="Without effect.")
    s_tmin: Number | None = Field(default=None, description="Without effect.")
    s_noise: Number | None = Field(default=None, description="Without effect.")
    override_settings: dict[str, Any] = Field(default={}, description="Options for this request alone.")
    override_settings_restore_afterwards: bool = Field(
        default=True, description="False keeps override_settings as the client's options."
    )
    refiner_checkpoint: Name | None = Field(default=None, description="Without effect.")
    refiner_switch_at: Number | None = Field(default=None, description="Without effect.")
    disable_extra_networks: bool = Field(default=False, description="Without effect.")
    firstpass_image: str | None = Field(default=None, description="Without effect.")
    script_name: Name | None = Field(default=None, description="Refused: there are no scripts here.")
    script_args: list[Any] | dict[str, Any] = Field(default=[], description="See script_name.")
    alwayson_scripts: dict[str, Any] = Field(
        default={}, description="Extensions; one that is asked for and is not here is refused."
    )
    send_images: bool = Field(default=True, description="False leaves the pictures out of the answer.")
    save_images: bool = Field(default=False, description="True keeps the pictures in the account, false for a day.")
    force_task_id: Name | None = Field(default=None, description="A name that /internal/progress knows it by.")
    infotext: str | None = Field(default=None, description="Without effect.")


class Txt2Img(Drawing):
    """POST /sdapi/v1/txt2img"""

    enable_hr: bool = Field(default=False, description="Draw small, enlarge and draw again.")
    denoising_strength: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Of the second pass; 0.7 otherwise."
    )
    firstphase_width: int = Field(default=0, description="Without effect.")
    firstphase_height: int = Field(default=0, description="Without effect.")
    hr_scale: Annotated[float, Field(ge=1, le=4, allow_inf_nan=False)] = Field(
        default=2.0, description="How much larger the second pass is."
    )
    hr_upscaler: Name | None = Field(default=None, description="Without effect.")
    hr_second_pass_steps: Annotated[int, Field(ge=0)] = Field(default=0, description="0 is as many as in the first.")
    hr_resize_x: Annotated[int, Field(ge=0)] = Field(default=0, description="Pixels, in place of hr_scale.")
    hr_resize_y: Annotated[int, Field(ge=0)] = Field(default=0, description="Pixels, in place of hr_scale.")
    hr_checkpoint_name: Name | None = Field(default=None, description="Without effect.")
    hr_sampler_name: Name | None = Field(default=None, description="Without effect.")
    hr_scheduler: Name | None = Field(default=None, description="Without effect.")
    hr_prompt: str = Field(default="", description="Without effect.")
    hr_negative_prompt: str = Field(default="", description="Without effect.")


class Img2Img(Drawing):
    """POST /sdapi/v1/img2img: with a mask its white part is drawn anew, without one all of the picture is."""

    init_images: list[str] = Field(
        min_length=1, max_length=MOST_IMAGES, description="Base64, data URIs or addresses; several are drawn in turn."
    )
    resize_mode: Literal[0, 1, 2, 3] = Field(
        default=0, description="0 stretches, 1 crops, 2 fills the borders, 3 (in latents) is drawn as 0."
    )
    denoising_strength: Share = Field(default=0.75, description="How much of the picture is drawn anew.")
    image_cfg_scale: Number | None = Field(default=None, description="Without effect: of models that edit by order.")
    mask: str | None = Field(default=None, description="White is drawn anew.")
    latent_mask: str | None = Field(default=None, description="The same as mask, which wins.")
    mask_blur: Annotated[float, Field(ge=0, le=64)] = Field(default=4, description="Sigma in pixels.")
    mask_blur_x: Annotated[float, Field(ge=0, le=64)] | None = Field(
        default=None, description="The larger of mask_blur_x and mask_blur_y is used for both."
    )
    mask_blur_y: Annotated[float, Field(ge=0, le=64)] | None = Field(default=None, description="See mask_blur_x.")
    mask_round: bool = Field(default=True, description="Without effect.")
    inpainting_fill: Literal[0, 1, 2, 3] = Field(
        default=0,
        description="What the masked part begins from: 0 its surroundings, 1 what is there, 2 and 3 plain grey.",
    )
    inpaint_full_res: bool = Field(
        default=True, description="Draw the part around the mask at full size and put it back into the picture."
    )
    inpaint_full_res_padding: Annotated[int, Field(ge=0, le=4096)] = Field(
        default=0, description="Pixels around the mask that are seen while it is drawn."
    )
    inpainting_mask_invert: Literal[0, 1] = Field(default=0, description="1 draws the black part anew.")
    initial_noise_multiplier: Number | None = Field(default=None, description="Without effect.")
    include_init_images: bool = Field(default=False, description="Give the inputs back in `parameters`.")

    @property
    def blur(self) -> float:
        """Pixels, a Gaussian's sigma."""
        said = [blur for blur in (self.mask_blur_x, self.mask_blur_y) if blur is not None]
        return max(said, default=self.mask_blur)

    @property
    def mask_image(self) -> str | None:
        return self.mask or self.latent_mask


class Enlarging(Asked):
    """What extra-single-image and extra-batch-images share."""

    resize_mode: Literal[0, 1] = Field(default=0, description="0 by upscaling_resize, 1 to a size.")
    show_extras_results: bool = Field(default=True, description="False leaves the picture out of the answer.")
    gfpgan_visibility: Share = Field(default=0, description="Without effect.")
    codeformer_visibility: Share = Field(default=0, description="Without effect.")
    codeformer_weight: Share = Field(default=0, description="Without effect.")
    upscaling_resize: Annotated[float, Field(gt=0, le=8)] = Field(default=2, description="Times as large.")
    upscaling_resize_w: Annotated[int, Field(ge=1, le=8192)] = Field(default=512, description="Pixels.")
    upscaling_resize_h: Annotated[int, Field(ge=1, le=8192)] = Field(default=512, description="Pixels.")
    upscaling_crop: bool = Field(default=True, description="Cut off what stands over the size.")
    upscaler_1: Name = Field(default="None", description="One of /sdapi/v1/upscalers; None leaves the size.")
    upscaler_2: Name = Field(default="None", description="Blended over the first.")
    extras_upscaler_2_visibility: Share = Field(default=0, description="How much of the second is seen.")
    upscale_first: bool = Field(default=False, description="Without effect.")


class ExtraSingle(Enlarging):
    """POST /sdapi/v1/extra-single-image"""

    image: str = Field(description="Base64, a data URI or an address.")


class NamedImage(BaseModel):
    data: str
    name: str = ""


class ExtraBatch(Enlarging):
    """POST /sdapi/v1/extra-batch-images"""

    imageList: list[NamedImage] = Field(min_length=1, max_length=MOST_IMAGES)


class PngInfo(Asked):
    """POST /sdapi/v1/png-info"""

    image: str = Field(description="Base64 or a data URI of the whole file.")


class Task(Asked):
    """POST /internal/progress"""

    id_task: Name = ""
    id_live_preview: int = -1
    live_preview: bool = True


def check_plain(value: object) -> None:
    """Raises InvalidRequest for what could be neither stored nor given back: NaN, NUL, half a surrogate pair."""
    ahead: list[tuple[str, object]] = [("body", value)]
    while ahead:
        field, value = ahead.pop()
        match value:
            case dict():
                ahead += [(field, name) for name in value]
                ahead += [(str(name), inner) for name, inner in value.items()]
            case list():
                ahead += [(field, inner) for inner in value]
            case float() if not math.isfinite(value):
                raise InvalidRequest("body", "The body holds a number that is none (NaN or Infinity)")
            case str() if "\0" in value or not _is_unicode(value):
                raise InvalidRequest(
                    "body", "The body holds a character that is no text; remove NUL and half of a surrogate pair"
                )
            case _:
                pass


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
