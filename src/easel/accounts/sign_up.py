"""New accounts that people make for themselves, on the plan that gives some pictures a day."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from easel.accounts import one_time
from easel.accounts.emails import normalise
from easel.accounts.queries import create_account, find_by_email, name_for
from easel.accounts.tables import Account, Purpose
from easel.domain.errors import NotAuthenticated
from easel.kit.clock import Clock

PLAN: Final = "free"
LIFETIME: Final = timedelta(hours=24)


class SignUp(StrEnum):
    """Who may make an account."""

    CLOSED = "closed"
    """The operator makes them."""
    OPEN = "open"
    OIDC = "oidc"
    """Whoever the OpenID Connect provider vouches for."""


def sign_up(session: Session, clock: Clock, email: str, password_hash: str) -> Account:
    """An account whose address nobody has proved. Raises InvalidRequest, and Conflict for an address that has one."""
    account = create_account(session, clock, name_for(normalise(email)), email, PLAN)
    account.password_hash = password_hash
    return account


def begin_with_letter(session: Session, clock: Clock, email: str) -> str | None:
    """A token to mail to the address; None when it has an account. No account is made before the address is proved."""
    if find_by_email(session, email) is not None:
        return None
    return one_time.issue(session, clock, Purpose.SIGN_UP, LIFETIME, email=email)


def finish_with_letter(session: Session, clock: Clock, token: str, password_hash: str) -> Account:
    """The account, its address proved. Raises NotAuthenticated for a used or unknown token, Conflict as `sign_up`."""
    used = one_time.use(session, clock, Purpose.SIGN_UP, token)
    if used is None or used.email is None:
        raise NotAuthenticated("This link has been used or has run out; sign up once more for a new one")
    account = sign_up(session, clock, used.email, password_hash)
    account.email_verified_at = clock.now()
    return account
