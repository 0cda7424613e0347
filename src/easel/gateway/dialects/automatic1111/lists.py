"""What clients fill their menus with. Where A1111 has something that is not here, its list is empty."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from easel.catalogue.queries import list_models
from easel.catalogue.tables import Model
from easel.gateway.dialects.automatic1111 import answers, control, extras, samplers
from easel.gateway.dialects.automatic1111.options import title_of
from easel.gateway.dialects.automatic1111.styling import listed_styles
from easel.kit.memory import machine_memory

WIDTHS: Final[Mapping[str, int]] = {"sd1": 768, "sd2": 1024, "sdxl": 2048}
"""Numbers in an embedding's vector, by family."""


def _installed(session: Session, kind: str) -> list[Model]:
    return [model for model in list_models(session) if model.kind == kind and model.weights]


def _checkpoints(session: Session) -> list[dict[str, Any]]:
    return [answers.model(model, title_of(model)) for model in _installed(session, "checkpoint")]


def _vaes(session: Session) -> list[dict[str, Any]]:
    return [{"model_name": model.model_id, "filename": answers.filename(model)} for model in _installed(session, "vae")]


def _loras(session: Session) -> list[dict[str, Any]]:
    return [
        {
            "name": model.model_id,
            "alias": model.facts.get("title") or model.model_id,
            "path": answers.filename(model),
            "metadata": model.facts.get("metadata", {}),
        }
        for model in _installed(session, "lora")
    ]


def _embeddings(session: Session) -> dict[str, Any]:
    loaded = {
        model.model_id: {
            "step": None,
            "sd_checkpoint": None,
            "sd_checkpoint_name": None,
            "shape": WIDTHS.get(model.family or "", 0),
            "vectors": model.facts.get("vectors", 1),
        }
        for model in _installed(session, "embedding")
    }
    return {"loaded": loaded, "skipped": {}}


def _nothing(_: Session) -> list[Any]:
    return []


LISTS: Final[Mapping[str, Callable[[Session], Any]]] = {
    "sd-models": _checkpoints,
    "sd-vae": _vaes,
    "loras": _loras,
    "embeddings": _embeddings,
    "samplers": lambda _: samplers.listed_samplers(),
    "schedulers": lambda _: samplers.listed_schedulers(),
    "upscalers": lambda _: extras.listed_upscalers(),
    "latent-upscale-modes": lambda _: [{"name": "Latent"}],
    "hypernetworks": _nothing,
    "face-restorers": _nothing,
    "realesrgan-models": _nothing,
    "prompt-styles": lambda _: listed_styles(),
    "artist-categories": _nothing,
    "artists": _nothing,
    "extensions": _nothing,
    "scripts": lambda _: {"txt2img": [control.SCRIPT], "img2img": [control.SCRIPT]},
    "script-info": _nothing,
    "cmd-flags": lambda _: {
        "api": True,
        "nowebui": False,
        "api_server_stop": False,
        "lowvram": False,
        "medvram": False,
    },
    "memory": lambda _: _memory(),
}
"""By the last part of the path."""

CONTROL: Final[Mapping[str, Callable[[Session], Any]]] = {
    "version": lambda _: {"version": control.VERSION},
    "model_list": control.listed_models,
    "module_list": lambda _: control.listed_modules(),
}
"""Those of the ControlNet extension."""


def _memory() -> dict[str, Any]:
    total = machine_memory()
    free = min(total, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES"))
    return {
        "ram": {"free": free, "used": total - free, "total": total},
        "cuda": {"error": "pictures are drawn by workers, which have a memory of their own"},
    }
