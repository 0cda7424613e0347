"""The model page: the form, the order it places and the output panel."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from easel.catalogue.adapters import drawn_on
from easel.catalogue.limits import Limits, defaults_of, limits_of
from easel.catalogue.queries import find_model
from easel.catalogue.tables import Model
from easel.domain.errors import DomainError, InvalidRequest, NotFound
from easel.generations.cancel import cancel
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import submit
from easel.site.addresses import model_address
from easel.site.describe import price_line
from easel.site.errors import STATUS
from easel.site.examples import prompts_for
from easel.site.form import PlaygroundForm, problem_of
from easel.site.models import Models, find_shown, model_page, view_of
from easel.site.output import Output, output_of
from easel.site.site import Site, Visitor
from easel.site.sizes import presets, size_named
from easel.site.snippets import request_body, snippets
from easel.site.twins import html, wants_markdown


class Playground:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request, provider: str, model_id: str) -> Response:
        """The model's page, with the generation that the address names, if any."""
        if wants_markdown(request):
            return Models(self._site).markdown(request, provider, model_id)
        with self._site.services.database.transaction() as session:
            model = find_shown(session, provider, model_id)
            draws = drawn_on(session, model)
            visitor = self._site.visitor(session, request)
            view = self._asked_view(session, request, model, visitor)
        form = PlaygroundForm.model_validate(dict(request.query_params))
        if view is not None:
            form = PlaygroundForm.again(model.model_id, view.request, form.seed)
        return self._page(request, model, draws, visitor, form, view)

    def generate(
        self, request: Request, provider: str, model_id: str, form: Annotated[PlaygroundForm, Form()]
    ) -> Response:
        """Place the order and go to where it is shown; a refusal shows the form again, with the sentence beside it."""
        services = self._site.services
        try:
            with services.database.transaction() as session:
                model = find_shown(session, provider, model_id)
                sender = self._site.sender(session, request, form.csrf)
                draft = form.draft(model.model_id)
                base_url = self._site.base_url(request)
                generation = submit(
                    session,
                    services.clock,
                    sender.account,
                    draft,
                    base_url=base_url,
                    max_wait=services.max_wait,
                )
        except NotFound:
            raise
        except DomainError as refusal:
            return self._refused(request, provider, model_id, form, refusal)
        typed = {"seed": form.seed.strip()} if form.seed.strip() else {}
        return RedirectResponse(model_address(model, generation=generation.id, **typed), 303)

    def back(self, provider: str, model_id: str) -> Response:
        """The address of a refused form, loaded again."""
        return RedirectResponse(f"/models/{quote(provider)}/{quote(model_id)}", 303)

    def cancel(self, request: Request, generation_id: int, csrf: Annotated[str, Form()] = "") -> Response:
        services = self._site.services
        with services.database.transaction() as session:
            sender = self._site.sender(session, request, csrf)
            cancel(session, services.clock, sender.account.id, generation_id)
            view = get_view(session, services.clock, sender.account.id, generation_id)
            model = find_model(session, view.model_id)
        return RedirectResponse(model_address(model, generation=generation_id), 303)

    def _refused(
        self, request: Request, provider: str, model_id: str, form: PlaygroundForm, refusal: DomainError
    ) -> Response:
        with self._site.services.database.transaction() as session:
            model = find_shown(session, provider, model_id)
            draws = drawn_on(session, model)
            visitor = self._site.visitor(session, request)
        problem = problem_of(refusal) if isinstance(refusal, InvalidRequest) else None
        return self._page(
            request,
            model,
            draws,
            visitor,
            form,
            status=STATUS[refusal.kind],
            errors=dict([problem] if problem else []),
            notice="" if problem else refusal.message,
        )

    def _asked_view(
        self, session: Session, request: Request, model: Model, visitor: Visitor | None
    ) -> GenerationView | None:
        """The generation that the address names; None unless it is the visitor's and of this model."""
        asked = request.query_params.get("generation", "")
        if visitor is None or not (asked.isascii() and asked.isdigit() and len(asked) < 19):
            return None
        try:
            view = get_view(session, self._site.services.clock, visitor.account.id, int(asked))
        except NotFound:
            return None
        return view if view.model_id == model.model_id else None

    def _page(
        self,
        request: Request,
        model: Model,
        draws: Model | None,
        visitor: Visitor | None,
        form: PlaygroundForm,
        view: GenerationView | None = None,
        *,
        status: int = 200,
        errors: dict[str, str] | None = None,
        notice: str = "",
    ) -> Response:
        base_url = self._site.base_url(request)
        with self._site.services.database.transaction() as session:
            about = view_of(self._site, session, base_url, model)
        page: dict[str, Any] = {"visitor": visitor}
        if draws is not None and about.card.can_draw:
            limits, defaults = limits_of(draws), defaults_of(draws)
            form = form.filled(defaults)
            size, samples = size_named(form.size, limits, defaults), _count(form.samples, limits)
            # One of each choice is always checked, whatever an address or a refused form said.
            form = form.model_copy(update={"size": size.name, "samples": str(samples)})
            page |= {
                "form": form,
                "errors": errors or {},
                "notice": notice,
                "limits": limits,
                "sizes": presets(limits, defaults, size),
                "examples": prompts_for(draws.model_id),
                "price_line": price_line(visitor.plan if visitor else None, model.price, samples),
                "price": None if visitor and visitor.plan.is_free_of_charge else model.price,
                "snippets": snippets(base_url, request_body(model.model_id, form)),
                "output": output_of(view, self._site.services.links)
                if view
                else Output("idle", size.width, size.height),
                "csrf": visitor.csrf if visitor else "",
            }
        return html(self._site, request, model_page(about), status=status, **page)


def _count(samples: str, limits: Limits) -> int:
    return next((count for count in range(1, limits.max_samples + 1) if samples == str(count)), 1)
