"""The HTTP door: every route, and one way from an error to an answer."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from threading import Lock
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from easel import __version__
from easel.db.session import DATABASE_IS_DOWN
from easel.domain.errors import DomainError
from easel.gateway import errors
from easel.gateway.dialects.automatic1111 import routes as automatic1111
from easel.gateway.dialects.mcp import door as mcp
from easel.gateway.dialects.modelslab import routes as modelslab
from easel.gateway.dialects.openai import routes as openai
from easel.gateway.errors import Shape, refusal_of
from easel.gateway.explorer import explorer_router
from easel.gateway.files import files_router
from easel.gateway.health import health_router
from easel.gateway.limits import LimitBody
from easel.gateway.live import live_router
from easel.gateway.middleware import Journal, OpenToBrowsers, SecurityHeaders, TidyPath
from easel.gateway.openapi import complete
from easel.gateway.payments import payments_router
from easel.gateway.services import Services
from easel.site.assets import Assets
from easel.site.docs import articles, drawn
from easel.site.errors import not_found_page
from easel.site.rendering import Renderer
from easel.site.routes import site_router
from easel.site.sessions import SessionSigner
from easel.site.site import Site

SHAPES: Final[Mapping[str, Shape]] = {
    "api": modelslab.answer_error,
    "files": modelslab.answer_error,
    "v1": openai.answer_error,
    "sdapi": automatic1111.answer_error,
    "controlnet": automatic1111.answer_error,
    "internal": automatic1111.answer_error,
    "mcp": mcp.answer_error,
}
"""How errors are written, by the first part of a path."""


def create_app(services: Services) -> "Door":
    agents = mcp.Door(services)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await services.hub.start()
        yield
        await agents.close()
        await services.hub.stop()

    # FastAPI's own documentation pages load their scripts from another host.
    app = Door(title="Easel", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.old_paths_answer_200 = services.old_paths_answer_200
    app.include_router(health_router(services))
    app.include_router(files_router(services))
    app.include_router(modelslab.modelslab_router(services))
    app.include_router(openai.openai_router(services))
    app.include_router(automatic1111.automatic1111_router(services))
    app.router.routes.extend(Route(path, agents, methods=["POST"], include_in_schema=False) for path in mcp.PATHS)
    app.include_router(payments_router(services))
    app.include_router(live_router(services))
    app.include_router(explorer_router())  # before the site, which has an article at any other address below /docs
    app.include_router(site_router(services))
    # These are compressed, and pages are not: one that repeats a stranger's text betrays by its length what else is on
    # it (BREACH).
    app.mount("/static", Assets(), name="static")
    _answer_errors(app, Site(services, SessionSigner(services.secret)))
    # The last one added is the first to see a request.
    app.add_middleware(LimitBody)
    app.add_middleware(Journal, answer=answer)
    app.add_middleware(OpenToBrowsers)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(TidyPath)
    return app


class Door(FastAPI):
    """An app whose routers' routes are its own.

    FastAPI wraps an included router, goes through its routes twice for each request, and builds what it needs for that
    at the first one, which waits for seconds. Our routers say all that there is to say themselves.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._document: dict[str, Any] | None = None
        self._writing = Lock()

    def include_router(self, router: APIRouter) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.router.routes.extend(router.routes)

    def openapi(self) -> dict[str, Any]:
        """The document that /openapi.json answers; made once, and whole before anybody has it."""
        with self._writing:
            self._document = self._document or complete(super().openapi(), SHAPES.get, self)
            return self._document


def warm(app: Door) -> None:
    """What the first visitors would wait for: templates, articles and the OpenAPI document. For a thread of its own."""
    Renderer().warm()
    for article in articles().values():
        drawn(article.text)
    app.openapi()


def answer(request: Request, error: Exception) -> Response:
    """Every error leaves through here, in the shape of the dialect whose path was called."""
    first = request.scope["path"].split("/", 2)[1]
    return SHAPES.get(first, errors.plain)(request, refusal_of(error))


def _answer_errors(app: FastAPI, site: Site) -> None:
    async def handle(request: Request, error: Exception) -> Response:
        refused = answer(request, error)
        if refused.status_code == 404 and refused.media_type == "text/plain" and _is_for_people(request):
            return await run_in_threadpool(not_found_page, site, request)
        return refused

    for kind in (DomainError, HTTPException, RequestValidationError, *DATABASE_IS_DOWN):
        app.add_exception_handler(kind, handle)


def _is_for_people(request: Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")
