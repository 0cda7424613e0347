"""What happens to a request, as server-sent events for programs; pages have theirs in site/live.py.

    queued      {position, eta}          again whenever the position changes
    started     {attempt, eta}
    step        {step, steps, eta}       over all pictures of the request
    preview     {step, steps, url}
    done        {output, seconds, cost}  links to the pictures; cost in dollars
    failed      {message}
    cancelled   {message}

All of them carry the request's `id`. An event's own id goes back as Last-Event-ID when a client connects again, which
browsers do by themselves; 204 then says that there is nothing more to come.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from easel.accounts.tables import Account, Scope
from easel.db.session import DATABASE_IS_DOWN
from easel.domain.money import dollars
from easel.gateway.auth import as_account, key_of
from easel.gateway.incoming import Incoming
from easel.gateway.services import Services
from easel.generations.live import News, Place, follow
from easel.generations.queries import GenerationView, get_view
from easel.kit import sse

PREVIEW_LINKS_LAST: Final = timedelta(hours=1)


def live_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["Events"])

    @router.get(
        "/api/events/{id}",
        operation_id="follow_request",
        summary="A request as it happens, as server-sent events",
        response_class=StreamingResponse,
        responses={
            200: {"content": {sse.MEDIA_TYPE: {}}, "description": "Events until the request has ended"},
            204: {"description": "The client has seen the last event"},
            404: {"description": "There is no such request of this account"},
        },
    )
    async def events(request: Request, id: Annotated[int, Path()]) -> Response:
        key = key_of(request, Incoming(dict(request.query_params), {}))
        try:
            account_id, first = await as_account(
                services, key, Scope.READ, lambda session, who: _first(session, who, id)
            )
        except DATABASE_IS_DOWN:
            return StreamingResponse(iter([sse.COME_AGAIN]), media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
        seen = Place.read(request.headers.get("last-event-id", ""))
        if first.is_final and seen.move >= first.move:
            return Response(status_code=204)
        base_url = (services.public_url or str(request.base_url)).rstrip("/")

        def look() -> GenerationView:
            with services.database.transaction() as session:
                return get_view(session, services.clock, account_id, id)

        async def stream() -> AsyncIterator[str]:
            async for news in follow(services.hub, id, look, seen):
                yield sse.HEARTBEAT if news is None else _written(services, base_url, news)

        return StreamingResponse(stream(), media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)

    def _first(session: Session, account: Account, id: int) -> tuple[int, GenerationView]:
        return account.id, get_view(session, services.clock, account.id, id)

    return router


def _written(services: Services, base_url: str, news: News) -> str:
    said = {"id": news.view.id, **_said(services, base_url, news)}
    return sse.event(news.name, said, str(news.place))


def _said(services: Services, base_url: str, news: News) -> dict[str, Any]:
    view = news.view
    steps = {"step": news.step, "steps": news.steps}
    match news.name:
        case "queued":
            return {"position": view.queue_position, "eta": view.eta_seconds}
        case "started":
            return {"attempt": view.attempt, "eta": view.eta_seconds}
        case "step":
            return steps | {"eta": round(view.eta_seconds * (1 - news.step / max(news.steps, 1)), 2)}
        case "preview":
            until = services.clock.now() + PREVIEW_LINKS_LAST
            return steps | {"url": base_url + services.links.path(news.preview_key or "", until)}
        case "done":
            links = [base_url + services.links.path(key) for key in view.artifact_keys]
            return {"output": links, "seconds": view.seconds, "cost": float(dollars(view.cost))}
        case "failed":
            return {"message": view.error or "Failed, Try Again"}
        case "cancelled":
            return {"message": "Cancelled on request."}
