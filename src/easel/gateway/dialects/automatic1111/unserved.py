"""Fields that have no effect here. Clients send most of them with every request, at a value that means nothing: those
are passed over. Any other value is named in the answer, with what was done."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from easel.domain.errors import InvalidRequest
from easel.gateway.dialects.automatic1111.schemas import Drawing, Img2Img, Txt2Img
from easel.gateway.dialects.automatic1111.styling import unknown_styles

Neutral: TypeAlias = tuple[object, ...]

SAID: Final[Mapping[str, tuple[Neutral, str]]] = {
    "subseed_strength": ((0,), "the picture was drawn from its seed alone"),
    "seed_resize_from_h": ((-1, 0), "the picture was drawn from its seed alone"),
    "seed_resize_from_w": ((-1, 0), "the picture was drawn from its seed alone"),
    "restore_faces": ((False,), "faces were not restored"),
    "tiling": ((False,), "the picture's edges do not meet"),
    "eta": ((1,), "each sampler has its own"),
    "s_min_uncond": ((0,), "every step is guided"),
    "s_churn": ((0,), "no noise was added"),
    "s_tmax": ((0,), "no noise was added"),
    "s_tmin": ((0,), "no noise was added"),
    "s_noise": ((1,), "no noise was added"),
    "refiner_checkpoint": (("", "None"), "one checkpoint drew the whole picture"),
    "disable_extra_networks": ((False,), "LoRAs that the prompt names were used"),
    "firstpass_image": (("",), "the first pass was drawn"),
    "infotext": (("",), "send its settings as fields"),
    "firstphase_width": ((0,), "width says how large the first pass is"),
    "firstphase_height": ((0,), "height says how large the first pass is"),
    "image_cfg_scale": ((0, 1, 1.5), "it is for checkpoints that edit by order"),
    "mask_round": ((True,), "the mask was used as it is"),
    "initial_noise_multiplier": ((1,), "the noise has its usual strength"),
}
"""By field: values that mean nothing, and what was done where another was sent."""

OF_THE_SECOND_PASS: Final[Mapping[str, Neutral]] = {
    "hr_checkpoint_name": ("", "Use same checkpoint"),
    "hr_sampler_name": ("", "Use same sampler"),
    "hr_scheduler": ("", "Use same scheduler"),
    "hr_prompt": ("",),
    "hr_negative_prompt": ("",),
}

SERVED: Final = ("controlnet",)
"""Extensions that are read elsewhere."""

MOST_NAMED: Final = 20


def warnings(asked: Txt2Img | Img2Img, sent: Iterable[str]) -> list[str]:
    """A sentence for each field that asks for something and gets nothing. `sent` are the names of all fields."""
    said = [
        f"{field} has no effect here: {done}."
        for field, (neutral, done) in SAID.items()
        if (value := getattr(asked, field, None)) is not None and value not in neutral
    ]
    if isinstance(asked, Txt2Img) and asked.enable_hr:
        said += [
            f"{field} has no effect here: the second pass is drawn like the first."
            for field, neutral in OF_THE_SECOND_PASS.items()
            if (value := getattr(asked, field)) is not None and value not in neutral
        ]
    said += [f"Style {name} is not known here and has no effect." for name in unknown_styles(asked.styles)]
    unknown = [name for name in sent if name not in type(asked).model_fields and len(name) <= 60]
    said += [f"{name} is not known here and has no effect." for name in unknown[:MOST_NAMED]]
    return said


def check_scripts(asked: Drawing) -> None:
    """Raises InvalidRequest for a script or an extension that would draw another picture and is not here.

    Clients send extensions switched off as well: those are passed over.
    """
    if asked.script_name and asked.script_name.lower() != "none":
        raise InvalidRequest("script_name", f"Script '{asked.script_name}' not found; there are no scripts here")
    for name, said in asked.alwayson_scripts.items():
        if name.lower() not in SERVED and _is_on(said):
            raise InvalidRequest(
                "alwayson_scripts",
                f"always on script {name[:60]} not found; without it another picture would come out, so leave it out",
            )


def _is_on(said: object) -> bool:
    """Its arguments begin with whether it is on, or are units that say so themselves."""
    arguments: object = said.get("args") if isinstance(said, dict) else said
    parts: list[object] = arguments if isinstance(arguments, list) else [arguments]
    if not parts or not parts[0]:
        return False
    units: list[dict[str, object]] = [part for part in parts if isinstance(part, dict)]
    return not units or any(unit.get("enabled", unit.get("enable", True)) for unit in units)
