"""A checkpoint's folder in diffusers' layout: its settings, and that its weights are safetensors. No torch here."""

import json
from pathlib import Path
from typing import Any

from easel.domain.errors import InvalidRequest
from easel.engine.samplers import NoiseSchedule

PICKLES = (".bin", ".ckpt", ".pt", ".pth")


def read_settings(folder: Path, file: str) -> dict[str, Any]:
    """A JSON file of the folder. Raises InvalidRequest when it is not there or no object."""
    path = folder / file
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _unusable(f"{path} is missing; the folder must be a whole checkpoint in diffusers' layout") from None
    except (OSError, ValueError) as error:
        raise _unusable(f"{path} cannot be read ({error}); download or save the checkpoint again") from None
    if not isinstance(settings, dict):
        raise _unusable(f"{path} is no JSON object; download or save the checkpoint again")
    return settings


def read_noise_schedule(folder: Path) -> NoiseSchedule:
    """The schedule that the checkpoint was trained with. Raises InvalidRequest."""
    try:
        return NoiseSchedule.from_config(read_settings(folder, "scheduler/scheduler_config.json"))
    except (ValueError, TypeError) as error:
        raise _unusable(f"{folder}/scheduler/scheduler_config.json: {error}") from None


def weights_variant(folder: Path, part: str) -> str | None:
    """None, or `fp16` when the part's only weights are named so. Raises InvalidRequest where there are no safetensors.

    A pickle runs code when it is read, so it is never read, not even to be converted.
    """
    if any((folder / part).glob("*.safetensors")):
        plain = [file for file in (folder / part).glob("*.safetensors") if ".fp16" not in file.name]
        return None if plain else "fp16"
    pickles = [file.name for file in (folder / part).glob("*") if file.suffix in PICKLES]
    if pickles:
        raise _unusable(
            f"{folder / part} holds pickled weights ({pickles[0]}), which can run code and are never loaded. If you "
            "trust them, convert them elsewhere: DiffusionPipeline.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)"
        )
    raise _unusable(f"{folder / part} holds no .safetensors file; the folder must be a whole checkpoint")


def unreadable(folder: Path, why: str) -> InvalidRequest:
    """The refusal for what is there but does not load."""
    return _unusable(f"{folder} cannot be loaded ({why}); download or save the checkpoint again")


def family_of(folder: Path) -> str:
    """The family that the folder's model_index.json speaks of."""
    pipeline = str(read_settings(folder, "model_index.json").get("_class_name", ""))
    return "sdxl" if "XL" in pipeline else "sd2"


def _unusable(sentence: str) -> InvalidRequest:
    return InvalidRequest("model_id", f"{sentence}.")
