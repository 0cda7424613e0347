"""What a request will cost. Pure: a preview and an order are the same computation."""

from dataclasses import dataclass

from easel.billing.plans import Plan
from easel.domain.money import Micros


@dataclass(frozen=True, slots=True)
class Quote:
    total: Micros
    """What is held at submit, and the most that will be captured."""
    per_picture: Micros
    """What each delivered picture costs."""


def quote(plan: Plan, price: Micros, samples: int) -> Quote:
    """`price` is the model's, per picture; `samples` is how many pictures are asked for."""
    per_picture = Micros(0) if plan.is_free_of_charge else price
    return Quote(total=Micros(per_picture * samples), per_picture=per_picture)
