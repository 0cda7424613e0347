"""What an account has chosen: its limits, and what its pictures cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from easel.domain.errors import InvalidRequest
from easel.domain.money import Micros, micros_from_dollars

NOTHING = Micros(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    name: str
    title: str
    summary: str
    """One line for people who choose."""
    queue_limit: int
    """How many requests of the account may wait or be drawn at one time."""
    priority: int = 1
    """The class of its requests: all of a higher one are drawn first, but for a bound on how long anybody waits."""
    share: int = 1
    """How much of the drawing its account gets beside another one of the same class that also has requests waiting."""
    unlimited: bool = False
    """Pictures of open models cost nothing."""
    daily_pictures: int | None = None
    """How many pictures a day cost nothing, and then no more are drawn; None: no such number."""
    monthly_pictures: int = 0
    """How many pictures of each paid month cost nothing; further ones cost the model's price."""
    monthly_fee: Micros = NOTHING
    """What a month costs whoever chooses the plan without an operator."""

    @property
    def is_free_of_charge(self) -> bool:
        return self.unlimited or self.daily_pictures is not None


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        plan.name: plan
        for plan in (
            Plan(
                name="free",
                title="Free",
                summary="20 pictures a day, to try everything.",
                queue_limit=5,
                priority=0,
                daily_pictures=20,
            ),
            Plan(
                name="pay-as-you-go",
                title="Pay as you go",
                summary="Each picture at the model's price, from credit that does not expire.",
                queue_limit=5,
            ),
            Plan(
                name="standard",
                title="Standard",
                summary="10,000 pictures a month, further ones at the model's price.",
                queue_limit=10,
                share=2,
                monthly_pictures=10_000,
                monthly_fee=micros_from_dollars("47"),
            ),
            Plan(
                name="premium",
                title="Premium",
                summary="Unlimited pictures, in fair share with everybody else.",
                queue_limit=15,
                share=2,
                unlimited=True,
                monthly_fee=micros_from_dollars("149"),
            ),
        )
    }
)


def plan_named(name: str) -> Plan:
    """Raises InvalidRequest for a plan that does not exist."""
    try:
        return PLANS[name]
    except KeyError:
        raise InvalidRequest("plan", f"There is no plan {name}; choose one of {', '.join(PLANS)}") from None
