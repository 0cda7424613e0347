"""What can be chosen on a playground beside numbers: the checkpoint that draws, LoRAs, samplers, spacings, styles."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from easel.artifacts.encode import SAMPLER_TITLES, SPACING_TITLES
from easel.catalogue.adapters import MOST_ADAPTERS
from easel.catalogue.limits import read_lora_defaults
from easel.catalogue.tables import Model
from easel.site.addresses import model_address
from easel.site.form import PlaygroundForm
from easel.site.words import number
from easel.wording.styles import styles

FEW: Final = 20
"""LoRAs. Of more of them each row of choices makes the page too long to have all rows at once."""

SAMPLERS: Final[Mapping[str, str]] = {sampler.value: title for sampler, title in SAMPLER_TITLES.items()}
SPACINGS: Final[Mapping[str, str]] = {
    spacing.value: title or "The model's own" for spacing, title in SPACING_TITLES.items()
}


@dataclass(frozen=True)
class Base:
    """A checkpoint that may draw on a page."""

    value: str
    """As the form says it: empty for the one that draws when nothing is chosen."""
    name: str
    address: str
    """Of the playground where it is chosen."""


@dataclass(frozen=True)
class LoraRow:
    model_id: str
    strength: str
    is_fixed: bool = False
    """On the page of the LoRA itself."""


def bases_of(models: list[Model], page: Model, draws: Model) -> list[Base]:
    """On a LoRA's page those of its family; on a checkpoint's page all, each with its own page."""
    fit = [one for one in models if one.kind == "checkpoint" and one.weights and one.model_id != draws.model_id]
    if page.kind == "lora":
        fit = [one for one in fit if one.family == draws.family]
        return [
            Base("", draws.name, model_address(page)),
            *(Base(one.model_id, one.name, model_address(page, base=one.model_id)) for one in fit),
        ]
    return [
        Base("", draws.name, model_address(page)),
        *(Base(one.model_id, one.name, model_address(one)) for one in fit),
    ]


def loras_for(models: list[Model], checkpoint: Model) -> dict[str, str]:
    """Names of the LoRAs that are here for a checkpoint, by id."""
    return {
        one.model_id: one.name
        for one in models
        if one.kind == "lora" and one.weights and one.family in (None, checkpoint.family)
    }


def lora_rows(form: PlaygroundForm, page: Model, loras: Mapping[str, str]) -> list[LoraRow]:
    """The rows that are in use, and free ones as far as more can be used. The page's own LoRA comes first."""
    said = [(model_id, strength) for model_id, strength in zip(form.lora, _padded(form), strict=False) if model_id]
    own = page.model_id if page.kind == "lora" else None
    rows = [LoraRow(model_id, strength) for model_id, strength in said if model_id != own]
    if own:
        usual = number(read_lora_defaults(page.defaults).strength)
        rows.insert(0, LoraRow(own, dict(said).get(own) or usual, is_fixed=True))
    possible = min(MOST_ADAPTERS, len(loras)) if len(loras) <= FEW else min(MOST_ADAPTERS, len(rows) + 1)
    return rows + [LoraRow("", "1")] * (possible - len(rows))


def style_names() -> list[str]:
    return sorted(styles().by_name)


def _padded(form: PlaygroundForm) -> list[str]:
    return form.lora_strength + ["1"] * (len(form.lora) - len(form.lora_strength))
