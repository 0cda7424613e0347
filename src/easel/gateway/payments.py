"""Where the payment provider tells what has happened."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from easel.billing import payments
from easel.domain.errors import NotFound
from easel.gateway.services import Services

PATH = "/api/payments/stripe"


def payments_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["Payments"])

    @router.post(
        PATH,
        operation_id="stripe_event",
        summary="An event of the payment provider",
        response_model=None,
        responses={
            400: {"description": "The signature is missing or wrong"},
            404: {"description": "This installation takes no cards"},
        },
    )
    async def stripe_event(request: Request) -> Response:
        checkout = services.checkout
        if checkout is None:
            raise NotFound("This installation takes no cards.")
        event = await run_in_threadpool(
            checkout.read_event, await request.body(), request.headers.get("stripe-signature", "")
        )

        def act() -> str:
            with services.database.transaction() as session:
                return payments.receive(session, services.clock, event)

        # Refusals are stored and answered 200 as well: sent again, the event would be refused again.
        return JSONResponse({"status": "success", "message": await run_in_threadpool(act)})

    return router
