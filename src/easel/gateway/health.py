"""For whoever looks after the process: does it live, can it serve."""

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from easel.gateway.services import Services


def health_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["Health"])

    @router.get("/healthz", operation_id="alive", summary="The process lives")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        operation_id="ready",
        summary="The gateway can serve",
        responses={200: {"description": "All parts answer"}, 503: {"description": "The body says which part is down"}},
    )
    def ready() -> Response:
        # Without notifications a wait ends some seconds later, and that is all: no reason to stop serving.
        parts = {"database": _database(services), "notifications": "ok" if services.hub.listening.is_set() else "down"}
        able = parts["database"] == "ok"
        return JSONResponse({"status": "ok" if able else "unavailable", **parts}, 200 if able else 503)

    return router


def _database(services: Services) -> str:
    try:
        with services.database.transaction() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return "down"
    return "ok"
