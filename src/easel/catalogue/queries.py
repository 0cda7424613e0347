"""Models. All SQL about them is here, but for the seed."""

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.catalogue.tables import Model
from easel.db.direct import direct
from easel.domain.errors import Conflict, InvalidRequest
from easel.domain.money import Micros

ID_LIMIT = 100
MARKDOWN = ".md"
MODEL_ID = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{ID_LIMIT - 1}}}")


def find_model(session: Session, model_id: str) -> Model:
    """Raises InvalidRequest for a model that is not in the catalogue."""
    model = session.get(Model, model_id) if _can_be_an_id(model_id) else None
    if model is None:
        raise _not_found(model_id)
    return model


READ: Final = f"SELECT {', '.join(Model.__table__.columns.keys())} FROM models WHERE model_id = %(model_id)s"


def read_model(session: Session, model_id: str) -> Model:
    """What `find_model` does, past the ORM. The model is not the session's: nothing may be written to it."""
    found = direct(session, READ, {"model_id": model_id}) if _can_be_an_id(model_id) else []
    if not found:
        raise _not_found(model_id)
    return Model(**found[0]._asdict())


def list_models(session: Session) -> list[Model]:
    """Checkpoints first, then by provider and name."""
    return list(session.scalars(select(Model).order_by(Model.kind != "checkpoint", Model.provider, Model.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutWeights:
    """What an installer found out about weights, in the columns of the table."""

    format: str
    sha256: str
    size_bytes: int
    parameters: int
    resolution: int | None = None
    objective: str | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


def check_id(model_id: str, field: str = "model_id") -> None:
    """Raises InvalidRequest naming `field` for an id that cannot stand in an address."""
    if not MODEL_ID.fullmatch(model_id):
        raise InvalidRequest(
            field,
            f"A {field} is made of lower-case letters, digits, dots, dashes and underscores, begins with a letter or "
            f"a digit and has at most {ID_LIMIT} characters; not {_shown(model_id)!r}",
        )
    if model_id.endswith(MARKDOWN):
        raise InvalidRequest(
            field,
            f"A {field} does not end in {MARKDOWN}: at such an address its page's Markdown is; leave the ending out of "
            f"{_shown(model_id)!r}",
        )


def add_model(session: Session, model: Model) -> Model:
    """A model of the operator's own. Raises InvalidRequest for an id that is taken or cannot stand in an address."""
    check_id(model.model_id)
    check_id(model.provider, "provider")
    if session.get(Model, model.model_id):
        raise InvalidRequest("model_id", f"{model.model_id} is in the catalogue already")
    session.add(model)
    session.flush()
    return model


def mark_installed(session: Session, model_id: str, weights: str | None, about: AboutWeights | None = None) -> Model:
    """Write down where a model's weights lie on this installation, None: nowhere any more, and what they are."""
    model = find_model(session, model_id)
    model.weights, model.withdrawn = weights, None
    for column, value in asdict(about).items() if about else ():
        setattr(model, column, value)
    return model


def withdraw(session: Session, model_id: str) -> Model:
    """Have nobody draw with it, as if it were not installed. Raises Conflict for one that is not."""
    model = find_model(session, model_id)
    if model.weights is None:
        raise Conflict(f"{model_id} is not installed, so nobody draws with it as it is")
    model.weights, model.withdrawn = None, model.weights
    return model


def offer(session: Session, model_id: str) -> Model:
    """Undo `withdraw`. Raises Conflict for a model that was not withdrawn."""
    model = find_model(session, model_id)
    if model.withdrawn is None:
        raise Conflict(f"{model_id} was not taken off offer; install it with: easel models install {model_id}")
    model.weights, model.withdrawn = model.withdrawn, None
    return model


def set_price(session: Session, model_id: str, price: Micros) -> Model:
    """The price of a picture from now on; what is already quoted keeps its price."""
    if price < 0:
        raise InvalidRequest("price", "price must be zero or more")
    model = find_model(session, model_id)
    model.price = price
    return model


def _can_be_an_id(model_id: str) -> bool:
    """One with control characters or half a surrogate pair is none of ours, and PostgreSQL would choke on it."""
    return len(model_id) <= ID_LIMIT and model_id.isprintable()


def _not_found(model_id: str) -> InvalidRequest:
    return InvalidRequest("model_id", f"Model not found: {_shown(model_id)}")


def _shown(model_id: str) -> str:
    """The id as an answer may repeat it: not a megabyte of it, and no control characters."""
    return "".join(character if character.isprintable() else "?" for character in model_id[:ID_LIMIT])
