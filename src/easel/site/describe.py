"""What pages say about models, prices and plans."""

from dataclasses import dataclass
from typing import Final

from easel.billing.plans import PLANS, Plan
from easel.billing.pricing import quote
from easel.catalogue.limits import defaults_of, limits_of
from easel.catalogue.tables import Model
from easel.domain.money import Micros, format_dollars
from easel.site import words
from easel.site.addresses import model_address, provider_address
from easel.site.pictures import Picture

PROVIDERS: Final = {"easel": "Easel", "modelslab": "ModelsLab"}
KINDS: Final = {
    "checkpoint": "Text to image",
    "lora": "LoRA",
    "embedding": "Embedding",
    "vae": "VAE",
    "controlnet": "ControlNet",
    "upscaler": "Upscaler",
}
FAMILIES: Final = {
    "sd1": "Stable Diffusion 1",
    "sd2": "Stable Diffusion 2",
    "sdxl": "Stable Diffusion XL",
}
FIELDS: Final = {"lora": "lora_model", "embedding": "embeddings_model", "vae": "vae"}
OPEN_SOURCE: Final = frozenset({"Apache-2.0", "MIT", "BSD-3-Clause"})


@dataclass(frozen=True)
class ModelCard:
    model_id: str
    name: str
    address: str
    provider: str
    kind: str
    summary: str
    price: str
    licence: str
    badges: tuple[str, ...]
    paragraphs: tuple[str, ...]
    install_command: str | None
    """What an operator types to have it here; None where it is here."""
    is_checkpoint: bool
    """It draws by itself: an adapter needs a checkpoint to be drawn with."""
    can_draw: bool
    asked_as: str
    """The field that names it beside a checkpoint."""
    provider_address: str = ""
    family: str = ""
    tags: tuple[str, ...] = ()
    is_popular: bool = False
    """Among those that are drawn with most here."""
    picture: Picture | None = None
    """What it draws, for a card; None where it has shown nothing yet."""


def card_of(
    model: Model, draws: Model | None, *, is_popular: bool = False, picture: Picture | None = None
) -> ModelCard:
    """`draws` is the checkpoint that pictures of the model come from: itself, or what a LoRA is drawn on here."""
    return ModelCard(
        model_id=model.model_id,
        name=model.name,
        address=model_address(model),
        provider=PROVIDERS.get(model.provider, model.provider),
        kind=KINDS.get(model.kind, model.kind),
        summary=model.summary,
        price=format_dollars(model.price),
        licence=model.licence,
        badges=_badges(model),
        paragraphs=tuple(paragraph.strip() for paragraph in model.description.split("\n\n") if paragraph.strip()),
        install_command=None if model.weights else _install_command(model),
        is_checkpoint=model.kind == "checkpoint",
        can_draw=bool(model.weights and draws and draws.weights),
        asked_as=FIELDS.get(model.kind, "model_id"),
        provider_address=provider_address(model.provider),
        family=FAMILIES.get(model.family or "", model.family or ""),
        tags=tuple(model.tags),
        is_popular=is_popular,
        picture=picture,
    )


def _install_command(model: Model) -> str:
    return f"easel models install {model.model_id}{'' if model.source else ' --from FILE'}"


def _badges(model: Model) -> tuple[str, ...]:
    badges = [f"Licence: {model.licence}"]
    if model.source:
        badges.insert(0, "Open source" if model.licence in OPEN_SOURCE else "Open weights")
    if (model.source or "").startswith("package:"):
        badges.append("Draws on a laptop CPU")
    return tuple(badges)


def facts_of(model: Model, draws: Model | None, seconds: float | None = None) -> list[tuple[str, str]]:
    """The specification; `draws` as in `card_of`, `seconds` what its pictures took here lately."""
    facts = [
        ("Model ID", model.model_id),
        ("Provider", PROVIDERS.get(model.provider, model.provider)),
        ("Task", KINDS.get(model.kind, model.kind)),
        ("Price", f"{format_dollars(model.price)} a picture"),
        ("Licence", model.licence),
    ]
    family = FAMILIES.get(model.family or "", model.family or "")
    if model.kind in FIELDS:
        facts += [("For checkpoints of", family)] if family else []
        facts += [("Drawn on", draws.name)] if draws else []
    if model.kind == "checkpoint":
        limits, defaults = limits_of(model), defaults_of(model)
        facts += [("Family", family)] if family else []
        facts += [
            ("Own size", f"{defaults.width} \N{MULTIPLICATION SIGN} {defaults.height} pixels"),
            ("Other sizes", f"{limits.min_size} to {limits.max_size} a side, in steps of {limits.multiple_of}"),
            ("Steps", f"{limits.min_steps} to {limits.max_steps}, usually {defaults.steps}"),
        ]
    facts += _facts_of_weights(model)
    facts.append(("Speed here", f"{words.seconds(seconds)} a request, lately" if seconds else "Not measured yet"))
    return [*facts, ("Tags", ", ".join(model.tags))] if model.tags else facts


def _facts_of_weights(model: Model) -> list[tuple[str, str]]:
    """What its installer found out; nothing where nobody has looked."""
    facts: list[tuple[str, str]] = []
    if model.resolution and model.objective:
        facts.append(("Trained at", f"{model.resolution} pixels, {model.objective.replace('_', '-')}"))
    if model.parameters:
        facts.append(("Parameters", f"{model.parameters / 1e6:,.1f} million"))
    if model.size_bytes:
        facts.append(("Weights", f"{model.size_bytes / 1e6:,.1f} MB"))
    if model.sha256:
        facts.append(("SHA-256", model.sha256))
    return facts


def price_line(plan: Plan | None, price: Micros, samples: int, included_left: int = 0) -> str:
    """What a click on Generate will cost. A stranger sees what pay as you go costs.

    `included_left`: how many of the plan's monthly pictures are not used yet.
    """
    each = format_dollars(price)
    if plan is not None and plan.is_free_of_charge:
        daily = f", up to {plan.daily_pictures} pictures a day" if plan.daily_pictures else ""
        return f"Free on your {plan.title} plan{daily}; {each} a picture pay as you go"
    quoted = quote(plan or PLANS["pay-as-you-go"], price, samples, included_left=included_left)
    if not quoted.total and quoted.included:
        return f"Will cost nothing: {included_left:,} of this month's pictures are left"
    total = f"Will cost {format_dollars(quoted.total)}"
    return total if samples == 1 else f"{total}, {each} a picture"


@dataclass(frozen=True)
class PlanRow:
    """A plan as people compare it."""

    title: str
    summary: str
    fee: str
    queue: str
    beyond: str


def plan_row(plan: Plan) -> PlanRow:
    if plan.is_free_of_charge:
        beyond = f"{plan.daily_pictures} pictures a day, then tomorrow" if plan.daily_pictures else "Nothing a picture"
    elif plan.monthly_pictures:
        beyond = f"{plan.monthly_pictures:,} pictures, then the model's price"
    else:
        beyond = "The model's price a picture"
    fee = f"{format_dollars(plan.monthly_fee)} a month" if plan.monthly_fee else "No fee"
    return PlanRow(plan.title, plan.summary, fee, f"{plan.queue_limit} requests at a time", beyond)
