"""Routes about models: lists, search, and what an operator does with them."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from easel.accounts.roles import Power, require
from easel.accounts.tables import Account, Scope
from easel.billing.plans import plan_named
from easel.catalogue.queries import find_model, list_models, mark_installed
from easel.catalogue.seed import seed_catalogue
from easel.domain.errors import InvalidRequest, ModelNotInstalled
from easel.gateway.auth import as_account, key_of
from easel.gateway.dialects.modelslab import answers, listing
from easel.gateway.dialects.modelslab.calls import Call, Handler
from easel.gateway.dialects.modelslab.listing import Search
from easel.gateway.dialects.modelslab.schedulers import SCHEDULERS
from easel.gateway.dialects.modelslab.schemas import ModelNamed
from easel.gateway.dialects.modelslab.shapes import (
    FinetuneList,
    FoundModels,
    ListedModel,
    ModelsOnServer,
    ModelsSynced,
    Said,
    Schedulers,
)
from easel.gateway.incoming import Incoming
from easel.gateway.services import Services
from easel.jobs.queue import count_unfinished
from easel.jobs.workers import list_workers
from easel.kit.ids import new_uuid

RESET: Final = timedelta(seconds=30)
"""When a queue that is full now is worth another look."""


def model_list(session: Session, account: Account, call: Call) -> list[ListedModel]:
    return [answers.listed(model) for model in list_models(session)]


def model_reload(session: Session, account: Account, call: Call) -> Said:
    model = find_model(session, ModelNamed.read(call.fields).model_id)
    if model.weights is None:
        raise ModelNotInstalled(model.model_id)
    is_resident = any(model.model_id in worker.resident for worker in list_workers(session))
    return answers.model_reloaded(model, is_resident=is_resident)


def model_search(session: Session, account: Account, call: Call) -> FoundModels:
    models, pages = listing.search(list_models(session), Search.read(call.fields))
    return {"status": "success", "data": models, "pagination": pages}


def finetune_list(session: Session, account: Account, call: Call) -> FinetuneList:
    """Models that the account has trained here: none, for training is not offered over HTTP."""
    return {"status": "success", "messege": "model list", "message": "model list", "data": []}


def verify_model(session: Session, account: Account, call: Call) -> Said:
    if find_model(session, ModelNamed.read(call.fields).model_id).weights is None:
        raise InvalidRequest("model_id", "Model does not exist on server")
    return answers.said("Model exists on server")


def get_all_models(session: Session, account: Account, call: Call) -> ModelsOnServer:
    here = [model for model in list_models(session) if model.weights]
    return {"models": [{"load_data": "", "model_id": model.model_id} for model in here], "status": "success"}


def delete_model(session: Session, account: Account, call: Call) -> Said:
    """Takes it out of use; its files stay where they are, as with `easel models remove`."""
    require(account, Power.MANAGE_MODELS)
    model = find_model(session, ModelNamed.read(call.fields).model_id)
    if model.weights is None:
        raise InvalidRequest("model_id", "Model does not exist on server")
    mark_installed(session, model.model_id, None)
    return answers.said("Model deleted on server")


def sync_models(session: Session, account: Account, call: Call) -> ModelsSynced:
    """Brings the catalogue up to what this version of Easel comes with."""
    require(account, Power.MANAGE_MODELS)
    seed_catalogue(session)
    here = [model.model_id for model in list_models(session) if model.weights]
    return {"status": "success", "message": f"{len(here)} Models synced successfully", "model_list": here}


def schedulers_list(session: Session, account: Account, call: Call) -> Schedulers:
    return {"schedulers": [name for name in SCHEDULERS if name != "LCMScheduler"]}


# The agents' API, which has an envelope and headers of its own.


def agents(services: Services, what: str) -> Handler:
    """`what`: models, filters, tags, providers or detail."""

    async def handle(request: Request) -> Response:
        fields: dict[str, object] = dict(request.query_params)

        def look(session: Session, account: Account) -> tuple[Any, dict[str, Any], int]:
            models = list_models(session)
            left = plan_named(account.plan).queue_limit - count_unfinished(session, account.id)
            further: dict[str, Any] = {}
            match what:
                case "models":
                    data, pages = listing.search(models, Search.read(fields))
                    further = {"total": pages["total"], "pagination": pages}
                case "filters":
                    data = listing.filters(models)
                case "tags":
                    data = listing.tags(models)
                case "providers":
                    data = listing.providers(models)
                case _:
                    data = listing.detail(models, request.path_params["id"])
            return data, further, left

        key = key_of(request, Incoming(fields, {}))
        data, further, left = await as_account(services, key, Scope.READ, look)
        envelope = {"data": data, "error": None, "meta": {"request_id": new_uuid(), **further}}
        return JSONResponse(envelope, headers=rate_limit(left, services.clock.now()))

    return handle


def rate_limit(left: int, now: datetime) -> dict[str, str]:
    """How many requests the account may still queue, and when (seconds since 1970) to look again."""
    reset = (now.astimezone(UTC) + RESET).timestamp()
    return {"X-RateLimit-Remaining": str(max(left, 0)), "X-RateLimit-Reset": f"{reset:.0f}"}
