"""The shapes of answers.

`info` is a JSON object written as a string, as A1111 has it, with all of its keys; what it has no key for stands in
`easel` there, which clients keep and ignore.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from easel import __version__
from easel.artifacts.encode import SAMPLER_TITLES
from easel.artifacts.infotext import Embedded, parse_infotext
from easel.catalogue.tables import Model
from easel.gateway.dialects.automatic1111.drafts import Settled
from easel.gateway.dialects.automatic1111.options import HASH_DIGITS
from easel.gateway.dialects.automatic1111.progress import timestamp
from easel.gateway.dialects.automatic1111.schemas import Drawing, Img2Img
from easel.gateway.dialects.automatic1111.styling import styled
from easel.gateway.errors import Refusal
from easel.generations.queries import GenerationView
from easel.jobs.states import JobState

FIELDS: Final[Mapping[str, str]] = {
    "num_inference_steps": "steps",
    "guidance_scale": "cfg_scale",
    "init_image": "init_images",
    "mask_image": "mask",
    "samples": "batch_size",
    "strength": "denoising_strength",
    "model_id": "override_settings.sd_model_checkpoint",
    "lora_model": "prompt",
    "lora_strength": "prompt",
    "embeddings_model": "prompt",
    "controlnet_model": "alwayson_scripts",
    "controlnet_type": "alwayson_scripts",
    "controlnet_conditioning_scale": "alwayson_scripts",
    "control_guidance_start": "alwayson_scripts",
    "control_guidance_end": "alwayson_scripts",
    "auto_hint": "alwayson_scripts",
    "vae": "override_settings.sd_vae",
    "clip_skip": "override_settings.CLIP_stop_at_last_layers",
}
"""A field of ours by the name that this API has for it."""

RENAMED: Final = ("num_inference_steps", "guidance_scale", "init_image", "mask_image", "clip_skip")
"""Those whose names stand in sentences, and mean nothing to a client of this API."""

INFO: Final = frozenset(
    (
        "Steps",
        "Sampler",
        "CFG scale",
        "Seed",
        "Size",
        "Model hash",
        "Model",
        "Denoising strength",
        "Clip skip",
        "Version",
    )
)
"""Settings of an infotext that `info` has keys of its own for."""

UNPROCESSABLE: Final = 422


@dataclass(frozen=True, slots=True)
class Picture:
    """One that was drawn, as it is sent."""

    data: bytes
    infotext: str
    seed: int


def drawn(
    asked: Drawing, settled: Settled, views: Sequence[GenerationView], pictures: Sequence[Picture], warnings: list[str]
) -> dict[str, Any]:
    """The answer to txt2img and img2img."""
    return {
        "images": [encoded(picture.data) for picture in pictures] if asked.send_images else [],
        "parameters": parameters(asked),
        "info": json.dumps(info(asked, settled, views, pictures, warnings)),
    }


def parameters(asked: Drawing) -> dict[str, Any]:
    """What was asked, with everything that was left out."""
    said = asked.model_dump(mode="json")
    if isinstance(asked, Img2Img) and not asked.include_init_images:
        said |= {"init_images": None, "mask": None, "latent_mask": None}
    return said


def info(
    asked: Drawing, settled: Settled, views: Sequence[GenerationView], pictures: Sequence[Picture], warnings: list[str]
) -> dict[str, Any]:
    """What was really used. Each list has an entry a picture."""
    request, number = views[0].request, len(pictures)
    first = parse_infotext(pictures[0].infotext).settings if pictures else {}
    extras, (prompt, negative_prompt) = request.extras, styled(asked)
    return {
        "prompt": prompt,
        "all_prompts": [prompt] * number,
        "negative_prompt": negative_prompt,
        "all_negative_prompts": [negative_prompt] * number,
        "seed": pictures[0].seed if pictures else request.seed,
        "all_seeds": [picture.seed for picture in pictures],
        "subseed": asked.subseed,
        "all_subseeds": [asked.subseed] * number,
        "subseed_strength": 0,
        "width": request.width,
        "height": request.height,
        "sampler_name": SAMPLER_TITLES[request.sampler],
        "cfg_scale": request.guidance,
        "steps": request.steps,
        "batch_size": asked.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": settled.model.model_id,
        "sd_model_hash": (settled.model.sha256 or "")[:HASH_DIGITS] or None,
        "sd_vae_name": extras.vae,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": _denoising(views[0]),
        "extra_generation_params": {name: value for name, value in first.items() if name not in INFO},
        "index_of_first_image": 0,
        "infotexts": [picture.infotext for picture in pictures],
        "styles": asked.styles,
        "job_timestamp": timestamp(views[0]),
        "clip_skip": extras.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": f"easel {__version__}",
        "easel": {"ids": [view.id for view in views], "warnings": _all_said(views, warnings)},
    }


def error(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """Status and body. A field that is wrong is named as FastAPI does, which A1111 is made with."""
    status, message = refusal.status, _renamed(refusal.message)
    if refusal.field == "model_id" and message.startswith("Model not found"):
        status = 404
    if status == 400:
        field = FIELDS.get(refusal.field or "", refusal.field or "body")
        place = ["body"] if field == "body" else ["body", *field.split(".")]
        said = {"type": "value_error", "loc": place, "msg": message}
        return UNPROCESSABLE, {"error": "RequestValidationError", "detail": [said], "body": "", "errors": message}
    return status, {"error": "HTTPException", "detail": message, "body": "", "errors": message}


def png_info(found: Embedded) -> dict[str, Any]:
    """The text, and its settings in A1111's words: a size is two numbers, and what it does not say is what it means."""
    if not found.infotext:
        return {"info": "", "items": found.others, "parameters": {}}
    read = parse_infotext(found.infotext)
    said: dict[str, Any] = {"Prompt": read.prompt, "Negative prompt": read.negative_prompt}
    for name, value in read.settings.items():
        width, cross, height = value.partition("x")
        if cross and width.isdecimal() and height.isdecimal():
            said |= {f"{name}-1": width, f"{name}-2": height}
        else:
            said[name] = value
    usual = {"Clip skip": "1", "Schedule type": "Automatic", "RNG": "GPU"}
    return {"info": found.infotext, "items": found.others, "parameters": usual | said if read.settings else said}


