"""A new password or e-mail for an account that is there. Each act locks the account: two at once stand in line."""

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from easel.accounts import one_time
from easel.accounts.keys import revoke_keys
from easel.accounts.queries import find_by_email, lock_account, set_email
from easel.accounts.sessions import end_sessions
from easel.accounts.tables import Account, Purpose
from easel.domain.errors import Conflict, NotAuthenticated
from easel.kit.clock import Clock

RESET_LIFETIME: Final = timedelta(hours=1)
EMAIL_LIFETIME: Final = timedelta(hours=24)


def begin_reset(session: Session, clock: Clock, email: str) -> tuple[str, str] | None:
    """The address as it is stored, and a token to mail there; None when nobody has it.

    The letter goes to the stored address, never to a spelling of it that a stranger typed.
    """
    account = find_by_email(session, email)
    if account is None or account.email is None:
        return None
    return account.email, reset_token(session, clock, account)


def reset_token(session: Session, clock: Clock, account: Account, lifetime: timedelta = RESET_LIFETIME) -> str:
    """A token with which `finish_reset` takes a new password once."""
    return one_time.issue(session, clock, Purpose.RESET, lifetime, account_id=account.id, email=account.email)


def finish_reset(session: Session, clock: Clock, token: str, password_hash: str) -> Account:
    """The account with its new password, signed out everywhere, its other reset links void.

    Who resets has read the account's mail. Where nobody had proved that before, somebody else may have made the account
    in their name: its keys are revoked as well. Raises NotAuthenticated for a token that is no longer good.
    """
    used = one_time.use(session, clock, Purpose.RESET, token)
    if used is None or used.account_id is None:
        raise NotAuthenticated("This link has been used or has run out; ask for a new one")
    account = lock_account(session, used.account_id)
    if used.email != account.email:
        raise NotAuthenticated("This link was mailed to an address that the account no longer has; ask for a new one")
    if account.email and account.email_verified_at is None:
        account.email_verified_at = clock.now()
        revoke_keys(session, clock, account.id)
    account.password_hash = password_hash
    one_time.void(session, clock, Purpose.RESET, account.id)
    one_time.void(session, clock, Purpose.EMAIL, account.id)
    end_sessions(session, account.id)
    return account


def change_password(
    session: Session, clock: Clock, account_id: int, seen_hash: str | None, password_hash: str, *, but: int
) -> None:
    """Set it and sign all other browsers out. `seen_hash` is what the old password was checked against.

    Raises Conflict when it was changed meanwhile.
    """
    account = lock_account(session, account_id)
    if account.password_hash != seen_hash:
        raise Conflict("The password was changed meanwhile; load the page again")
    account.password_hash = password_hash
    one_time.void(session, clock, Purpose.RESET, account_id)
    end_sessions(session, account_id, but=but)


def begin_email_change(session: Session, clock: Clock, account_id: int, email: str) -> str:
    """A token to mail to the new address; older ones are void."""
    one_time.void(session, clock, Purpose.EMAIL, account_id)
    return one_time.issue(session, clock, Purpose.EMAIL, EMAIL_LIFETIME, account_id=account_id, email=email)


def finish_email_change(session: Session, clock: Clock, token: str) -> Account:
    """The account with its new, proved address. Raises NotAuthenticated, and Conflict when another account has it."""
    used = one_time.use(session, clock, Purpose.EMAIL, token)
    if used is None or used.account_id is None or used.email is None:
        raise NotAuthenticated("This link has been used or has run out; ask for a new one on your account's page")
    return set_email(session, clock, used.account_id, used.email, proved=True)
