"""Models as the catalogue is told of them: an order against what it knows, and what was installed, written down."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from easel.catalogue import queries
from easel.catalogue.limits import KINDS
from easel.catalogue.tables import Model
from easel.catalogue.weights import weights_folder
from easel.cli.context import Installation
from easel.cli.installing import INSTALLERS
from easel.cli.orders import Installed, Order
from easel.domain.errors import InvalidRequest
from easel.domain.money import read_dollars

USUAL_PRICE = "0.0047"
USUAL_PROVIDER = "local"


def order_in(installation: Installation, model_id: str, **said: Any) -> Order:
    """An order for `model_id`, with what the catalogue knows of it; `said` are further fields of the order."""
    with installation.database.transaction() as session:
        known = {model.model_id: model for model in queries.list_models(session)}
    return Order(
        model_id=model_id,
        model=known.get(model_id),
        models=installation.settings.data.resolve() / "models",
        vocabularies=tuple(weights_folder(one.weights) for one in known.values() if one.weights),
        **said,
    )


def write_down(session: Session, order: Order, installed: Installed, said: Mapping[str, str | None]) -> None:
    """`said` is of a new model: kind, provider, name, licence and price, as far as they were said."""
    if order.model is None:
        queries.add_model(session, _new_model(order, installed, said))
    now = queries.mark_installed(session, order.model_id, installed.weights, installed.about)
    now.family = now.family or installed.columns.get("family")


def installer_of(order: Order, kind: str | None) -> Callable[[Order], Installed]:
    kind = order.model.kind if order.model else kind or "checkpoint"
    if kind not in INSTALLERS:
        raise InvalidRequest(
            "model_id",
            f"{order.model_id} is {KINDS.get(kind, f'a {kind}')}; checkpoints, LoRAs, embeddings, VAEs, "
            "ControlNets and upscalers can be installed",
        )
    return INSTALLERS[kind]


def _new_model(order: Order, installed: Installed, said: Mapping[str, str | None]) -> Model:
    title = installed.about.facts.get("title")
    shown = said.get("name") or (str(title) if title else order.model_id)
    return Model(
        model_id=order.model_id,
        kind=said.get("kind") or "checkpoint",
        provider=said.get("provider") or USUAL_PROVIDER,
        name=shown,
        summary=f"{shown}, installed by the operator of this site.",
        description=f"{shown} was installed by the operator of this site, who knows more about it.",
        licence=said.get("licence") or "Not stated",
        price=read_dollars(said.get("price") or USUAL_PRICE),
        source=order.elsewhere,
        **({"family": None, "defaults": {}, "limits": {}} | installed.columns),
    )