def model(known: Model, title: str) -> dict[str, Any]:
    return {
        "title": title,
        "model_name": known.model_id,
        "hash": (known.sha256 or "")[:HASH_DIGITS] or None,
        "sha256": known.sha256,
        "filename": filename(known),
        "config": None,
    }


def filename(known: Model) -> str:
    """Of no file: where weights lie is nobody's business, and clients only cut an ending off."""
    return f"{known.model_id}.safetensors"


def encoded(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _denoising(view: GenerationView) -> float | None:
    extras = view.request.extras
    if extras.init_image is not None:
        return extras.strength
    return extras.second_pass.strength if extras.second_pass else None


def _all_said(views: Sequence[GenerationView], warnings: list[str]) -> list[str]:
    ends = {
        JobState.CANCELLED: "Request {0} was interrupted; what was not drawn costs nothing.",
        JobState.FAILED: "Request {0} failed and costs nothing: {1}",
        JobState.QUEUED: "Request {0} is not done yet; it goes on.",
        JobState.RUNNING: "Request {0} is not done yet; it goes on.",
    }
    unfinished = [ends[view.state].format(view.id, view.error) for view in views if view.state in ends]
    return list(dict.fromkeys([*warnings, *unfinished, *(note for view in views for note in view.notes)]))


def _renamed(message: str) -> str:
    for ours in RENAMED:
        message = re.sub(rf"\b{ours}\b", FIELDS[ours].rpartition(".")[2], message)
    return message
