"""The `meta` of an answer: what was really used. Each kind of route has the keys that its clients know.

Numbers are numbers and switches are yes and no, however they were sent.
"""

from typing import Any, Final, TypeAlias

from easel.domain.controls import READY
from easel.domain.sampling import Spacing
from easel.gateway.dialects.modelslab.links import Links
from easel.gateway.dialects.modelslab.schedulers import is_stochastic_sampler, wire_name
from easel.generations.queries import GenerationView

Meta: TypeAlias = dict[str, Any]

OUTDIR: Final = "out"
"""A folder of the original, which some clients look for."""


def meta(view: GenerationView, links: Links) -> Meta:
    drawn = _realtime(view) if view.details.get("realtime") else _images(view)
    return drawn | _sources(view, links) | _controls(view, links)


def meta_on_its_way(view: GenerationView, links: Links) -> Meta:
    """Before the pictures are there: also where and under which name they will be."""
    return meta(view, links) | {
        "webhook": view.webhook,
        "track_id": view.track_id,
        "id": str(view.id),
        "file_prefix": f"{view.uuid}.png",
        "is_sdxl": False,
        "output": links.pictures(view),
    }


def _images(view: GenerationView) -> Meta:
    """The size and the steps stand under both of their names."""
    request, details = view.request, view.details
    width, height = _size(view)
    embeddings = ",".join(request.extras.embeddings)
    return {
        "prompt": request.prompt,
        "model_id": request.model_id,
        "negative_prompt": request.negative_prompt,
        "scheduler": wire_name(request.sampler),
        "safety_checker": yes_no(request.extras.safety is not None),
        "W": width,
        "H": height,
        "width": width,
        "height": height,
        "guidance_scale": request.guidance,
        "seed": request.seed,
        "steps": request.steps,
        "num_inference_steps": request.steps,
        "n_samples": request.samples,
        "instant_response": yes_no(details.get("instant_response", False)),
        "ip_adapter_id": None,
        "enhance_prompt": yes_no(details.get("enhance_prompt", False)),
        "ip_adapter_scale": 0.6,
        "ip_adapter_image": None,
        "upscale": request.extras.upscale if request.extras.upscale > 1 else "no",
        "use_karras_sigmas": yes_no(request.spacing is Spacing.KARRAS),
        "algorithm_type": "dpmsolver+++" if is_stochastic_sampler(request.sampler) else "no",
        "safety_checker_type": details.get("safety_checker_type", "sensitive_content_text"),
        "vae": request.extras.vae,
        "lora": ",".join(use.model_id for use in request.extras.adapters) or None,
        "lora_strength": ",".join(f"{use.strength:g}" for use in request.extras.adapters) or 1,
        **({"embeddings": embeddings} if embeddings else {}),
        **({"highres_fix": "yes"} if request.extras.second_pass else {}),
        **({"enhance_style": details["enhance_style"]} if details.get("enhance_style") else {}),
        **({"multi_lingual": "yes"} if details.get("multi_lingual") else {}),
        "panorama": yes_no(request.extras.panorama),
        "self_attention": yes_no(request.extras.self_attention > 0),
        "tomesd": yes_no(request.extras.token_merging > 0),
        "free_u": yes_no(request.extras.free_u),
        "clip_skip": request.extras.clip_skip,
        "watermark": "no",
        "temp": yes_no(view.temporary),
        "base64": yes_no(details.get("base64", False)),
    }


def _realtime(view: GenerationView) -> Meta:
    request, details = view.request, view.details
    width, height = _size(view)
    return {
        "base64": yes_no(details.get("base64", False)),
        "enhance_prompt": yes_no(details.get("enhance_prompt", False)),
        "enhance_style": details.get("enhance_style"),
        "file_prefix": view.uuid,
        "guidance_scale": request.guidance,
        "height": height,
        "width": width,
        "instant_response": yes_no(details.get("instant_response", False)),
        "model_id": request.model_id,
        "n_samples": request.samples,
        "negative_prompt": request.negative_prompt,
        "num_inference_steps": request.steps,
        "outdir": OUTDIR,
        "prompt": request.prompt,
        "safety_checker": yes_no(request.extras.safety is not None),
        "safety_checker_type": details.get("safety_checker_type", "black"),
        "seed": request.seed,
        "temp": yes_no(view.temporary),
    }


def _size(view: GenerationView) -> tuple[int, int]:
    """As it was asked, before an upscale that stands beside it."""
    request = view.request
    return request.output_size if request.extras.output_width else request.drawn_size


def _sources(view: GenerationView, links: Links) -> Meta:
    extras = view.request.extras
    if extras.init_image is None:
        return {}
    masked = {"mask_image": links.input(view, "mask_image", extras.mask_image)} if extras.mask_image else {}
    init_image = links.input(view, "init_image", extras.init_image)
    return {"init_image": init_image, **masked, "strength": extras.strength, "outdir": OUTDIR}


def _controls(view: GenerationView, links: Links) -> Meta:
    """The scale is a text, as clients know it."""
    extras = view.request.extras
    if not extras.controls:
        return {}
    said = view.details.get("control", {})
    field = said.get("field", "control_image")
    return {
        "controlnet_model": ",".join(control.model_id for control in extras.controls),
        "controlnet_type": said.get("type"),
        "auto_hint": yes_no(any(control.kind != READY for control in extras.controls)),
        "guess_mode": yes_no(any(control.guess for control in extras.controls)),
        "controlnet_conditioning_scale": ",".join(f"{control.scale:g}" for control in extras.controls),
        "control_image": None,
        field: links.input(view, field, extras.controls[0].image),
    }


def yes_no(on: bool) -> str:
    return "yes" if on else "no"
