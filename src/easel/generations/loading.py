"""Install a model in the background: asked for by an operator, carried out by a worker, told of at its end."""

from typing import Any

from sqlalchemy.orm import Session

from easel.accounts.oversight import note
from easel.accounts.roles import Power, require
from easel.accounts.tables import Account
from easel.catalogue import loads
from easel.catalogue.loads import LoadState, Wanted
from easel.catalogue.queries import check_id
from easel.catalogue.tables import Model, ModelLoad
from easel.db import leased
from easel.domain.errors import Conflict, InvalidRequest
from easel.kit.clock import Clock
from easel.webhooks import outbox

LOST = "It was lost with its worker {} times, which may be short of memory or disk; it is not tried again."


def ask_for_model(
    session: Session, clock: Clock, operator: Account, wanted: Wanted, *, webhook: str | None, anew: bool
) -> tuple[ModelLoad, bool]:
    """The load of this model, and whether it begins now.

    What was asked for before is answered as it stands; what has ended begins again with `anew`, or where the model was
    removed since. Raises NotAllowed, InvalidRequest for an id or a kind that cannot be, Conflict while something else
    is loaded under the same id.
    """
    require(operator, Power.MANAGE_MODELS)
    check_id(wanted.model_id)
    if webhook:
        outbox.check_url(webhook)
    model = session.get(Model, wanted.model_id)
    _check_model(model, wanted)
    before = loads.latest(session, wanted.model_id)
    if before is not None:
        is_same, is_over = loads.wanted_of(before) == wanted, before.finished_at is not None
        is_removed = loads.state_of(before) is LoadState.LOADED and (model is None or model.weights is None)
        if is_same and not (is_over and (anew or is_removed)):
            return before, False
        if not is_over:
            raise Conflict(f"{wanted.model_id} is being loaded from elsewhere; wait for its end, or choose another id")
    note(
        session, clock, operator, f"had {wanted.model_id} installed from {wanted.source or 'where the catalogue says'}"
    )
    return loads.begin(session, clock, operator.id, wanted, webhook), True


def finish_load(
    session: Session,
    clock: Clock,
    load_id: int,
    attempt: int,
    error: str | None = None,
    *,
    replaced: str | None = None,
) -> None:
    """The worker has installed it, in the place of other weights, or found out why it cannot.

    Raises Conflict when it is another attempt's.
    """
    load = leased.held(session, ModelLoad, load_id, attempt)
    load.replaced = replaced
    _end(session, clock, load, error)


def give_up_lost(session: Session, clock: Clock) -> int:
    """Fail what was lost too often. Any process may call this, as often as it likes."""
    given_up = leased.lost(session, clock, ModelLoad)
    for load in given_up:
        _end(session, clock, load, LOST.format(load.attempts))
    return len(given_up)


def told_of(load: ModelLoad) -> dict[str, Any]:
    """What the webhook says: the fields of a load_model answer."""
    is_loaded = loads.state_of(load) is LoadState.LOADED
    text = "model loaded" if is_loaded else f"model load failed: {load.error}"
    status = "success" if is_loaded else "error"
    return {"status": status, "message": text, "messege": text, "model_id": load.model_id}


def _check_model(model: Model | None, wanted: Wanted) -> None:
    if model is None and wanted.source is None:
        raise InvalidRequest("url", f"url is required: the catalogue does not know where {wanted.model_id} comes from")
    if model is not None and wanted.source is None and model.source is None:
        raise InvalidRequest("url", f"url is required: there is no place to fetch {wanted.model_id} from")
    if model is not None and model.kind != wanted.kind:
        raise InvalidRequest(
            "model_id", f"{wanted.model_id} is a {model.kind} of the catalogue and no {wanted.kind}; choose another id"
        )


def _end(session: Session, clock: Clock, load: ModelLoad, error: str | None) -> None:
    leased.end(session, clock, load, error)
    if load.webhook:
        outbox.enqueue(session, clock, load.account_id, load.webhook, told_of(load))
