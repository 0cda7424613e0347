"""A picture as a file, with the `parameters` text that the field's tools read back.

The text is the one AUTOMATIC1111 writes: prompt, negative prompt, then one line of settings in its order and quoting.
"""

import io
import json
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from easel import __version__
from easel.domain.request import GenerationRequest
from easel.domain.sampling import Spacing

SAMPLER_TITLES = {"ddim": "DDIM", "euler": "Euler", "dpmpp_2m": "DPM++ 2M"}


def infotext(request: GenerationRequest, *, index: int, model_name: str, model_hash: str | None) -> str:
    """The `parameters` text of picture number `index` of `request`."""
    settings: dict[str, object] = {
        "Steps": request.steps,
        "Sampler": SAMPLER_TITLES.get(request.sampler, str(request.sampler)),
        "Schedule type": None if request.spacing is Spacing.MODEL else request.spacing.replace("_", " ").title(),
        "CFG scale": f"{request.guidance:g}",
        "Seed": request.seed_of(index),
        "Size": f"{request.width}x{request.height}",
        "Model hash": model_hash and model_hash[:10],
        "Model": model_name,
        "RNG": "CPU",
        "Version": f"easel {__version__}",
    }
    line = ", ".join(f"{name}: {_quote(value)}" for name, value in settings.items() if value is not None)
    negative = f"Negative prompt: {request.negative_prompt}\n" if request.negative_prompt else ""
    return f"{request.prompt}\n{negative}{line}"


def encode_png(image: Any, text: str) -> bytes:
    """`image`: uint8 array, height x width x 3. `text` goes into the PNG's `parameters` chunk.

    The bytes depend on the arguments alone: no date is written.
    """
    chunks = PngInfo()
    chunks.add_itxt("parameters", text) if not text.isascii() else chunks.add_text("parameters", text)
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG", pnginfo=chunks)
    return file.getvalue()


def _quote(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text
