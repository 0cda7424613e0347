"""What one has drawn and paid: by day as a chart, by model and key as tables."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, TypeVar

from fastapi import Request, Response

from easel.domain.money import MICROS_PER_DOLLAR, Micros
from easel.generations.usage import Usage, usage, usage_csv
from easel.site.charts import column_chart
from easel.site.downloads import as_csv, days
from easel.site.site import Site

SPANS: Final = {"7": 7, "30": 30, "90": 90}
SITE: Final = "The site"
"""What stands for pictures that no key asked for."""

Name = TypeVar("Name", bound=Hashable)
Measure = Literal["pictures", "cost"]


@dataclass(frozen=True, slots=True)
class Sum:
    """What was drawn under one name; `part` is its share of the largest, from 0 to 100."""

    name: str
    pictures: int
    cost: Micros
    part: float = 0.0


class UsagePage:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request, days: str = "30", by: str = "pictures") -> Response:
        """`days` back from today, of SPANS; `by` is what the charts measure. Anything else is as if it was not said."""
        span, measure = SPANS.get(days, 30), "cost" if by == "cost" else "pictures"
        now = self._site.services.clock.now()
        first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=span - 1)
        with self._site.mine(request) as (session, visitor):
            lines = usage(session, visitor.account.id, since=first, until=now, per="day")
        daily = by_day(lines, first, span)
        return self._site.page(
            request,
            "usage.html",
            visitor=visitor,
            span=span,
            measure=measure,
            daily=daily,
            chart=column_chart([(one.name, _measured(one, measure)) for one in daily], whole=measure == "pictures"),
            models=by_name(lines, lambda line: line.model_id, measure),
            keys=by_name(lines, lambda line: line.key_name or SITE, measure),
            pictures=sum(one.pictures for one in daily),
            cost=Micros(sum(one.cost for one in daily)),
        )

    def table(self, request: Request, since: str = "", until: str = "") -> Response:
        with self._site.mine(request) as (session, visitor):
            first, end = days(since, until, self._site.services.clock.now())
            return as_csv("easel-usage.csv", usage_csv(session, visitor.account.id, first, end))


def by_day(lines: Sequence[Usage], first: datetime, span: int) -> list[Sum]:
    """Every day once, those without pictures too."""
    found = _sums(lines, lambda line: line.begins.date())
    every = [first.date() + timedelta(days=number) for number in range(span)]
    return [Sum(_day(day), *found.get(day, (0, Micros(0)))) for day in every]


def by_name(lines: Sequence[Usage], name: Callable[[Usage], str], measure: Measure) -> list[Sum]:
    """The largest first."""
    found = [Sum(named, *both) for named, both in _sums(lines, name).items()]
    largest = max((_measured(one, measure) for one in found), default=0) or 1
    found = [Sum(one.name, one.pictures, one.cost, round(100 * _measured(one, measure) / largest, 2)) for one in found]
    return sorted(found, key=lambda one: (-_measured(one, measure), one.name))


def _sums(lines: Sequence[Usage], name: Callable[[Usage], Name]) -> dict[Name, tuple[int, Micros]]:
    sums: dict[Name, tuple[int, Micros]] = {}
    for line in lines:
        pictures, cost = sums.get(name(line), (0, Micros(0)))
        sums[name(line)] = (pictures + line.pictures, Micros(cost + line.cost))
    return sums


def _measured(one: Sum, measure: Measure) -> float:
    return one.pictures if measure == "pictures" else one.cost / MICROS_PER_DOLLAR


def _day(day: date) -> str:
    return f"{day:%-d %b}"
