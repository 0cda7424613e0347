"""The catalogue as lists that can be searched, and a model with all that may be sent to it. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field

from easel.catalogue.tables import Model
from easel.domain.errors import NotFound
from easel.domain.money import dollars
from easel.gateway.dialects.modelslab.paths import HYPHENATED, SCHEMAS
from easel.gateway.dialects.modelslab.schemas import Asked, Name, Names, Text, Whole
from easel.gateway.dialects.modelslab.shapes import FoundModel, Pagination

FEATURE: Final = "imagen"
"""What the original calls the making of images; there is nothing else here."""

CATEGORIES: Final[Mapping[str, str]] = {"lora": "lora", "embedding": "embeddings"}
"""A kind of ours by the original's word for it, where it has one."""

SORTS: Final = ("recommended", "latest", "most-used", "asc", "desc", "sort-asc", "sort-desc")
"""By name where it says so, otherwise as the catalogue is ordered."""

MOST: Final = 100


class Search(Asked):
    """What a list may be narrowed to. A word that no model fits gives an empty list."""

    search: Text = Field(default="", description="Words of a name, id, provider, description or tag.")
    feature: Name | None = Field(default=None, description="imagen; nothing else is here.")
    provider: Name | None = None
    model_type: Name | None = Field(default=None, description="checkpoint, lora, embedding, vae, controlnet, upscaler.")
    model_category: Name | None = Field(default=None, description="stable_diffusion, stable_diffusion_xl, lora, ...")
    model_subcategory: Name | None = None
    base_model: Name | None = Field(default=None, description="The family: sd1, sd2, sdxl, ...")
    tags: Names = Field(default=[], description="With commas between them; a model has them all.")
    sort: Name = Field(default="recommended", description=f"One of {', '.join(SORTS)}.")
    per_page: Whole = Field(default=20, description=f"1 to {MOST}. Alias: limit.")
    limit: Whole | None = None
    page: Whole = 1


def found(model: Model) -> FoundModel:
    return {
        "model_id": model.model_id,
        "name": model.name,
        "model_name": model.name,
        "provider": model.provider,
        "model_category": category_of(model),
        "model_subcategory": CATEGORIES.get(model.kind),
        "model_type": model.kind,
        "feature": FEATURE,
        "base_model": model.family,
        "description": model.summary,
        "licence": model.licence,
        "tags": list(model.tags or ()),
        "status": status_of(model),
        "price": float(dollars(model.price)),
    }


def search(models: Sequence[Model], asked: Search) -> tuple[list[FoundModel], Pagination]:
    fitting = [one for one in map(found, models) if _fits(one, asked)]
    if asked.sort.endswith(("asc", "desc")):
        fitting.sort(key=lambda one: one["name"].casefold(), reverse=asked.sort.endswith("desc"))
    return page_of(fitting, page=asked.page, per_page=asked.limit or asked.per_page)


def page_of(items: Sequence[Any], *, page: int, per_page: int) -> tuple[list[Any], Pagination]:
    """Of all items those of the page."""
    page, per_page = max(page, 1), min(max(per_page, 1), MOST)
    first = (page - 1) * per_page
    shown = list(items[first : first + per_page])
    return shown, pagination(page=page, per_page=per_page, total=len(items), shown=len(shown))


def pagination(*, page: int, per_page: int, total: int, shown: int) -> Pagination:
    first = (page - 1) * per_page
    return {
        "current_page": page,
        "per_page": per_page,
        "total": total,
        "last_page": max(1, -(-total // per_page)),
        "from": first + 1 if shown else None,
        "to": first + shown if shown else None,
    }


def filters(models: Sequence[Model]) -> dict[str, list[str]]:
    """What a search can be narrowed by, as it stands in the catalogue."""
    listed = [found(model) for model in models]
    names = ("feature", "provider", "model_type", "model_category", "model_subcategory", "base_model")
    values = {name: sorted({str(one[name]) for one in listed if one[name]}) for name in names}
    return {**values, "tags": [tag["name"] for tag in tags(models)], "sort": list(SORTS)}


def tags(models: Sequence[Model]) -> list[dict[str, Any]]:
    return _counted(tag for model in models for tag in model.tags or ())


def providers(models: Sequence[Model]) -> list[dict[str, Any]]:
    return _counted(model.provider for model in models)


def detail(models: Sequence[Model], model_id: str) -> dict[str, Any]:
    """A model and the JSON schemas of what may be sent with its id. Raises NotFound."""
    model = next((one for one in models if one.model_id == model_id), None)
    if model is None:
        raise NotFound("Model not found")
    endpoints = [
        {
            "name": HYPHENATED.get(operation, operation.value),
            "config": {"method": "POST", "path": f"/api/v7/images/{HYPHENATED.get(operation, operation.value)}"},
            "parameters": schema.model_json_schema(),
        }
        for operation, schema in SCHEMAS.items()
    ]
    draws = model.kind in ("checkpoint", "lora")
    return {**found(model), "readme": model.description, "endpoint_configurations": endpoints if draws else []}


def category_of(model: Model) -> str:
    if model.kind == "checkpoint":
        return "stable_diffusion_xl" if model.family == "sdxl" else "stable_diffusion"
    return CATEGORIES.get(model.kind, model.kind)


def status_of(model: Model) -> Literal["model_ready", "not_installed"]:
    return "model_ready" if model.weights else "not_installed"


def _fits(model: FoundModel, asked: Search) -> bool:
    named = {
        "feature": asked.feature,
        "provider": asked.provider,
        "model_type": asked.model_type,
        "model_category": asked.model_category,
        "model_subcategory": asked.model_subcategory,
        "base_model": asked.base_model,
    }
    if any(wanted and wanted.casefold() != str(model[name]).casefold() for name, wanted in named.items()):
        return False
    text = " ".join([model["model_id"], model["name"], model["provider"], model["description"], *model["tags"]])
    known = {tag.casefold() for tag in model["tags"]}
    return all(word in text.casefold() for word in asked.search.casefold().split()) and all(
        tag.casefold() in known for tag in asked.tags
    )


def _counted(names: Any) -> list[dict[str, Any]]:
    return [{"name": name, "count": count} for name, count in sorted(Counter(names).items())]
