"""Going from one plan to another: the account and its money in one transaction."""

from sqlalchemy.orm import Session

from easel.accounts.queries import lock_account
from easel.billing import subscriptions
from easel.billing.plans import Plan
from easel.kit.clock import Clock


def choose_plan(session: Session, clock: Clock, account_id: int, wanted: str) -> Plan:
    """The account's own choice; a plan with a fee is paid for a month. Raises as `subscriptions.choose`."""
    account = lock_account(session, account_id)
    plan = subscriptions.choose(session, clock, account_id, account.plan, wanted)
    account.plan = plan.name
    return plan
