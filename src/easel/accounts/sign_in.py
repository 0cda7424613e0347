"""Links that sign somebody in, once."""

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from easel.accounts.keys import refuse_suspended
from easel.accounts.secrets import sha256_of
from easel.accounts.tables import Account, SignInToken
from easel.domain.errors import NotAuthenticated
from easel.kit.clock import Clock
from easel.kit.ids import new_token


def create_sign_in_token(session: Session, clock: Clock, account_id: int, lifetime: timedelta) -> str:
    """A token that `redeem_sign_in_token` takes once within `lifetime`."""
    token = new_token()
    now = clock.now()
    session.add(SignInToken(account_id=account_id, sha256=sha256_of(token), created_at=now, expires_at=now + lifetime))
    session.flush()
    return token


def redeem_sign_in_token(session: Session, clock: Clock, token: str) -> Account:
    """Whose token it is, and no longer good. Raises NotAuthenticated for one used, run out or unknown.

    The guard stands in the UPDATE, so that of two simultaneous clicks one wins.
    """
    now = clock.now()
    account_id = session.scalar(
        update(SignInToken)
        .where(SignInToken.sha256 == sha256_of(token), SignInToken.used_at.is_(None), SignInToken.expires_at > now)
        .values(used_at=now)
        .returning(SignInToken.account_id)
    )
    if account_id is None:
        raise NotAuthenticated("This sign-in link has been used or has run out; ask for a new one")
    account = session.get_one(Account, account_id)
    refuse_suspended(account)
    return account
