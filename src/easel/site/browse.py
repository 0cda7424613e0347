"""Home, the catalogue, a provider's models, and prices."""

from dataclasses import asdict, dataclass, replace
from typing import Final
from urllib.parse import urlencode

from fastapi import Request, Response
from sqlalchemy.orm import Session

from easel.billing.plans import PLANS
from easel.catalogue.queries import find_model, list_models
from easel.catalogue.search import Choices, Wanted, choices, search
from easel.domain.errors import NotFound
from easel.domain.money import format_dollars
from easel.site.addresses import model_address, provider_address
from easel.site.cards import cards_of
from easel.site.describe import FAMILIES, KINDS, PROVIDERS, ModelCard, plan_row
from easel.site.site import Site
from easel.site.twins import Page, answer

ON_HOME: Final = 6
SHOWN_AT_MOST: Final = 200
"""Characters of what is looked for, as a page repeats them."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """One of the selects: what may be chosen, as (value, label)."""

    name: str
    label: str
    chosen: str
    options: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A page of the catalogue."""

    cards: list[ModelCard]
    total: int
    page: int
    pages: int
    wanted: Wanted
    filters: list[Filter]
    address: str

    def link(self, page: int) -> str:
        said = {"q" if name == "words" else name: value for name, value in asdict(self.wanted).items() if value}
        if self.address != "/models":
            said.pop("provider", None)
        query = urlencode(said | ({"page": page} if page > 1 else {}))
        return f"{self.address}?{query}" if query else self.address

    @property
    def is_narrowed(self) -> bool:
        return any(asdict(self.wanted if self.address == "/models" else replace(self.wanted, provider="")).values())


class Browse:
    def __init__(self, site: Site) -> None:
        self._site = site

    def home(self, request: Request) -> Response:
        with self._site.services.database.transaction() as session:
            found = search(session, Wanted())
            start = find_model(session, self._site.services.default_model)
            drawn, *cards = cards_of(session, self._site.services.links, [start, *found.models[:ON_HOME]])
        page = Page(
            name="home",
            title="Easel: pictures from words, on your own machines",
            description="A self-hosted image-generation cloud: models, a playground and an API on your own machine.",
            path="/",
            view={"cards": cards, "total": found.total, "start": model_address(start), "drawn": drawn},
        )
        return answer(self._site, request, page)

    def models(self, request: Request) -> Response:
        with self._site.services.database.transaction() as session:
            listing = self._listing(session, request, "/models", _wanted(request))
        page = Page(
            name="models",
            title="Models · Easel",
            description=f"{_counted(listing.total)} of this installation, with what a picture of each costs.",
            path="/models",
            view={"listing": listing, "heading": "Models"},
        )
        return answer(self._site, request, page)

    def provider(self, request: Request, provider: str) -> Response:
        """Raises NotFound for a provider of whom the catalogue has nothing."""
        address = provider_address(provider)
        with self._site.services.database.transaction() as session:
            if provider not in choices(session).providers:
                raise NotFound("The catalogue has no provider of this name. See which models it has.")
            listing = self._listing(session, request, address, replace(_wanted(request), provider=provider))
        name = PROVIDERS.get(provider, provider)
        page = Page(
            name="models",
            title=f"Models by {name} · Easel",
            description=f"{_counted(listing.total)} by {name} on this installation, with what a picture of each costs.",
            path=address,
            view={"listing": listing, "heading": f"Models by {name}"},
        )
        return answer(self._site, request, page)

    def pricing(self, request: Request) -> Response:
        with self._site.services.database.transaction() as session:
            models = [model for model in list_models(session) if model.kind in ("checkpoint", "lora")]
            prices = [(one.name, model_address(one), KINDS[one.kind], format_dollars(one.price)) for one in models]
        lowest = min((model.price for model in models), default=0)
        page = Page(
            name="pricing",
            title="Pricing · Easel",
            description=f"Pictures from {format_dollars(lowest)} each. Only what is delivered is paid for.",
            path="/pricing",
            view={"plans": [plan_row(plan) for plan in PLANS.values()], "prices": prices},
        )
        return answer(self._site, request, page)

    def _listing(self, session: Session, request: Request, address: str, wanted: Wanted) -> Listing:
        found = search(session, wanted, _page_number(request))
        return Listing(
            cards=cards_of(session, self._site.services.links, found.models),
            total=found.total,
            page=found.page,
            pages=found.pages,
            wanted=wanted,
            filters=_filters(choices(session), wanted, with_provider=address == "/models"),
            address=address,
        )


def _wanted(request: Request) -> Wanted:
    said = request.query_params
    return Wanted(
        words=said.get("q", "").strip()[:SHOWN_AT_MOST],
        **{name: said.get(name, "")[:SHOWN_AT_MOST] for name in ("kind", "family", "provider", "tag")},
    )


def _page_number(request: Request) -> int:
    said = request.query_params.get("page", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 7 else 1


def _filters(offered: Choices, wanted: Wanted, *, with_provider: bool) -> list[Filter]:
    """Only where there is something to choose, or something was chosen."""
    rows = [
        ("kind", "Kind", wanted.kind, offered.kinds, KINDS),
        ("family", "Family", wanted.family, offered.families, FAMILIES),
        *([("provider", "Provider", wanted.provider, offered.providers, PROVIDERS)] if with_provider else []),
        ("tag", "Tag", wanted.tag, offered.tags, {}),
    ]
    return [
        Filter(name=name, label=label, chosen=chosen, options=[(value, names.get(value, value)) for value in values])
        for name, label, chosen, values, names in rows
        if len(values) > 1 or chosen
    ]


def _counted(total: int) -> str:
    return f"{total} model{'' if total == 1 else 's'}"
