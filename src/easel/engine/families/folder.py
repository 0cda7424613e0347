"""A checkpoint's folder in diffusers' layout: its settings, and where its weights lie. No torch here."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from easel.domain.errors import InvalidRequest
from easel.engine.samplers import NoiseSchedule

PICKLES = (".bin", ".ckpt", ".pt", ".pth")
LONGEST_SETTINGS = 2**20
"""Bytes of a settings file: a hundred times what one needs."""
MOST_LAYERS = 1000
SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.safetensors$")
NAMES = ("diffusion_pytorch_model", "model")
"""What diffusers and transformers call the file of a part's weights."""

Stamp: TypeAlias = tuple[tuple[str, int, int], ...]


def read_settings(folder: Path, file: str) -> dict[str, Any]:
    """A JSON file of the folder. Raises InvalidRequest when it is not there or no object."""
    path = _inside(folder, folder / file)
    try:
        if path.stat().st_size > LONGEST_SETTINGS:
            raise _unusable(f"{path} is longer than any settings are; download or save the checkpoint again")
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _unusable(f"{path} is missing; the folder must be a whole checkpoint in diffusers' layout") from None
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(f"{path} cannot be read ({error}); download or save the checkpoint again") from None
    if not isinstance(settings, dict):
        raise _unusable(f"{path} is no JSON object; download or save the checkpoint again")
    if any("layers" in name and not _is_modest(value) for name, value in settings.items()):
        raise _unusable(f"{path} asks for more than {MOST_LAYERS} layers; download or save the checkpoint again")
    return settings


def read_noise_schedule(folder: Path) -> NoiseSchedule:
    """The schedule that the checkpoint was trained with. Raises InvalidRequest."""
    try:
        return _schedule_of(folder, stamp([folder / "scheduler" / "scheduler_config.json"]))
    except (ValueError, TypeError) as error:
        raise _unusable(f"{folder}/scheduler/scheduler_config.json: {error}") from None


@lru_cache(maxsize=64)
def _schedule_of(folder: Path, stamp: Stamp) -> NoiseSchedule:
    return NoiseSchedule.from_config(read_settings(folder, "scheduler/scheduler_config.json"))


def stamp(files: Iterable[Path]) -> Stamp:
    """What tells these files from what they were before: which are there, how long, and since when."""
    found: list[tuple[str, int, int]] = []
    for file in files:
        try:
            about = file.stat()
        except OSError:
            continue
        found.append((str(file), about.st_size, about.st_mtime_ns))
    return tuple(sorted(found))


def latent_pixels(folder: Path) -> int:
    """Along each side, that one latent of the checkpoint stands for: 8 where its autoencoder does not say.

    A damaged folder is refused when it is loaded, not here.
    """
    try:
        levels = read_settings(folder, "vae/config.json").get("block_out_channels")
    except InvalidRequest:
        return 8
    return 2 ** (len(levels) - 1) if isinstance(levels, list) else 8


def weights_files(folder: Path, part: str) -> list[Path]:
    """The safetensors files of a part: one, or all of those that it is split into. Raises InvalidRequest without any.

    Those of half precision (`.fp16.`) are taken where there are no others. A pickle runs code when it is read, so it is
    never read, not even to be converted.
    """
    found = sorted((folder / part).glob("*.safetensors"))
    found = [file for file in found if ".fp16" not in file.name] or found
    if found:
        whole = [file for file in found if not SHARD.search(file.name)]
        named = [file for file in whole if file.name.partition(".")[0] in NAMES]
        chosen = named[:1] or whole[:1] or _all_shards(folder / part, found)
        return [_inside(folder, file) for file in chosen]
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


def _all_shards(part: Path, shards: list[Path]) -> list[Path]:
    numbers = [match.groups() for file in shards if (match := SHARD.search(file.name))]
    if {int(number) for number, _ in numbers} != set(range(1, int(numbers[0][1]) + 1)):
        raise _unusable(f"{part} holds {len(shards)} of {int(numbers[0][1])} files; fetch the others")
    return shards


def _inside(folder: Path, file: Path) -> Path:
    """`file`, unless it leads out of the folder. The folders of the hub's cache are made of links into its blobs."""
    folder, real = folder.resolve(), file.resolve()
    blobs = folder.parent.parent / "blobs"
    if real.is_relative_to(folder) or (folder.parent.name == "snapshots" and real.is_relative_to(blobs)):
        return file
    raise _unusable(f"{file} is a link that leads out of the checkpoint's folder; put the file itself there")


def _is_modest(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= MOST_LAYERS and all(map(_is_modest, value))
    return not isinstance(value, int) or value <= MOST_LAYERS


def _unusable(sentence: str) -> InvalidRequest:
    return InvalidRequest("model_id", f"{sentence}.")
