"""A picture as a file, with the `parameters` text that the field's tools read back.

The text is the one AUTOMATIC1111 writes: prompt, negative prompt, then one line of settings in its order and quoting.
"""

import io
import json
from collections.abc import Mapping
from typing import Any, Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from easel import __version__
from easel.domain.prompt_tags import put_adapters
from easel.domain.request import ControlUse, Extras, GenerationRequest
from easel.domain.sampling import Sampler, Spacing

EXIF_IFD = 0x8769
USER_COMMENT = 0x9286

FINE = 90
"""From this quality on a JPEG keeps all of its colour."""

# Names as AUTOMATIC1111 and its readers spell them.
SAMPLER_TITLES = {
    Sampler.DDIM: "DDIM",
    Sampler.EULER: "Euler",
    Sampler.EULER_ANCESTRAL: "Euler a",
    Sampler.DPMPP_2M: "DPM++ 2M",
    Sampler.DPMPP_2M_SDE: "DPM++ 2M SDE",
    Sampler.DPMPP_2S: "DPM++ 2S",
    Sampler.HEUN: "Heun",
    Sampler.KDPM2: "DPM2",
    Sampler.KDPM2_ANCESTRAL: "DPM2 a",
    Sampler.UNIPC: "UniPC",
    Sampler.DEIS: "DEIS",
    Sampler.LMS: "LMS",
    Sampler.DDPM: "DDPM",
    Sampler.LCM: "LCM",
    Sampler.PNDM: "PLMS",
    Sampler.IPNDM: "iPNDM",
}
MODULES = {"tile": "tile_resample", "blur": "blur_gaussian", "inpaint": "inpaint_only"}
"""What AUTOMATIC1111's extension calls the making of a hint, where it is not our name."""

SPACING_TITLES = {
    Spacing.MODEL: None,
    Spacing.KARRAS: "Karras",
    Spacing.EXPONENTIAL: "Exponential",
    Spacing.BETA: "Beta",
    Spacing.SGM_UNIFORM: "SGM Uniform",
}


def infotext(
    request: GenerationRequest,
    *,
    index: int,
    model_name: str,
    model_hash: str | None,
    lora_hashes: Mapping[str, str] | None = None,
    embedding_hashes: Mapping[str, str] | None = None,
    control_hashes: Mapping[str, str] | None = None,
) -> str:
    """The `parameters` text of picture number `index` of `request`.

    By model_id, `lora_hashes` are AutoV3, `embedding_hashes` and `control_hashes` the SHA-256 of their files.
    """
    extras = request.extras
    settings: dict[str, object] = {
        "Steps": request.steps,
        "Sampler": SAMPLER_TITLES[request.sampler],
        "Schedule type": SPACING_TITLES[request.spacing],
        "CFG scale": f"{request.guidance:g}",
        "Seed": request.seed_of(index),
        "Size": f"{request.width}x{request.height}",
        "Model hash": model_hash and model_hash[:10],
        "Model": model_name,
        "VAE": extras.vae,
        "Denoising strength": _strength(extras),
        **_second_pass(request),
        "Clip skip": extras.clip_skip if extras.clip_skip > 1 else None,
        "Token merging ratio": f"{extras.token_merging:g}" if extras.token_merging else None,
        "RNG": "CPU",
        "Mask blur": None if extras.mask_image is None else f"{extras.mask_blur:g}",
        **{
            f"ControlNet {number}": _control(control, (control_hashes or {}).get(control.model_id))
            for number, control in enumerate(extras.controls)
        },
        "freeu_enabled": True if extras.free_u else None,
        "SAG Guidance Enabled": True if extras.self_attention else None,
        "SAG Guidance Scale": f"{extras.self_attention:g}" if extras.self_attention else None,
        "Panorama window": extras.window if extras.panorama else None,
        "Lora hashes": _hashes(lora_hashes),
        "TI hashes": _hashes(embedding_hashes),
        "Postprocess upscale by": extras.upscale if extras.upscale > 1 else None,
        "Postprocess upscaler": (extras.upscaler or "Lanczos") if extras.upscale > 1 else None,
        "Emphasis": "Original" if any(mark in f"{request.prompt}{request.negative_prompt}" for mark in "([") else None,
        "Version": f"easel {__version__}",
    }
    line = ", ".join(f"{name}: {_quote(value)}" for name, value in settings.items() if value is not None)
    negative = f"Negative prompt: {request.negative_prompt}\n" if request.negative_prompt else ""
    # LoRAs stand in the prompt, where the field's tools look for them.
    return f"{put_adapters(request.prompt, request.extras.adapters)}\n{negative}{line}"


def _strength(extras: Extras) -> str | None:
    if extras.second_pass:
        return f"{extras.second_pass.strength:g}"
    return None if extras.init_image is None else f"{extras.strength:g}"


def _second_pass(request: GenerationRequest) -> dict[str, object]:
    again = request.extras.second_pass
    if again is None:
        return {}
    scale = (again.width or request.width) / request.width
    return {"Hires upscale": f"{scale:g}", "Hires steps": again.steps, "Hires upscaler": "Lanczos"}


def _hashes(by_name: Mapping[str, str] | None) -> str | None:
    return ", ".join(f"{name}: {hash[:12]}" for name, hash in (by_name or {}).items()) or None


def _control(control: ControlUse, hash: str | None) -> str:
    """As the ControlNet extension of AUTOMATIC1111 writes a unit."""
    settings = {
        "Module": MODULES.get(control.kind, control.kind),
        "Model": f"{control.model_id} [{hash[:8]}]" if hash else control.model_id,
        "Weight": f"{control.scale:g}",
        "Resize Mode": "Crop and Resize",
        "Guidance Start": f"{control.start:g}",
        "Guidance End": f"{control.end:g}",
        "Pixel Perfect": True,
        "Control Mode": "ControlNet is more important" if control.guess else "Balanced",
    }
    return ", ".join(f"{name}: {value}" for name, value in settings.items())


def encode(image: Any, text: str, format: Literal["png", "jpeg", "webp"], quality: int) -> bytes:
    """`image`: uint8 array, height x width x 3, or Pillow's. `text` goes where readers of such a file look for it.

    `quality` is from 1 to 100; a PNG has none. The bytes depend on the arguments alone.
    """
    if format == "png":
        return encode_png(image, text)
    exif = Image.Exif()
    exif.endian = ">"  # of the block, and so of the characters: readers take either's word for both
    # EXIF 2.3, table 9: eight bytes name the characters.
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = b"UNICODE\0" + text.encode("utf-16-be")
    file = io.BytesIO()
    options = {"subsampling": 0} if format == "jpeg" and quality >= FINE else {}
    _picture(image).save(file, format=format.upper(), quality=quality, exif=exif, **options)
    return file.getvalue()


def encode_png(image: Any, text: str) -> bytes:
    """`image`: uint8 array, height x width x 3, or Pillow's. `text` goes into the PNG's `parameters` chunk.

    The bytes depend on the arguments alone: no date is written.
    """
    chunks = PngInfo()
    chunks.add_itxt("parameters", text) if not text.isascii() else chunks.add_text("parameters", text)
    file = io.BytesIO()
    _picture(image).save(file, format="PNG", pnginfo=chunks)
    return file.getvalue()


def _picture(image: Any) -> Image.Image:
    return image if isinstance(image, Image.Image) else Image.fromarray(image)


def _quote(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text
