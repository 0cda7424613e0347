"""A picture made larger, without a model: what /extra-single-image does. It is done here and now, and costs nothing."""

import html
from collections.abc import Mapping
from typing import Any, Final

from PIL import Image, ImageOps

from easel.artifacts.encode import encode_png
from easel.artifacts.infotext import read_embedded
from easel.artifacts.reading import MOST_PIXELS, read_picture
from easel.domain.errors import InvalidRequest
from easel.gateway.dialects.automatic1111.inputs import Size
from easel.gateway.dialects.automatic1111.schemas import Enlarging

NONE: Final = "None"
UPSCALERS: Final[Mapping[str, Image.Resampling]] = {
    "Lanczos": Image.Resampling.LANCZOS,
    "Nearest": Image.Resampling.NEAREST,
}


def enlarge(data: bytes, asked: Enlarging, field: str) -> bytes:
    """A PNG that keeps the picture's `parameters`. Raises InvalidRequest naming the field."""
    first, second = (_upscaler(asked, name) for name in ("upscaler_1", "upscaler_2"))
    picture = read_picture(data, field)
    larger = _resized(picture, asked, first) if first is not None else picture
    if second is not None and asked.extras_upscaler_2_visibility:
        other = _resized(picture, asked, second)
        larger = Image.blend(larger.resize(other.size), other, asked.extras_upscaler_2_visibility)
    return encode_png(larger, read_embedded(data, field).infotext)


def html_info(asked: Enlarging) -> str:
    """What was done, as A1111 says it: in HTML."""
    if asked.upscaler_1 == NONE:
        said = ["upscaler_1 is None: the picture has the size that it had."]
    elif asked.resize_mode == 0:
        said = [f"Postprocess upscale by: {asked.upscaling_resize:g}, Postprocess upscaler: {asked.upscaler_1}"]
    else:
        size = f"{asked.upscaling_resize_w}x{asked.upscaling_resize_h}"
        said = [f"Postprocess upscale to: {size}, Postprocess upscaler: {asked.upscaler_1}"]
    restored = (("gfpgan_visibility", "GFPGAN"), ("codeformer_visibility", "CodeFormer"))
    said += [f"{field} has no effect: {name} is not here." for field, name in restored if getattr(asked, field)]
    return "".join(f"<p>{html.escape(line)}</p>" for line in said)


def listed_upscalers() -> list[dict[str, Any]]:
    return [
        {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": 4.0}
        for name in (NONE, *UPSCALERS)
    ]


def _upscaler(asked: Enlarging, field: str) -> Image.Resampling | None:
    name: str = getattr(asked, field)
    if name in ("", NONE):
        return None
    if name not in UPSCALERS:
        raise InvalidRequest(field, f"{field} is not here: choose {NONE} or {' or '.join(UPSCALERS)}")
    return UPSCALERS[name]


def _resized(picture: Image.Image, asked: Enlarging, resampling: Image.Resampling) -> Image.Image:
    wanted = asked.upscaling_resize_w, asked.upscaling_resize_h
    if asked.resize_mode == 0:
        return picture.resize(_checked(_scaled(picture, asked.upscaling_resize), "upscaling_resize"), resampling)
    _checked(wanted, "upscaling_resize_w")
    if asked.upscaling_crop:
        return ImageOps.fit(picture, wanted, resampling)
    covering = max(wanted[0] / picture.width, wanted[1] / picture.height)
    return picture.resize(_checked(_scaled(picture, covering), "upscaling_resize_w"), resampling)


def _scaled(picture: Image.Image, times: float) -> Size:
    return max(1, round(picture.width * times)), max(1, round(picture.height * times))


def _checked(size: Size, field: str) -> Size:
    if size[0] * size[1] > MOST_PIXELS:
        raise InvalidRequest(
            field, f"{field} makes a picture of {size[0]}x{size[1]}; at most {MOST_PIXELS:,} pixels go"
        )
    return size
