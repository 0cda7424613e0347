"""What operators do to accounts and models: asked whether they may, done, and written down with their name."""

from sqlalchemy.orm import Session

from easel.accounts import queries as accounts
from easel.accounts.oversight import note
from easel.accounts.queries import lock_account
from easel.accounts.roles import Power, require, require_over
from easel.accounts.tables import Account, Role
from easel.billing import ledger, subscriptions
from easel.billing.plans import Plan
from easel.catalogue import queries as catalogue
from easel.catalogue.tables import Model
from easel.domain.errors import NotFound
from easel.domain.money import Micros, format_dollars
from easel.generations.cancel import cancel
from easel.generations.queries import LARGEST_ID
from easel.generations.tables import Generation
from easel.kit.clock import Clock


def set_plan(session: Session, clock: Clock, operator: Account, account_id: int, wanted: str) -> Plan:
    """Costs nothing and has no end.

    Raises NotFound, InvalidRequest for an unknown plan, NotAllowed unless the operator's role reaches the account's.
    """
    account = lock_account(session, account_id)
    if account.id == operator.id:
        require(operator, Power.SET_PLAN)
    else:
        require_over(operator, Power.SET_PLAN, account)
    before = account.plan
    plan = subscriptions.assign(session, clock, account_id, before, wanted, by=operator.name)
    account.plan = plan.name
    note(session, clock, operator, f"put {account.name} from {before} on {plan.name}", account_id=account_id)
    return plan


def credit(
    session: Session, clock: Clock, operator: Account, account_id: int, amount: Micros, key: str, memo: str | None
) -> None:
    """Book money that the account has paid, once for each `key`. Raises as `ledger.credit`, NotFound, NotAllowed."""
    require(operator, Power.CREDIT)
    account = lock_account(session, account_id)
    if ledger.credit(session, clock, account_id, amount, key, memo or None):
        said = f"credited {account.name} with {format_dollars(amount)}" + (f" ({memo})" if memo else "")
        note(session, clock, operator, said, account_id=account_id)


def adjust(
    session: Session, clock: Clock, operator: Account, account_id: int, amount: Micros, key: str, reason: str
) -> None:
    """Correct the account's credit, once for each `key`. Raises as `ledger.adjust`, NotFound, NotAllowed."""
    require(operator, Power.CREDIT)
    account = lock_account(session, account_id)
    if ledger.adjust(session, clock, account_id, amount, key, reason):
        what = "gave" if amount > 0 else "took"
        whom = account.name if amount > 0 else f"from {account.name}"
        said = f"{what} {whom} {format_dollars(abs(amount))} as a correction ({reason})"
        note(session, clock, operator, said, account_id=account_id)


def set_role(session: Session, clock: Clock, operator: Account, account_id: int, role: Role) -> Account:
    """Raises as `accounts.queries.set_role`."""
    account = accounts.set_role(session, operator, account_id, role)
    note(session, clock, operator, f"gave {account.name} the role {role}", account_id=account_id)
    return account


def stop(session: Session, clock: Clock, operator: Account, generation_id: int) -> None:
    """Cancel anybody's request, which then costs nothing. Raises NotFound, NotAllowed."""
    require(operator, Power.SUSPEND)
    generation = session.get(Generation, generation_id) if 0 < generation_id <= LARGEST_ID else None
    if generation is None:
        raise NotFound(f"There is no request {generation_id}")
    cancel(session, clock, generation.account_id, generation_id)
    note(session, clock, operator, f"stopped request {generation_id}", account_id=generation.account_id)


def set_price(session: Session, clock: Clock, operator: Account, model_id: str, price: Micros) -> Model:
    """The price of a picture from now on. Raises as `catalogue.queries.set_price`, NotAllowed."""
    require(operator, Power.MANAGE_MODELS)
    before = catalogue.find_model(session, model_id).price
    model = catalogue.set_price(session, model_id, price)
    note(session, clock, operator, f"priced {model_id} at {format_dollars(price)} instead of {format_dollars(before)}")
    return model


def withdraw(session: Session, clock: Clock, operator: Account, model_id: str) -> Model:
    """Take a model off offer: nobody draws with it, and what waits for it fails and costs nothing.

    Raises Conflict for one that is not installed, NotAllowed.
    """
    require(operator, Power.MANAGE_MODELS)
    model = catalogue.withdraw(session, model_id)
    note(session, clock, operator, f"took {model_id} off offer")
    return model


def offer(session: Session, clock: Clock, operator: Account, model_id: str) -> Model:
    """Put a withdrawn model on offer again. Raises Conflict for one that was not withdrawn, NotAllowed."""
    require(operator, Power.MANAGE_MODELS)
    model = catalogue.offer(session, model_id)
    note(session, clock, operator, f"put {model_id} on offer again")
    return model
