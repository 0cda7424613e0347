"""Model pages: all that is said of a model, gathered once and shown as HTML, as Markdown and in llms.txt."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from sqlalchemy.orm import Session

from easel.catalogue.adapters import drawn_on
from easel.catalogue.limits import defaults_of
from easel.catalogue.queries import find_model
from easel.catalogue.search import related
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest, NotFound
from easel.generations.popular import measured_seconds, popular_models
from easel.site.cards import cards_of
from easel.site.describe import ModelCard, card_of, facts_of
from easel.site.endpoints import endpoint_at
from easel.site.examples import prompts_for
from easel.site.form import PlaygroundForm
from easel.site.guidance import Question, Step, assistant_text, limits_table, own_steps, questions
from easel.site.pictures import Picture, pictures_of
from easel.site.site import Site
from easel.site.snippets import TEXT_TO_IMAGE, Snippet, request_body, snippets
from easel.site.twins import Page, answer, markdown, plain


@dataclass(frozen=True, kw_only=True)
class ModelView:
    """Everything that a model's page says, whoever looks."""

    card: ModelCard
    facts: list[tuple[str, str]]
    limits: list[tuple[str, str]]
    pictures: list[Picture]
    related: list[ModelCard]
    questions: list[Question]
    steps: list[Step]
    examples: list[Snippet]
    """A request with the model's defaults."""
    assistant: str
    base_url: str
    endpoint: str = TEXT_TO_IMAGE


def find_shown(session: Session, provider: str, model_id: str) -> Model:
    """Raises NotFound for a model that the catalogue does not have, or has under another provider."""
    try:
        model = find_model(session, model_id)
    except InvalidRequest:
        model = None
    if model is None or model.provider != provider:
        raise NotFound(f"The catalogue has no model {provider}/{model_id}. See which ones it has.")
    return model


def view_of(site: Site, session: Session, base_url: str, model: Model) -> ModelView:
    draws = drawn_on(session, model)
    pictures = pictures_of(session, site.services.links, model.model_id)
    seconds, popular = measured_seconds(session, model.model_id), popular_models(session)
    card = card_of(
        model,
        draws,
        is_popular=model.model_id in popular,
        picture=pictures[0] if pictures else None,
    )
    limits = limits_table(draws or (model if card.is_checkpoint else None))
    examples = snippets(base_url, example_request(model, draws))
    return ModelView(
        card=card,
        facts=facts_of(model, draws, seconds),
        limits=limits,
        pictures=pictures,
        related=cards_of(session, site.services.links, related(session, model), popular),
        questions=questions(card, base_url, seconds),
        steps=own_steps(card),
        examples=examples,
        assistant=assistant_text(card, base_url, limits, examples[0].code),
        base_url=base_url,
    )


def example_request(model: Model, draws: Model | None) -> dict[str, Any]:
    """What the playground would send if nothing were changed on it."""
    if draws is not None:
        prompt = prompts_for(draws.model_id)[0]
        defaults = defaults_of(draws)
        return request_body(model.model_id, PlaygroundForm(prompt=prompt).filled(defaults), defaults=defaults)
    prompt = prompts_for("")[0]
    body = request_body(model.model_id, PlaygroundForm(prompt=prompt, samples="1"))
    return body | ({"model_id": "CHECKPOINT", "lora_model": model.model_id} if model.kind == "lora" else {})


def model_page(view: ModelView) -> Page:
    card = view.card
    return Page(
        name="model",
        title=f"{card.name} API / {card.kind} / Easel",
        description=f"{card.summary} {card.price} a picture.",
        path=card.address,
        type="product",
        component="Playground",
        view={"view": view, "card": card},
    )


class Models:
    def __init__(self, site: Site) -> None:
        self._site = site

    def view(self, request: Request, provider: str, model_id: str) -> ModelView:
        """Raises NotFound."""
        with self._site.services.database.transaction() as session:
            model = find_shown(session, provider, model_id)
            return view_of(self._site, session, self._site.base_url(request), model)

    def markdown(self, request: Request, provider: str, model_id: str) -> Response:
        return markdown(self._site, request, model_page(self.view(request, provider, model_id)))

    def api(self, request: Request, provider: str, model_id: str) -> Response:
        """The API tab as a page of its own."""
        view = self.view(request, provider, model_id)
        page = Page(
            name="model_api",
            title=f"{view.card.name} API reference / {view.card.kind} / Easel",
            description=f"How to draw with {view.card.name} from a program: request, fields, answer, errors, price.",
            path=f"{view.card.address}/api",
            type="product",
            component="Endpoint",
            view={"view": view, "card": view.card, "endpoint": endpoint_at(request.app.openapi(), view.endpoint)},
        )
        return answer(self._site, request, page)

    def llms(self, request: Request, provider: str, model_id: str) -> Response:
        page = model_page(self.view(request, provider, model_id))
        return plain(self._site.renderer.text("model_llms.txt", page=page, **page.view))
