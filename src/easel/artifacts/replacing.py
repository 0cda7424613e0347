"""What is delivered in the place of a picture that is not."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from easel.domain.request import Replacement

SOFTNESS: Final = 8
"""A blur's sigma is this part of the longer side: nothing but colours is left."""
BLOCKS: Final = 12
"""Along the longer side of a pixelated picture."""
GREY: Final = (32, 32, 32)
LIGHT: Final = (200, 200, 200)
TEXT: Final = "Sensitive content"
TEXT_SHARE: Final = 0.7
"""Of the width, that the text takes."""


def replaced(picture: NDArray[np.uint8], how: Replacement) -> NDArray[np.uint8]:
    """A picture of the same size that does not show what `picture`, height x width x 3, shows."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    match how:
        case "blur":
            image = image.filter(ImageFilter.GaussianBlur(max(height, width) / SOFTNESS))
        case "pixelate":
            block = max(height, width) / BLOCKS
            few = (max(1, round(width / block)), max(1, round(height / block)))
            image = image.resize(few, Image.Resampling.BOX).resize((width, height), Image.Resampling.NEAREST)
        case "black":
            image = Image.new("RGB", (width, height))
        case "sensitive_content_text":
            image = _worded(width, height)
    shown: Any = image
    return np.asarray(shown)


def _worded(width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), GREY)
    drawing = ImageDraw.Draw(image)
    wide = drawing.textlength(TEXT, ImageFont.load_default(100))
    font = ImageFont.load_default(max(6, 100 * TEXT_SHARE * width / wide))
    drawing.text((width / 2, height / 2), TEXT, fill=LIGHT, font=font, anchor="mm")
    return image
