"""The fields of the ControlNet routes: which picture is a hint, of which one a hint is made, and which is begun from.

A control_image is a ready-made hint, unless auto_hint is said to be on and its hint can be made here. Without one the
hint is made of init_image, or with auto_hint off init_image is the hint. The picture begins from init_image where there
is a control_image or a mask beside it; otherwise it begins from noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from easel.artifacts.inputs import StoredInput
from easel.domain.controls import LARGEST_SCALE, MADE, OWN, OWN_OR_READY, READY, TYPES, type_named
from easel.domain.errors import InvalidRequest
from easel.domain.request import ControlUse, Extras
from easel.gateway.dialects.modelslab.schemas import CONTROL_IMAGE, ControlNet
from easel.gateway.sources import nth

Stored: TypeAlias = Mapping[str, StoredInput]
"""The pictures that came with a request, by field."""


@dataclass(frozen=True, slots=True)
class Steered:
    extras: Extras
    warnings: list[str]


def steered(extras: Extras, asked: ControlNet, stored: Stored) -> Steered:
    """`extras` with the ControlNets of the request. Raises InvalidRequest naming the field that is wrong."""
    names = asked.controlnet_model or asked.controlnet_type
    if not names:
        raise InvalidRequest(
            "controlnet_model", "controlnet_model is required: the id of a ControlNet, or a type such as canny"
        )
    ready = [stored[name] for at in range(len(stored)) if (name := nth(CONTROL_IMAGE, at)) in stored]
    types = _types(asked, names)
    scales = _scales(asked, names)
    said = [f"controlnet_conditioning_scale was lowered to {LARGEST_SCALE:g}."] if max(scales) > LARGEST_SCALE else []
    uses: list[ControlUse] = []
    for at, (name, kind, scale) in enumerate(zip(names, types, scales, strict=True)):
        image, hint = _hint(asked, stored, ready, at, kind)
        if asked.auto_hint and ready and hint == READY:
            said.append(f"No hint of type {kind} is made here: control_image was taken as a ready-made one.")
        uses.append(
            ControlUse(
                model_id=name,
                kind=hint,
                image=image,
                scale=min(scale, LARGEST_SCALE),
                start=asked.control_guidance_start,
                end=asked.control_guidance_end,
                guess=asked.guess_mode,
            )
        )
    begins_from_picture = bool(ready) or extras.mask_image is not None
    if "strength" in asked.model_fields_set and not (begins_from_picture and extras.init_image):
        said.append("strength has an effect with init_image and a control_image or a mask_image beside it only.")
    begun = extras if begins_from_picture else replace(extras, init_image=None)
    return Steered(replace(begun, controls=tuple(uses), strength=asked.strength), list(dict.fromkeys(said)))


def said_of(asked: ControlNet, stored: Stored) -> dict[str, str | None]:
    """What answers say of it: the types as they were named, and which field held the hint or its picture."""
    return {
        "type": ",".join(asked.controlnet_type) or None,
        "field": CONTROL_IMAGE if CONTROL_IMAGE in stored else "init_image",
    }


def _types(asked: ControlNet, names: Sequence[str]) -> list[str]:
    """What each ControlNet reads: as was said, else by a name that is a type, else what it was installed for."""
    if len(asked.controlnet_type) > len(names):
        raise InvalidRequest(
            "controlnet_type",
            f"controlnet_type names {len(asked.controlnet_type)} types and controlnet_model {len(names)} ControlNets; "
            "send one for each",
        )
    said = [*map(type_named, asked.controlnet_type), *[OWN] * (len(names) - len(asked.controlnet_type))]
    return [
        type_named(name) if kind == OWN and type_named(name) in TYPES else kind
        for name, kind in zip(names, said, strict=True)
    ]


def _scales(asked: ControlNet, names: Sequence[str]) -> list[float]:
    """One is that of all; of several, those that are missing are 1."""
    said = asked.controlnet_conditioning_scale
    if len(said) > len(names):
        raise InvalidRequest(
            "controlnet_conditioning_scale",
            f"controlnet_conditioning_scale has {len(said)} numbers and controlnet_model names {len(names)} "
            "ControlNets; send one for each",
        )
    said = said * len(names) if len(said) == 1 else said
    return [*said, *[1.0] * (len(names) - len(said))]


def _hint(asked: ControlNet, stored: Stored, ready: Sequence[StoredInput], at: int, kind: str) -> tuple[str, str]:
    """The key of the picture that ControlNet number `at` reads, and how its hint is made."""
    if ready:
        image = ready[min(at, len(ready) - 1)]
        if not asked.auto_hint:
            return image.key, READY
        return image.key, OWN_OR_READY if kind == OWN else kind if kind in MADE else READY
    if "init_image" not in stored:
        raise InvalidRequest(
            "init_image", "init_image or control_image is required: the picture that a hint is made of, or the hint"
        )
    return stored["init_image"].key, READY if asked.auto_hint is False else kind
