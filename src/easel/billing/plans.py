"""What an account has chosen: its limits, and whether its pictures cost anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from easel.domain.errors import InvalidRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    name: str
    title: str
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

    @property
    def is_free_of_charge(self) -> bool:
        return self.unlimited or self.daily_pictures is not None


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        plan.name: plan
        for plan in (
            Plan(name="free", title="Free", queue_limit=5, priority=0, daily_pictures=20),
            Plan(name="pay-as-you-go", title="Pay as you go", queue_limit=5),
            Plan(name="standard", title="Standard", queue_limit=10, share=2),
            Plan(name="premium", title="Premium", queue_limit=15, share=2, unlimited=True),
        )
    }
)


def plan_named(name: str) -> Plan:
    """Raises InvalidRequest for a plan that does not exist."""
    try:
        return PLANS[name]
    except KeyError:
        raise InvalidRequest("plan", f"There is no plan {name}; choose one of {', '.join(PLANS)}") from None
