"""The paths, and what each does from the body to the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from easel.accounts.tables import Account, ApiKey, Scope
from easel.artifacts.inputs import StoredInput, store_input, store_mask
from easel.catalogue.limits import defaults_of, limits_of
from easel.catalogue.queries import find_model, list_models
from easel.domain.errors import InvalidRequest
from easel.gateway.auth import as_account, as_key, key_of
from easel.gateway.dialects.openai import answers, documented
from easel.gateway.dialects.openai.drafts import Inputs, model_of, orders_of
from easel.gateway.dialects.openai.schemas import Edit, Generate, Images, Prompted, Variation
from easel.gateway.dialects.openai.streaming import Stream
from easel.gateway.errors import Refusal
from easel.gateway.idempotency import Terms, terms_of
from easel.gateway.incoming import Incoming, read_incoming
from easel.gateway.ordering import place_all
from easel.gateway.services import Services, base_url_of
from easel.gateway.waiting import wait_until_finished
from easel.generations.queries import GenerationView
from easel.jobs.states import JobState

PREFIX: Final = "/v1"
SSE_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
FAILED: Final = 500
STILL_WAITING: Final = 504

Handler = Callable[[Request], Awaitable[Response]]
Read = TypeVar("Read", bound=Images)


@dataclass(frozen=True, slots=True)
class Placed:
    views: list[GenerationView]
    warnings: list[str]


def openai_router(services: Services) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["OpenAI Images"])

    def add(path: str, name: str, handler: Handler, about: documented.About, method: str = "POST") -> None:
        router.add_api_route(
            path, handler, methods=[method], operation_id=f"openai_{name}", response_model=None, **about
        )

    add("/images/generations", "generate", _images(services, Generate, "image_generation"), documented.GENERATE)
    add("/images/edits", "edit", _images(services, Edit, "image_edit"), documented.EDIT)
    add("/images/variations", "vary", _images(services, Variation, ""), documented.VARIATION)
    add("/models", "models", _models(services), documented.MODELS, "GET")
    add("/models/{model}", "model", _model(services), documented.MODEL, "GET")
    return router


def answer_error(request: Request, refusal: Refusal) -> Response:
    """The shape of a refusal in this dialect."""
    status = refusal.status
    if refusal.field == "model_id" and refusal.message.startswith("Model not found"):
        status = 404
    return JSONResponse(answers.error(replace(refusal, status=status)), status, refusal.headers)


def _images(services: Services, schema: type[Images], kind: str) -> Handler:
    async def images(request: Request) -> Response:
        incoming = await read_incoming(request)
        key, asked = key_of(request, incoming), schema.read(incoming.fields)
        terms = terms_of(services, request, incoming)
        base_url = base_url_of(services, request)
        stored = await run_in_threadpool(_store, services, asked)

        def order(session: Session, used: ApiKey) -> Placed:
            return _place(session, services, used, asked, stored, terms, base_url)

        placed = await as_key(services, key, Scope.GENERATE, order)
        if isinstance(asked, Prompted) and asked.stream:
            stream = Stream(
                services=services,
                asked=asked,
                views=placed.views,
                kind=kind,
                warnings=placed.warnings,
                failure=failure_of,
            )
            return StreamingResponse(stream.events(), media_type="text/event-stream", headers=SSE_HEADERS)
        views = [await wait_until_finished(services, view, services.blocking_wait_seconds) for view in placed.views]
        for view in views:
            if view.state is not JobState.DONE:
                return answer_error(request, failure_of(view))
        pictures = await run_in_threadpool(_pictures, services, asked, views, base_url)
        return JSONResponse(answers.images(asked, views, pictures, placed.warnings))

    return images


def _place(
    session: Session,
    services: Services,
    used: ApiKey,
    asked: Images,
    stored: dict[str, StoredInput],
    terms: Terms,
    base_url: str,
) -> Placed:
    model_id, warnings = model_of(asked, services.default_model)
    model = find_model(session, model_id)
    keys = {name: one.key for name, one in stored.items()}
    orders = orders_of(asked, model_id, Inputs(**keys), defaults_of(model), limits_of(model))
    warnings = [*warnings, *orders.warnings]
    views = place_all(
        session,
        services,
        used,
        orders.drafts,
        details=[{"dialect": "openai", "warnings": warnings}] * len(orders.drafts),
        terms=terms,
        base_url=base_url,
        inputs=tuple(stored.values()),
    )
    return Placed(views, warnings)


def _store(services: Services, asked: Images) -> dict[str, StoredInput]:
    match asked:
        case Edit(image=[first, *_], mask=mask):
            stored = {"image": store_input(services.blobs, first, field="image")}
            if mask is not None:
                stored["mask"] = store_mask(services.blobs, mask, field="mask", transparent_is_drawn=True)
            return stored
        case Edit():
            raise InvalidRequest("image", "image is required")
        case Variation(image=image):
            return {"image": store_input(services.blobs, image, field="image")}
        case _:
            return {}


def _pictures(services: Services, asked: Images, views: list[GenerationView], base_url: str) -> list[str]:
    keys = [key for view in views for key in view.artifact_keys]
    if asked.response_format == "url":
        return [base_url + services.links.path(key) for key in keys]
    return [answers.encoded(services.blobs.get(key)) for key in keys]


def failure_of(view: GenerationView) -> Refusal:
    """Why there is no picture."""
    if view.is_final:
        return Refusal(FAILED, view.error or "The request was cancelled.")
    return Refusal(STILL_WAITING, f"The picture is not done yet; it goes on as request {view.id}.")


def _models(services: Services) -> Handler:
    async def models(request: Request) -> Response:
        def look(session: Session, _: Account) -> list[dict[str, Any]]:
            return [answers.model(model) for model in list_models(session)]

        key = key_of(request, Incoming(dict(request.query_params), {}))
        return JSONResponse({"object": "list", "data": await as_account(services, key, Scope.READ, look)})

    return models


def _model(services: Services) -> Handler:
    async def model(request: Request) -> Response:
        def look(session: Session, _: Account) -> dict[str, Any]:
            return answers.model(find_model(session, request.path_params["model"]))

        key = key_of(request, Incoming(dict(request.query_params), {}))
        return JSONResponse(await as_account(services, key, Scope.READ, look))

    return model
