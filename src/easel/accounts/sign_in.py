"""Signing in: by a link that works once, or with a password."""

from datetime import timedelta

from sqlalchemy.orm import Session

from easel.accounts import one_time
from easel.accounts.keys import refuse_suspended
from easel.accounts.queries import lock_account
from easel.accounts.tables import Account, Purpose
from easel.domain.errors import NotAuthenticated
from easel.kit.clock import Clock


def create_sign_in_token(session: Session, clock: Clock, account_id: int, lifetime: timedelta) -> str:
    """A token that `redeem_sign_in_token` takes once within `lifetime`."""
    return one_time.issue(session, clock, Purpose.SIGN_IN, lifetime, account_id=account_id)


def redeem_sign_in_token(session: Session, clock: Clock, token: str) -> Account:
    """Whose token it is, and no longer good. Raises NotAuthenticated for one used, run out or unknown."""
    used = one_time.use(session, clock, Purpose.SIGN_IN, token)
    if used is None:
        raise NotAuthenticated("This sign-in link has been used or has run out; ask for a new one")
    account = session.get_one(Account, used.account_id)
    refuse_suspended(account)
    return account


def admit(session: Session, account_id: int, seen_hash: str) -> Account:
    """The account, locked, of somebody whose password matched `seen_hash` a moment ago.

    Raises NotAuthenticated when it was changed meanwhile, NotAllowed for a suspended account.
    """
    account = lock_account(session, account_id)
    if account.password_hash != seen_hash:
        raise NotAuthenticated("The password was changed meanwhile; sign in with the new one")
    refuse_suspended(account)
    return account
