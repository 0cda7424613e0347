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
    included: int = 0
    """How many of the pictures are the plan's and cost nothing."""

    def for_delivered(self, pictures: int) -> Micros:
        """What so many delivered pictures cost. The plan's come first."""
        return Micros(self.per_picture * max(0, pictures - self.included))


def quote(plan: Plan, price: Micros, samples: int, *, included_left: int = 0) -> Quote:
    """`price` is the model's, per picture; `samples` is how many pictures are asked for.

    `included_left`: how many of the plan's monthly pictures the account has not used yet.
    """
    per_picture = Micros(0) if plan.is_free_of_charge else price
    included = min(samples, max(0, included_left)) if per_picture else 0
    quoted = Quote(Micros(0), per_picture, included)
    return Quote(quoted.for_delivered(samples), per_picture, included)
