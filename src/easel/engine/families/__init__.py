"""Families of networks by name. One file each, imported when a checkpoint of it is first loaded.

A new one is a file that makes a `LoadedFamily` of a `Source`, and an entry here. Where its noise is not that of a
diffusion schedule, as with flow matching, it brings a `plan` of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from easel.domain.errors import InvalidRequest
from easel.engine.families.folder import latent_pixels, read_noise_schedule, read_settings
from easel.engine.request import PictureRequest, check_size
from easel.engine.samplers import Plan, plan

if TYPE_CHECKING:
    from easel.engine.families.base import LoadedFamily
    from easel.engine.families.source import Source


def plan_diffusion(folder: Path, request: PictureRequest) -> Plan:
    """The run on the noise schedule of the folder. Raises InvalidRequest, and ValueError for too many steps."""
    check_size(request, latent_pixels(folder))
    return plan(read_noise_schedule(folder), request.sampler, request.spacing, request.steps, request.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What must be known of a family before any of its weights are read."""

    loader: str
    """`module:Class` of its `LoadedFamily`, whose `load` takes a Source."""
    parts: tuple[str, ...]
    """The folders that its weights lie in."""
    is_of: Callable[[str, Path], bool]
    """Whether a folder is one of its checkpoints, by the pipeline that model_index.json names and by its settings."""
    plan: Callable[[Path, PictureRequest], Plan] = plan_diffusion

    def load(self, source: "Source") -> "LoadedFamily":
        """Raises InvalidRequest, with a sentence, when the checkpoint cannot be used."""
        module, _, name = self.loader.partition(":")
        return getattr(import_module(module), name).load(source)

    def bring_libraries(self) -> None:
        """Import what the family is made of, as its first load would."""
        import_module(self.loader.partition(":")[0])


def _is_first(pipeline: str, folder: Path) -> bool:
    """Stable Diffusion 1 reads CLIP-L, 768 wide; whatever else has its pipeline is taken for a 2."""
    if not pipeline.startswith("StableDiffusion") or "XL" in pipeline or not (folder / "unet/config.json").exists():
        return False
    return read_settings(folder, "unet/config.json").get("cross_attention_dim") == 768


FAMILIES: Final[dict[str, Family]] = {
    "sd1": Family(
        loader="easel.engine.families.sd2:StableDiffusion",
        parts=("unet", "vae", "text_encoder"),
        is_of=_is_first,
    ),
    "sdxl": Family(
        loader="easel.engine.families.sdxl:StableDiffusionXL",
        parts=("unet", "vae", "text_encoder", "text_encoder_2"),
        is_of=lambda pipeline, _: pipeline.startswith("StableDiffusionXL"),
    ),
    "sd2": Family(
        loader="easel.engine.families.sd2:StableDiffusion",
        parts=("unet", "vae", "text_encoder"),
        is_of=lambda pipeline, _: pipeline.startswith("StableDiffusion"),
    ),
}
"""In the order in which a folder is asked whose it is."""


def family_named(name: str) -> Family:
    """Raises InvalidRequest."""
    if name not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise InvalidRequest("model_id", f"Models of family {name} cannot be drawn; known are {known}.")
    return FAMILIES[name]


def family_of(folder: Path) -> str:
    """The family that the folder's model_index.json speaks of. Raises InvalidRequest for one that is not known."""
    pipeline = str(read_settings(folder, "model_index.json").get("_class_name", ""))
    for name, family in FAMILIES.items():
        if family.is_of(pipeline, folder):
            return name
    known = ", ".join(sorted(FAMILIES))
    raise InvalidRequest(
        "model_id", f"{folder} is for {pipeline or 'no pipeline'}, which cannot be drawn; known families are {known}."
    )
