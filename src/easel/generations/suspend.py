"""Close an account for a while, with all that it has in hand, and open it again."""

from sqlalchemy.orm import Session

from easel.accounts.oversight import note
from easel.accounts.queries import lock_account
from easel.accounts.roles import Power, require_over
from easel.accounts.sessions import end_sessions
from easel.accounts.tables import Account
from easel.generations.cancel import cancel_all
from easel.kit.clock import Clock


def suspend(session: Session, clock: Clock, operator: Account, account_id: int) -> Account:
    """Its keys are refused with a sentence, its browsers signed out, its unfinished pictures stopped and not paid for.

    Once more changes nothing. Raises NotFound, and NotAllowed unless the operator's role reaches the account's.
    """
    account = lock_account(session, account_id)
    require_over(operator, Power.SUSPEND, account)
    if account.suspended_at is None:
        account.suspended_at = clock.now()
        note(session, clock, operator, f"suspended {account.name}", account_id=account_id)
    end_sessions(session, account_id)
    cancel_all(session, clock, account_id)
    return account


def resume(session: Session, clock: Clock, operator: Account, account_id: int) -> Account:
    """Keys work again; browsers sign in again. Raises as `suspend`."""
    account = lock_account(session, account_id)
    require_over(operator, Power.SUSPEND, account)
    if account.suspended_at is not None:
        account.suspended_at = None
        note(session, clock, operator, f"resumed {account.name}", account_id=account_id)
    return account
