"""Models. All SQL about them is here, but for the seed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest
from easel.domain.money import Micros

ID_LIMIT = 100


def find_model(session: Session, model_id: str) -> Model:
    """Raises InvalidRequest for a model that is not in the catalogue."""
    # An id with control characters or half a surrogate pair is none of ours, and PostgreSQL would choke on it.
    fit = len(model_id) <= ID_LIMIT and model_id.isprintable()
    model = session.get(Model, model_id) if fit else None
    if model is None:
        raise InvalidRequest("model_id", f"Model not found: {_shown(model_id)}")
    return model


def list_models(session: Session) -> list[Model]:
    """Checkpoints first, then by provider and name."""
    return list(session.scalars(select(Model).order_by(Model.kind != "checkpoint", Model.provider, Model.name)))


def mark_installed(session: Session, model_id: str, weights: str | None) -> Model:
    """Write down where a model's weights lie on this installation; None: nowhere any more."""
    model = find_model(session, model_id)
    model.weights = weights
    return model


def set_price(session: Session, model_id: str, price: Micros) -> Model:
    """The price of a picture from now on; what is already quoted keeps its price."""
    if price < 0:
        raise InvalidRequest("price", "price must be zero or more")
    model = find_model(session, model_id)
    model.price = price
    return model


def _shown(model_id: str) -> str:
    """The id as an answer may repeat it: not a megabyte of it, and no control characters."""
    return "".join(character if character.isprintable() else "?" for character in model_id[:ID_LIMIT])
