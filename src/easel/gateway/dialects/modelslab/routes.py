"""The paths, and what each does from the body to the answer."""

import re
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from easel.accounts.tables import Account, ApiKey, Scope
from easel.billing import caps, wallets
from easel.billing.plans import plan_named
from easel.catalogue.queries import find_model, list_models
from easel.domain.errors import ModelNotInstalled, NotFound
from easel.gateway.auth import as_account, as_key, key_of
from easel.gateway.dialects.modelslab import answers, documented
from easel.gateway.dialects.modelslab.documented import About
from easel.gateway.dialects.modelslab.links import Links
from easel.gateway.dialects.modelslab.paths import DOORS, FETCH, MODEL_LIST, MODEL_RELOAD, Door
from easel.gateway.dialects.modelslab.reading import NOTHING, Reading, Stored, place
from easel.gateway.dialects.modelslab.schemas import Fetch, ModelNamed
from easel.gateway.dialects.modelslab.shapes import ListedModel, ModelReloaded, WalletBalance
from easel.gateway.dialects.modelslab.sources import Sources
from easel.gateway.dialects.modelslab.translation import in_english
from easel.gateway.errors import Refusal
from easel.gateway.idempotency import terms_of
from easel.gateway.incoming import read_incoming
from easel.gateway.services import Services
from easel.gateway.waiting import wait_until_finished
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import check_queue
from easel.jobs.workers import list_workers
from easel.webhooks.outbox import check_is_public

Handler = Callable[[Request], Awaitable[Response]]


def modelslab_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["ModelsLab"])

    def add(path: str, handler: Handler, about: About, method: str = "POST") -> None:
        name = re.sub("[^a-z0-9]+", "_", f"{method} {path}".lower()).strip("_")
        router.add_api_route(path, handler, methods=[method], operation_id=name, response_model=None, **about)

    sources = Sources(services)
    for door in DOORS:
        add(door.path, _draw(services, sources, door), documented.DRAW[door.operation])
    for path in FETCH:
        add(path, _fetch(services, path), documented.FETCH)
        add(path + "/{id}", _fetch(services, path), documented.FETCH_ID)
        add(path + "/{id}", _fetch(services, path), documented.FETCH_ID_WITHOUT_BODY, "GET")
    for path in MODEL_RELOAD:
        add(path, _model_reload(services), documented.MODEL_RELOAD)
    for path in MODEL_LIST:
        add(path, _model_list(services), documented.MODEL_LIST)
    add("/api/wallet_balance", _wallet_balance(services), documented.WALLET_BALANCE)
    return router


def answer_error(request: Request, refusal: Refusal) -> Response:
    """The shape of a refusal in this dialect."""
    return JSONResponse(answers.error(refusal), refusal.status, refusal.headers)


def _draw(services: Services, sources: Sources, door: Door) -> Handler:
    async def draw(request: Request) -> Response:
        incoming, base_url = await read_incoming(request), _base_url(services, request)
        key, terms = key_of(request, incoming), terms_of(services, request, incoming)
        stored: Stored = NOTHING
        if door.schema.PICTURES:
            # Nobody has us fetch or decode anything who may not order. An order that was made before is found later.
            await as_account(services, key, Scope.GENERATE, no_check if terms.idempotency else check_place)
            stored = await sources.take_in(door.schema.read(incoming.fields))
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
            return get_view(session, services.clock, account.id, _id(wanted))

        try:
            view = await as_account(services, key, Scope.READ, look)
        except NotFound:
            return JSONResponse(answers.not_found())
        return JSONResponse(answers.fetched(view, Links(_base_url(services, request), path, services.links)))

    return fetch


def _model_reload(services: Services) -> Handler:
    async def model_reload(request: Request) -> Response:
        incoming = await read_incoming(request)

        def look(session: Session, _: Account) -> ModelReloaded:
            model = find_model(session, ModelNamed.read(incoming.fields).model_id)
            if model.weights is None:
                raise ModelNotInstalled(model.model_id)
            is_resident = any(model.model_id in worker.resident for worker in list_workers(session))
            return answers.model_reloaded(model, is_resident=is_resident)

        return JSONResponse(await as_account(services, key_of(request, incoming), Scope.READ, look))

    return model_reload


def _model_list(services: Services) -> Handler:
    async def model_list(request: Request) -> Response:
        def look(session: Session, _: Account) -> list[ListedModel]:
            return [answers.listed(model) for model in list_models(session)]

        key = key_of(request, await read_incoming(request))
        return JSONResponse(await as_account(services, key, Scope.READ, look))

    return model_list


def _wallet_balance(services: Services) -> Handler:
    async def wallet_balance(request: Request) -> Response:
        def look(session: Session, used: ApiKey) -> WalletBalance:
            spending = caps.spending_of(session, services.clock, [used.id]).get(used.id)
            return answers.wallet_balance(wallets.balance(session, used.account_id), spending)

        key = key_of(request, await read_incoming(request))
        return JSONResponse(await as_key(services, key, Scope.READ, look))

    return wallet_balance


def _id(wanted: object) -> int:
    """Raises NotFound for what cannot be an id."""
    digits = str(wanted).strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        raise NotFound("Request not found")
    return int(digits)


def _base_url(services: Services, request: Request) -> str:
    return (services.public_url or str(request.base_url)).rstrip("/")
