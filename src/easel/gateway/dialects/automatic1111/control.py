"""ControlNet units, as A1111's extension takes them: `alwayson_scripts.controlnet.args`, and the lists beside them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy.orm import Session

from easel.artifacts.blobs import BlobStore
from easel.artifacts.encode import MODULES
from easel.artifacts.inputs import StoredInput, store_picture
from easel.artifacts.reading import read_picture
from easel.catalogue.queries import list_models
from easel.domain.controls import MADE, READY, type_named
from easel.domain.errors import InvalidRequest
from easel.domain.request import ControlUse
from easel.gateway.dialects.automatic1111.inputs import Prepared, Size, resized
from easel.gateway.dialects.automatic1111.options import without_hash
from easel.gateway.dialects.automatic1111.schemas import Asked, Name, Number
from easel.gateway.sources import Sources

SCRIPT: Final = "controlnet"
FIELD: Final = "alwayson_scripts"
MOST_UNITS: Final = 4

RESIZING: Final[Mapping[str | int, int]] = {
    "just resize": 0,
    "crop and resize": 1,
    "resize and fill": 2,
    # What the extension called them before.
    "envelope (outer fit)": 2,
    "scale to fit (inner fit)": 1,
    0: 0,
    1: 1,
    2: 2,
}
GUESSING: Final = (2, "controlnet is more important")
VERSION: Final = 3
"""Of the extension's API."""
FOR_THE_PROMPT: Final = (1, "my prompt is more important")


class Unit(Asked):
    """One ControlNet, and the picture that it reads."""

    enabled: bool = True
    image: str | dict[str, Any] | None = None
    input_image: str | dict[str, Any] | None = None
    mask: str | None = None
    module: Name = READY
    model: Name = "None"
    weight: Number = 1.0
    resize_mode: int | Name = 1
    guidance_start: Number = 0.0
    guidance_end: Number = 1.0
    control_mode: int | Name = 0
    processor_res: int = -1
    threshold_a: Number = -1
    threshold_b: Number = -1
    hr_option: Name = "Both"
    low_vram: bool = False
    pixel_perfect: bool = False
    effective_region_mask: str | None = None

    @property
    def picture(self) -> str | None:
        said = self.image or self.input_image
        return said.get("image") if isinstance(said, dict) else said

    @property
    def kind(self) -> str:
        return type_named(self.module)

    @property
    def mode(self) -> int | str:
        return self.control_mode.strip().lower() if isinstance(self.control_mode, str) else self.control_mode

    @property
    def resizing(self) -> int:
        said = self.resize_mode.strip().lower() if isinstance(self.resize_mode, str) else self.resize_mode
        return RESIZING.get(said, 1)


def units_of(scripts: Mapping[str, object]) -> list[Unit]:
    """Those that are switched on. Raises InvalidRequest for one that cannot be read."""
    said = next((said for name, said in scripts.items() if name.lower() == SCRIPT), None)
    arguments = cast(Mapping[str, object], said).get("args") if isinstance(said, dict) else said
    given = cast(Sequence[object], arguments) if isinstance(arguments, list) else []
    try:
        units = [Unit.read(cast(Mapping[str, object], one)) for one in given if isinstance(one, dict)]
    except InvalidRequest as refusal:
        raise InvalidRequest(FIELD, f"ControlNet's {refusal.message}") from None
    units = [unit for unit in units if unit.enabled and unit.model.lower() not in ("", "none")]
    if len(units) > MOST_UNITS:
        raise InvalidRequest(FIELD, f"{len(units)} ControlNet units are on; at most {MOST_UNITS} draw together")
    return units


def take_in(blobs: BlobStore, sources: Sources, units: Sequence[Unit], size: Size) -> list[StoredInput | None]:
    """The picture of each unit, made to `size` and stored; None for one that reads what img2img begins from."""
    return [_take_in(blobs, sources, unit, size) for unit in units]


def uses_of(
    units: Sequence[Unit], pictures: Sequence[StoredInput | None], begun: Prepared | None
) -> tuple[ControlUse, ...]:
    """Raises InvalidRequest for a unit without a picture."""
    return tuple(_use(unit, picture, begun) for unit, picture in zip(units, pictures, strict=True))


def warnings(units: Sequence[Unit]) -> list[str]:
    """A sentence for each setting of a unit that has no effect here."""
    said: list[str] = []
    for number, unit in enumerate(units):
        name = f"ControlNet {number}"
        if unit.mode in FOR_THE_PROMPT:
            said.append(f"{name}: control_mode is drawn as Balanced; lower its weight to favour the prompt.")
        if unit.mask or unit.effective_region_mask:
            said.append(f"{name}: its mask has no effect here; it steers the whole picture.")
        if unit.kind in MADE and not (unit.threshold_a in (-1, 64) and unit.threshold_b in (-1, 64)):
            said.append(f"{name}: threshold_a and threshold_b have no effect here.")
    return said


def listed_models(session: Session) -> dict[str, Any]:
    found = [model for model in list_models(session) if model.kind == "controlnet" and model.weights]
    return {"model_list": [f"{one.model_id} [{one.sha256[:8]}]" if one.sha256 else one.model_id for one in found]}


def listed_modules() -> dict[str, Any]:
    return {"module_list": [READY, *(MODULES.get(kind, kind) for kind in MADE)]}


def _take_in(blobs: BlobStore, sources: Sources, unit: Unit, size: Size) -> StoredInput | None:
    if not unit.picture:
        return None
    picture = read_picture(sources.read(FIELD, unit.picture), FIELD)
    return store_picture(blobs, resized(picture, size, unit.resizing))


def _use(unit: Unit, picture: StoredInput | None, begun: Prepared | None) -> ControlUse:
    key = picture.key if picture else begun.image if begun else None
    if key is None:
        raise InvalidRequest(FIELD, "A ControlNet unit needs its image, as there is none that the picture begins from")
    if unit.kind not in (READY, *MADE):
        raise InvalidRequest(
            FIELD,
            f"ControlNet's module {unit.module} is not here: send a ready-made hint as image, with module none; those "
            f"that are here are {', '.join(listed_modules()['module_list'])}",
        )
    return ControlUse(
        model_id=without_hash(unit.model),
        kind=unit.kind,
        image=key,
        scale=unit.weight,
        start=unit.guidance_start,
        end=unit.guidance_end,
        guess=unit.mode in GUESSING,
    )
