"""The catalogue file, read and checked."""

import tomllib
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

from easel.catalogue.limits import read_defaults, read_limits, read_lora_defaults
from easel.domain.money import Micros, micros_from_dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model of the file, in the columns of the table."""

    model_id: str
    provider: str
    kind: str
    family: str | None
    name: str
    summary: str
    description: str
    licence: str
    price: Micros
    defaults: dict[str, Any]
    limits: dict[str, Any]
    source: str | None
    objective: str | None
    resolution: int | None


def read_entries() -> list[Entry]:
    """The models of `models.toml`. Raises TypeError or ValueError where the file is wrong."""
    text = (resources.files("easel.catalogue") / "models.toml").read_text("utf-8")
    return [_entry(**raw) for raw in tomllib.loads(text)["model"]]


def _entry(
    *,
    price: str,
    description: str,
    family: str | None = None,
    source: str | None = None,
    objective: str | None = None,
    resolution: int | None = None,
    defaults: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    **columns: str,
) -> Entry:
    return Entry(
        family=family,
        source=source,
        objective=objective,
        resolution=resolution,
        price=micros_from_dollars(price),
        description=description.strip(),
        defaults=_defaults(columns["kind"], defaults) if defaults else {},
        limits=asdict(read_limits(limits)) if limits else {},
        **columns,
    )


def _defaults(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    return asdict(read_lora_defaults(said) if kind == "lora" else read_defaults(said))
