"""The paths, and what each does from the body to the answer."""

import re
from typing import Final

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from easel.accounts.tables import Account, ApiKey, Scope
from easel.billing import caps, wallets
from easel.billing.plans import plan_named
from easel.domain.errors import NotFound
from easel.gateway.auth import as_account, as_key, key_of
from easel.gateway.dialects.modelslab import answers, documented
from easel.gateway.dialects.modelslab.calls import Handler, acting
from easel.gateway.dialects.modelslab.checking import checking
from easel.gateway.dialects.modelslab.deeds import DEEDS, KEEPS, LOOK
from easel.gateway.dialects.modelslab.documented import About
from easel.gateway.dialects.modelslab.links import Links
from easel.gateway.dialects.modelslab.models import agents
from easel.gateway.dialects.modelslab.paths import ALIASES, DOORS, FETCH, NSFW_IMAGE_CHECK, Door
from easel.gateway.dialects.modelslab.pictures import keeping
from easel.gateway.dialects.modelslab.reading import NOTHING, Reading, Stored, place
from easel.gateway.dialects.modelslab.schemas import Fetch
from easel.gateway.dialects.modelslab.shapes import WalletBalance
from easel.gateway.dialects.modelslab.translation import in_english
from easel.gateway.errors import Refusal
from easel.gateway.idempotency import terms_of
from easel.gateway.incoming import read_incoming
from easel.gateway.services import Services, base_url_of
from easel.gateway.sources import Sources
from easel.gateway.waiting import wait_until_finished
from easel.generations.assets import id_of
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import check_queue
from easel.kit.ids import new_uuid
from easel.webhooks.outbox import check_is_public

AGENTS: Final = "/api/agents/"
OLD: Final = ("/api/v3/", "/api/v4/", "/api/v5/")


def modelslab_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["ModelsLab"])

    def add(path: str, handler: Handler, about: About, method: str = "POST") -> None:
        name = re.sub("[^a-z0-9]+", "_", f"{method} {path}".lower()).strip("_")
        if path.startswith(ALIASES):  # one spelling is enough to read, and describing them all takes its time
            about = {"include_in_schema": False}
        router.add_api_route(path, handler, methods=[method], operation_id=name, response_model=None, **about)

    sources = Sources(services)
    for door in DOORS:
        add(door.path, _draw(services, sources, door), documented.DRAW[door.operation])
    for path in FETCH:
        add(path, _fetch(services, path), documented.FETCH)
        add(path + "/{id}", _fetch(services, path), documented.FETCH_ID)
        add(path + "/{id}", _fetch(services, path), documented.FETCH_ID_WITHOUT_BODY, "GET")
    add("/api/wallet_balance", _wallet_balance(services), documented.WALLET_BALANCE)
    for path in NSFW_IMAGE_CHECK:
        add(path, checking(services, sources), documented.CHECK)
    for deed in DEEDS:
        handler = acting(services, deed.scope, deed.act)
        for path in deed.paths:
            add(path, handler, documented.of(deed, path, "POST"))
            if deed in LOOK:
                add(path, handler, documented.of(deed, path, "GET"), "GET")
    for keep in KEEPS:
        handler = keeping(services, sources, keep.make, keep.say)
        for path in keep.paths:
            add(path, handler, documented.of_kept(keep))
    for prefix in ("/api/agents/v1/models", "/api/v6/model-search"):
        for name, what in (("", "models"), ("/filters", "filters"), ("/tags", "tags"), ("/providers", "providers")):
            add(prefix + name, agents(services, what), documented.AGENTS, "GET")
        add(prefix + "/{id}", agents(services, "detail"), documented.AGENTS_MODEL, "GET")
    return router


def answer_error(request: Request, refusal: Refusal) -> Response:
    """The shape of a refusal in this dialect, and in the agents' API."""
    if request.scope["path"].startswith(AGENTS):
        return JSONResponse(answers.agents_error(refusal, new_uuid()), refusal.status, refusal.headers)
    is_old = request.scope["path"].startswith(OLD) and request.app.state.old_paths_answer_200
    return JSONResponse(answers.error(refusal), 200 if is_old else refusal.status, refusal.headers)


def _draw(services: Services, sources: Sources, door: Door) -> Handler:
    async def draw(request: Request) -> Response:
        incoming, base_url = await read_incoming(request), base_url_of(services, request)
        key, terms = key_of(request, incoming), terms_of(services, request, incoming)
        stored: Stored = NOTHING
        if door.schema.PICTURES:
            # Nobody has us fetch or decode anything who may not order. An order that was made before is found later.
            await as_account(services, key, Scope.GENERATE, no_check if terms.idempotency else check_place)
            stored = await sources.take_in(door.schema.read(incoming.fields).pictures)
        translation = await in_english(services, key, incoming.fields)

        def order(session: Session, used: ApiKey) -> GenerationView:
            reading = Reading.of(translation.fields, door, services, stored)
            reading.warnings.extend(translation.warnings)
            if reading.asked.webhook and not services.allow_private_urls:
                check_is_public(reading.asked.webhook)
            return place(session, services.clock, used, reading, base_url, terms)

        view = await as_key(services, key, Scope.GENERATE, order)
        if not view.details["instant_response"]:
            view = await wait_until_finished(services, view)
        return JSONResponse(answers.submitted(view, Links(base_url, door.fetch, services.links)))

    return draw


def check_place(session: Session, account: Account) -> None:
    """Raises TooManyQueued for an account that could not order now."""
    check_queue(session, account.id, plan_named(account.plan))


def no_check(session: Session, account: Account) -> None:
    pass


def _fetch(services: Services, path: str) -> Handler:
    async def fetch(request: Request) -> Response:
        incoming = await read_incoming(request)
        key = key_of(request, incoming)
        wanted = request.path_params.get("id") or Fetch.read(incoming.fields).request_id

        def look(session: Session, account: Account) -> GenerationView:
            return get_view(session, services.clock, account.id, id_of(wanted))

        try:
            view = await as_account(services, key, Scope.READ, look)
        except NotFound:
            return JSONResponse(answers.not_found())
        return JSONResponse(answers.fetched(view, Links(base_url_of(services, request), path, services.links)))

    return fetch


def _wallet_balance(services: Services) -> Handler:
    async def wallet_balance(request: Request) -> Response:
        def look(session: Session, used: ApiKey) -> WalletBalance:
            spending = caps.spending_of(session, services.clock, [used.id]).get(used.id)
            return answers.wallet_balance(wallets.balance(session, used.account_id), spending)

        key = key_of(request, await read_incoming(request))
        return JSONResponse(await as_key(services, key, Scope.READ, look))

    return wallet_balance
