"""What a request would cost and take, before it is ordered: checked as an order is, with nothing written or held."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from easel.accounts.tables import Account
from easel.billing import caps, wallets
from easel.billing.caps import Spending
from easel.billing.plans import plan_named
from easel.billing.pricing import Quote
from easel.domain.errors import DomainError
from easel.domain.money import Micros, format_dollars
from easel.domain.request import GenerationDraft, GenerationRequest
from easel.generations.queries import estimate_seconds
from easel.generations.submit import check_queue, check_quota, price_of, settle
from easel.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    request: GenerationRequest
    """What would be drawn, with the model's defaults in place of what was not said."""
    price: Quote
    seconds: float
    """From the moment that a worker takes it, by what the model took here lately."""
    balance: Micros
    spending: Spending | None
    """Of the key that asks, where it has a cap."""
    obstacle: str | None
    """Why it would be refused now though it can be drawn: money, a cap, a quota or a full queue."""


def estimate(
    session: Session, clock: Clock, account: Account, draft: GenerationDraft, api_key_id: int | None = None
) -> Estimate:
    """Raises InvalidRequest or ModelNotInstalled, as an order of the same would."""
    choice, request = settle(session, clock, draft)
    plan, now = plan_named(account.plan), clock.now()
    price = price_of(session, account.id, plan, choice.named, request, now)
    balance = wallets.balance(session, account.id)
    obstacle = None
    try:
        check_queue(session, account.id, plan)
        check_quota(session, account.id, plan, request.samples, now)
        if price.total and api_key_id is not None:
            caps.refuse_beyond_cap(session, clock, api_key_id, price.total)
    except DomainError as refusal:
        obstacle = refusal.message
    if price.total > balance:
        obstacle = obstacle or f"The account has {format_dollars(balance)}; add credit first."
    return Estimate(
        request=request,
        price=price,
        seconds=estimate_seconds(session, choice.named.model_id),
        balance=balance,
        spending=caps.spending_of(session, clock, [] if api_key_id is None else [api_key_id]).get(api_key_id or 0),
        obstacle=obstacle,
    )
