"""Everything that the playground's two panels show of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.orm import Session

from easel.catalogue.adapters import drawn_on
from easel.catalogue.limits import Defaults, Limits, defaults_of, limits_of
from easel.catalogue.queries import find_model, list_models
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest
from easel.generations.popular import measured_seconds
from easel.generations.queries import GenerationView
from easel.generations.submit import left_of_the_month
from easel.site.beginnings import Beginning, Beginnings
from easel.site.choices import SAMPLERS, SPACINGS, bases_of, lora_rows, loras_for, style_names
from easel.site.describe import price_line
from easel.site.examples import prompts_for
from easel.site.form import AUTOMATIC, CUSTOM, FORMATS, LIKE_THE_PICTURE, PASSES, SAFETY, UPSCALES, PlaygroundForm
from easel.site.history import past_pictures
from easel.site.output import Output, output_of
from easel.site.site import Site, Visitor
from easel.site.sizes import Size, presets, size_named
from easel.site.snippets import SCHEDULERS, path_for, request_body, snippets, unsaid

CHOICES: Final = {"second_pass": PASSES, "upscale": UPSCALES, "safety": SAFETY, "format": FORMATS}
"""Of the model whatever it is."""
ADVANCED: Final = ("steps", "guidance", "sampler", "spacing", "seed", "clip_skip", "style", *CHOICES)
BEGINNING: Final = ("picture", "mask", "strength", "soft_edge")
"""Fields that are folded away until they are wanted, or wrong."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What happened before the page is shown."""

    form: PlaygroundForm
    view: GenerationView | None = None
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    notice: str = ""
    notes: tuple[str, ...] = ()
    """Of what was restored."""


def checkpoint_of(session: Session, model: Model, form: PlaygroundForm) -> Model | None:
    """What draws on the page of `model`: what the form chose, where that can draw, or the page's own."""
    own = drawn_on(session, model)
    if not form.base:
        return own
    try:
        chosen = find_model(session, form.base)
    except InvalidRequest:
        return own
    return chosen if chosen.kind == "checkpoint" and chosen.weights else own


def panel_of(
    site: Site, session: Session, base_url: str, model: Model, draws: Model, visitor: Visitor | None, shown: Shown
) -> dict[str, Any]:
    """What the templates of the panels are filled with. `draws` is what draws when nothing is chosen."""
    models = list_models(session)
    chosen = checkpoint_of(session, model, shown.form) or draws
    limits, defaults = limits_of(chosen), defaults_of(chosen)
    loras = loras_for(models, chosen)
    rows = lora_rows(shown.form, model, loras)
    form = _settled(shown.form, limits, defaults)
    form = form.model_copy(
        update={
            "base": chosen.model_id if chosen.model_id != draws.model_id else "",
            "lora": [row.model_id for row in rows if row.model_id],
            "lora_strength": [row.strength for row in rows if row.model_id],
        }
    )
    start = Beginnings(site).shown(session, visitor, form.picture)
    mask = Beginnings(site).shown(session, visitor, form.mask) if start else None
    begun = {"picture": start.reference if start else "", "mask": mask.reference if mask else ""}
    # A second pass goes with pictures from words alone; its field is not to be had beside a picture.
    form = form.model_copy(update=begun | ({"second_pass": ""} if start else {}))
    size = size_named(form.size, limits, defaults)
    plan = visitor.plan if visitor else None
    price = model.price if chosen.model_id == draws.model_id else chosen.price
    left = _left(site, session, visitor)
    examples = prompts_for(chosen.model_id)
    body = request_body(
        model.model_id,
        # Code that is copied before anything is typed shall draw, too.
        form if form.prompt or start else form.model_copy(update={"prompt": examples[0]}),
        defaults=defaults,
        **{name: base_url + one.address for name, one in (("picture", start), ("mask", mask)) if one},
    )
    return {
        "form": form,
        "errors": shown.errors,
        "notice": shown.notice,
        "notes": shown.notes,
        "limits": limits,
        "defaults": defaults,
        "sizes": presets(limits, defaults, size),
        "size": size,
        "examples": examples,
        "bases": bases_of(models, model, draws),
        "loras": loras,
        "lora_rows": rows,
        "samplers": SAMPLERS,
        "wire": {sampler.value: names for sampler, names in SCHEDULERS.items()},
        "spacings": SPACINGS,
        "styles": style_names(),
        "choices": CHOICES,
        "start": start,
        "mask": mask,
        "is_advanced_open": _says_more(form) or _is_open(ADVANCED, shown.errors),
        "is_source_open": start is not None or _is_open(BEGINNING, shown.errors),
        "price_line": price_line(plan, price, int(form.samples), left),
        "price": None if plan and plan.is_free_of_charge else price,
        "included_left": left,
        "usual_seconds": measured_seconds(session, model.model_id),
        "snippets": snippets(base_url, body, path_for(form)),
        "unsaid": unsaid(form, defaults),
        "output": output_of(shown.view, site.services.links) if shown.view else _idle(form, size, start),
        "past": past_pictures(session, visitor.account.id) if visitor else [],
        "csrf": visitor.csrf if visitor else "",
    }


def _settled(form: PlaygroundForm, limits: Limits, defaults: Defaults) -> PlaygroundForm:
    """One of each choice is always checked, whatever an address or a refused form said."""
    form = form.filled(defaults)
    size = form.size if form.size in (LIKE_THE_PICTURE, CUSTOM) else size_named(form.size, limits, defaults).name
    samples = next((count for count in range(1, limits.max_samples + 1) if form.samples == str(count)), 1)
    known = {
        "size": size,
        "samples": str(samples),
        "sampler": form.sampler if form.sampler in SAMPLERS else defaults.sampler.value,
        "spacing": form.spacing if form.spacing in SPACINGS else defaults.spacing.value,
        "style": form.style if form.style in ("", AUTOMATIC, *style_names()) else "",
        **{name: _one_of(options, getattr(form, name)) for name, options in CHOICES.items()},
    }
    return form.model_copy(update=known)


def _one_of(options: Mapping[str, str], said: str) -> str:
    return said if said in options else next(iter(options))


def _idle(form: PlaygroundForm, size: Size, start: Beginning | None) -> Output:
    like_start = start is not None and form.size == LIKE_THE_PICTURE
    return Output("idle", *((start.width, start.height) if start and like_start else (size.width, size.height)))


def _left(site: Site, session: Session, visitor: Visitor | None) -> int:
    if visitor is None:
        return 0
    return left_of_the_month(session, visitor.account.id, visitor.plan, site.services.clock.now())


def _says_more(form: PlaygroundForm) -> bool:
    """Whether something is folded away that nobody would expect there."""
    unusual = (getattr(form, name) != next(iter(options)) for name, options in CHOICES.items())
    return bool(form.seed or form.style) or any(unusual)


def _is_open(fields: tuple[str, ...], errors: Mapping[str, str]) -> bool:
    return any(name in errors for name in fields)
