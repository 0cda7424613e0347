"""What a tool answers, as structured output. Money is in US dollars."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from easel.billing.caps import Spending
from easel.catalogue.tables import Model
from easel.domain.money import dollars


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class ListedModel(Shape):
    model_id: str
    name: str
    provider: str
    kind: str
    family: str | None
    summary: str
    price: float
    """Of one picture."""
    installed: bool
    """Only an installed model can be drawn with."""


class ModelList(Shape):
    models: list[ListedModel]
    total: int
    """How many there are; more than were listed where the limit cut them off."""


class DescribedModel(ListedModel):
    description: str
    licence: str
    tags: list[str]
    defaults: dict[str, Any]
    """What is used for an argument that is left out."""
    limits: dict[str, Any]
    """What may be asked for."""
    usual_seconds: float
    """What a request took here lately, once a worker had it."""


class KeySpending(Shape):
    """What the key itself may spend, whatever its account has."""

    cap: float | None
    """In all; null is no limit."""
    monthly_cap: float | None
    """In a calendar month, UTC."""
    spent: float
    """In all, or in this month where only months are limited."""
    left: float


class Price(Shape):
    model_id: str
    samples: int
    width: int
    height: int
    num_inference_steps: int
    cost: float
    """Held when it is ordered, and taken for pictures that are delivered."""
    cost_per_picture: float
    included: int
    """How many of the pictures the plan pays for."""
    seconds: float
    balance: float
    key: KeySpending | None
    """Null for a key without a cap."""
    can_be_ordered: bool
    obstacle: str | None
    """Why it cannot be ordered now, and what to change."""


class Balance(Shape):
    balance: float
    reserved: float
    """What unfinished requests will cost at most."""
    currency: Literal["USD"] = "USD"
    plan: str
    key: KeySpending | None
    """Null for a key without a cap."""


class DrawnPicture(Shape):
    url: str
    """The picture as it was drawn; the link works until the picture is deleted."""
    width: int
    height: int
    seed: int


class Drawn(Shape):
    id: int
    """For fetch and cancel."""
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    pictures: list[DrawnPicture]
    """Empty until it is done."""
    model_id: str
    prompt: str
    negative_prompt: str
    num_inference_steps: int
    guidance_scale: float
    sampler: str
    step: int
    steps: int
    """How far it is, over all of its pictures."""
    queue_position: int | None
    eta_seconds: float
    seconds: float | None
    """What drawing took."""
    cost: float
    """What was paid: nothing until it is done."""
    warnings: list[str]
    """What was done otherwise than asked."""
    error: str | None


def listed(model: Model) -> dict[str, Any]:
    return {
        "model_id": model.model_id,
        "name": model.name,
        "provider": model.provider,
        "kind": model.kind,
        "family": model.family,
        "summary": model.summary,
        "price": float(dollars(model.price)),
        "installed": model.weights is not None,
    }


def key_spending(spending: Spending | None) -> KeySpending | None:
    if spending is None:
        return None
    return KeySpending(
        cap=None if spending.cap is None else float(dollars(spending.cap)),
        monthly_cap=None if spending.monthly_cap is None else float(dollars(spending.monthly_cap)),
        spent=float(dollars(spending.total)),
        left=float(dollars(spending.left)),
    )
