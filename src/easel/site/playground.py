"""The model page: the form, the order it places and the output panel."""

from dataclasses import replace
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from easel.catalogue.adapters import drawn_on
from easel.catalogue.limits import limits_of
from easel.catalogue.queries import find_model, list_models
from easel.catalogue.tables import Model
from easel.domain.errors import DomainError, InvalidRequest, NotFound
from easel.generations.cancel import cancel
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import submit
from easel.generations.tables import Generation
from easel.site.addresses import model_address
from easel.site.beginnings import Beginnings
from easel.site.choices import loras_for
from easel.site.errors import STATUS
from easel.site.form import PlaygroundForm, problem_of
from easel.site.models import Models, find_shown, model_page, view_of
from easel.site.panel import Shown, checkpoint_of, panel_of
from easel.site.restoring import restored, text_in
from easel.site.sent import Sent, read_sent
from easel.site.site import Site, Visitor, money_of
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
            visitor = self._site.visitor(session, request)
            view = self._asked_view(session, request, model, visitor)
            if visitor and view:  # read anew: the order may have ended since, and given back what it held
                visitor = replace(visitor, balance=money_of(session, visitor.account))
        form = PlaygroundForm.of(request.query_params.multi_items())
        if view is not None:
            said = {"picture": form.picture, "mask": ""} if form.picture else {}
            form = PlaygroundForm.again(model.model_id, view.request, form.seed, named=view.model_id)
            form = form.model_copy(update=said)
        return self._page(request, model, visitor, Shown(form=form, view=view))

    def generate(
        self, request: Request, provider: str, model_id: str, sent: Annotated[Sent, Depends(read_sent)]
    ) -> Response:
        """Place the order and go to where it is shown; a refusal shows the form again, with the sentence beside it."""
        services, form = self._site.services, sent.form
        try:
            with services.database.transaction() as session:
                model = find_shown(session, provider, model_id)
                sender = self._site.sender(session, request, form.csrf)
            form = Beginnings(self._site).take_in(sender, sent)
            with services.database.transaction() as session:
                generation = submit(
                    session,
                    services.clock,
                    sender.account,
                    form.draft(model.model_id),
                    base_url=self._site.base_url(request),
                    max_wait=services.max_wait,
                )
                page = self._page_of(session, model, generation)
        except NotFound:
            raise
        except DomainError as refusal:
            return self._refused(request, provider, model_id, form, refusal)
        typed = {"seed": form.seed.strip()} if form.seed.strip() else {}
        return RedirectResponse(model_address(page, generation=generation.id, **typed), 303)

    def restore(
        self, request: Request, provider: str, model_id: str, sent: Annotated[Sent, Depends(read_sent)]
    ) -> Response:
        """The form with the settings that a picture carries, or a text. It changes nothing, so anybody may send it."""
        try:
            text = text_in(sent.file("settings_file")) if sent.file("settings_file") else sent.text("settings")
            with self._site.services.database.transaction() as session:
                model = find_shown(session, provider, model_id)
                visitor = self._site.visitor(session, request)
                checkpoint = checkpoint_of(session, model, sent.form)
                if checkpoint is None:
                    raise NotFound(f"{model.name} draws nothing here. See which models do.")
                names = {checkpoint.model_id, checkpoint.name}
                loras = loras_for(list_models(session), checkpoint)
                found = restored(text, names, loras, limits_of(checkpoint))
        except InvalidRequest as refusal:
            return self._refused(request, provider, model_id, sent.form, refusal)
        form = found.form.model_copy(update={"base": sent.form.base})
        return self._page(request, model, visitor, Shown(form=form, notes=found.notes))

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
            visitor = self._site.visitor(session, request)
        problem = problem_of(refusal) if isinstance(refusal, InvalidRequest) else None
        shown = Shown(
            form=form,
            errors=dict([problem] if problem else []),
            notice="" if problem else refusal.message,
        )
        return self._page(request, model, visitor, shown, status=STATUS[refusal.kind])

    def _page_of(self, session: Session, model: Model, generation: Generation) -> Model:
        """Where an order is shown: on the page that it was placed on if it is of that model, or on its own model's."""
        is_of_it = model.kind == "lora" or generation.model_id == model.model_id
        return model if is_of_it else find_model(session, generation.model_id)

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
        drawn_with = {view.model_id, *(use.model_id for use in view.request.extras.adapters)}
        return view if model.model_id in drawn_with else None

    def _page(
        self, request: Request, model: Model, visitor: Visitor | None, shown: Shown, *, status: int = 200
    ) -> Response:
        base_url = self._site.base_url(request)
        with self._site.services.database.transaction() as session:
            about = view_of(self._site, session, base_url, model)
            draws = drawn_on(session, model)
            panel = {}
            if draws is not None and about.card.can_draw:
                panel = panel_of(self._site, session, base_url, model, draws, visitor, shown)
        return html(self._site, request, model_page(about), status=status, visitor=visitor, **panel)
