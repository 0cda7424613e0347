"""The paths, and what each does from the body to the answer."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from easel.accounts.tables import Account, ApiKey, Scope
from easel.billing import caps, wallets
from easel.catalogue.queries import list_models
from easel.domain.errors import NotFound
from easel.gateway.auth import as_account, as_key, key_of
from easel.gateway.dialects.modelslab import answers, documented
from easel.gateway.dialects.modelslab.answers import Links
from easel.gateway.dialects.modelslab.documented import About
from easel.gateway.dialects.modelslab.schemas import Fetch
from easel.gateway.dialects.modelslab.shapes import ListedModel, WalletBalance
from easel.gateway.dialects.modelslab.text2img import Reading, place
from easel.gateway.dialects.modelslab.translation import in_english
from easel.gateway.errors import Refusal
from easel.gateway.idempotency import terms_of
from easel.gateway.incoming import read_incoming
from easel.gateway.services import Services
from easel.gateway.waiting import wait_until_finished
from easel.generations.queries import GenerationView, get_view
from easel.jobs.states import JobState
from easel.webhooks.outbox import check_is_public


@dataclass(frozen=True, slots=True)
class Family:
    """A submit path, and the fetch path that its answers name."""

    submit: str
    fetch: str
    chooses_model: bool = True
    realtime: bool = False


TEXT_TO_IMAGE: Final = (
    Family("/api/v6/images/text2img", "/api/v6/images/fetch"),
    Family("/api/v7/images/text-to-image", "/api/v7/images/fetch"),
    Family("/api/v6/realtime/text2img", "/api/v6/realtime/fetch", chooses_model=False, realtime=True),
    Family("/api/v3/text2img", "/api/v3/fetch", chooses_model=False),
    Family("/api/v3/dreambooth", "/api/v3/dreambooth/fetch"),
    Family("/api/v4/dreambooth", "/api/v4/dreambooth/fetch"),
)

# Any id may be fetched at any of these.
FETCH: Final = (*(family.fetch for family in TEXT_TO_IMAGE), "/api/v5/images/fetch")

MODEL_LIST: Final = ("/api/v4/dreambooth/model_list", "/api/v3/dreambooth/model_list")

Handler = Callable[[Request], Awaitable[Response]]


def modelslab_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["ModelsLab"])

    def add(path: str, handler: Handler, about: About, method: str = "POST") -> None:
        name = re.sub("[^a-z0-9]+", "_", f"{method} {path}".lower()).strip("_")
        router.add_api_route(path, handler, methods=[method], operation_id=name, response_model=None, **about)

    for family in TEXT_TO_IMAGE:
        add(family.submit, _text2img(services, family), documented.TEXT2IMG)
    for path in FETCH:
        add(path, _fetch(services, path), documented.FETCH)
        add(path + "/{id}", _fetch(services, path), documented.FETCH_ID)
        add(path + "/{id}", _fetch(services, path), documented.FETCH_ID_WITHOUT_BODY, "GET")
    for path in MODEL_LIST:
        add(path, _model_list(services), documented.MODEL_LIST)
    add("/api/wallet_balance", _wallet_balance(services), documented.WALLET_BALANCE)
    return router


def answer_error(request: Request, refusal: Refusal) -> Response:
    """The shape of a refusal in this dialect."""
    return JSONResponse(answers.error(refusal), refusal.status, refusal.headers)


def _text2img(services: Services, family: Family) -> Handler:
    async def text2img(request: Request) -> Response:
        incoming, base_url = await read_incoming(request), _base_url(services, request)
        terms = terms_of(services, request, incoming)
        translation = await in_english(services, key_of(request, incoming), incoming.fields)

        def order(session: Session, used: ApiKey) -> GenerationView:
            reading = Reading.of(
                translation.fields,
                services.default_model,
                chooses_model=family.chooses_model,
                enhances=services.enhances_prompts,
            )
            reading.warnings.extend(translation.warnings)
            if reading.asked.webhook and not services.allow_private_urls:
                check_is_public(reading.asked.webhook)
            return place(session, services.clock, used, reading, base_url, terms)

        view = await as_key(services, key_of(request, incoming), Scope.GENERATE, order)
        if not view.details["instant_response"]:
            view = await wait_until_finished(services, view)
        links = Links(base_url, family.fetch, services.links)
        return JSONResponse(_submitted(view, links, realtime=family.realtime))

    return text2img


def _submitted(view: GenerationView, links: Links, *, realtime: bool) -> Mapping[str, Any]:
    if view.state is JobState.DONE:
        return answers.success(view, links)
    if view.is_final:
        return answers.failed(view)
    return answers.processing(view, links, realtime=realtime)


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
