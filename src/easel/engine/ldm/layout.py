"""Whose single-file checkpoint a file is, and what it was trained for. No torch here.

Names and shapes tell the family. They do not tell what the network answers with: that is said by keys and metadata
that newer tools write, by whoever installs the file, or, where nobody says it, taken to be what the family's first
release was: v-prediction for Stable Diffusion 2 (its 768 pixels, not its 512), noise for the others.
"""

from dataclasses import dataclass
from typing import Final

from easel.domain.errors import InvalidRequest
from easel.engine.tensorfile import TensorFile

UNET = "model.diffusion_model."
AUTOENCODER = "first_stage_model."
CLIP = "cond_stage_model.transformer."
OPEN_CLIP = "cond_stage_model.model."
CLIP_OF_XL = "conditioner.embedders.0.transformer."
OPEN_CLIP_OF_XL = "conditioner.embedders.1.model."
OPEN_CLIP_OF_REFINER = "conditioner.embedders.0.model."

V_PREDICTION = "v_prediction"
EPSILON = "epsilon"
OBJECTIVES: Final = (EPSILON, V_PREDICTION)

OTHERS: Final = {
    "model.diffusion_model.joint_blocks.": "Stable Diffusion 3",
    "model.diffusion_model.double_blocks.": "FLUX",
    "double_blocks.": "FLUX",
    OPEN_CLIP_OF_REFINER: "SDXL's refiner",
    "control_model.": "a ControlNet",
    "lora_": "a LoRA",
    "base_model.model.": "a LoRA",
}
"""What else files that begin so are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a checkpoint was trained for."""

    family: str
    objective: str
    resolution: int
    zero_terminal_snr: bool = False
    is_guessed: bool = False
    """Nobody says the objective; it is the family's usual one."""


def trained_for(file: TensorFile, *, objective: str | None = None) -> Trained:
    """What `file` says of itself; `objective` is for a file that does not say it. Raises InvalidRequest, naming it."""
    family = _family(file)
    said = _objective(file)
    chosen = said or objective or (V_PREDICTION if family == "sd2" else EPSILON)
    if chosen not in OBJECTIVES:
        raise InvalidRequest("objective", f"objective must be one of {', '.join(OBJECTIVES)}, not {chosen!r}.")
    return Trained(
        family=family,
        objective=chosen,
        resolution=_resolution(file) or {"sd1": 512, "sdxl": 1024}.get(family, 768 if chosen == V_PREDICTION else 512),
        zero_terminal_snr="ztsnr" in file.tensors,
        is_guessed=said is None and objective is None and family == "sd2",
    )


def _family(file: TensorFile) -> str:
    has = {prefix for prefix in (UNET, AUTOENCODER, CLIP, OPEN_CLIP, CLIP_OF_XL, OPEN_CLIP_OF_XL) if _has(file, prefix)}
    for prefix, what in OTHERS.items():
        if _has(file, prefix):
            raise _unfit(file, f"is of {what}, and no checkpoint of sd1, sd2 or sdxl")
    if UNET not in has:
        raise _unfit(file, "is no single-file checkpoint: it has no tensors under model.diffusion_model")
    if AUTOENCODER not in has:
        raise _unfit(file, "has no autoencoder (first_stage_model); give a file with all parts")
    for family, encoders in {"sdxl": {CLIP_OF_XL, OPEN_CLIP_OF_XL}, "sd2": {OPEN_CLIP}, "sd1": {CLIP}}.items():
        if encoders <= has:
            return family
    raise _unfit(file, "has no text encoder that is known; give a file with all parts")


def _objective(file: TensorFile) -> str | None:
    said = file.metadata
    if "v_pred" in file.tensors or "ztsnr" in file.tensors:
        return V_PREDICTION
    prediction = said.get("modelspec.prediction_type", "").lower()
    if prediction:
        return V_PREDICTION if prediction in ("v", "v-prediction", V_PREDICTION) else EPSILON
    architecture = said.get("modelspec.architecture", "").lower()
    if architecture.startswith("stable-diffusion-v2"):
        return V_PREDICTION if architecture.endswith("-v") else EPSILON
    if "ss_v_parameterization" in said or "ss_v2" in said:
        return V_PREDICTION if said.get("ss_v_parameterization", "").lower() == "true" else EPSILON
    return None


def _resolution(file: TensorFile) -> int | None:
    """`modelspec.resolution` is written as 768x768."""
    width, _, height = file.metadata.get("modelspec.resolution", "").partition("x")
    sides = [int(side) for side in (width, height) if side.strip().isdecimal()]
    side = min(sides, default=0) // 8 * 8
    return side if 64 <= side <= 4096 else None


def _has(file: TensorFile, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in file.tensors)


def _unfit(file: TensorFile, why: str) -> InvalidRequest:
    return InvalidRequest("model_id", f"{file.path} {why}.")
