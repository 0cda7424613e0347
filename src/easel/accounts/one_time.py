"""Secrets that are handed to somebody, or mailed, and work once. All SQL about them is here."""

from datetime import timedelta

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from easel.accounts.queries import lock_account
from easel.accounts.secrets import sha256_of
from easel.accounts.tables import OneTimeToken, Purpose
from easel.kit.clock import Clock
from easel.kit.ids import new_token

KEPT_FOR = timedelta(days=7)
"""How long a token that has run out is kept, for whoever asks why a link did not work."""


def issue(
    session: Session,
    clock: Clock,
    purpose: Purpose,
    lifetime: timedelta,
    *,
    account_id: int | None = None,
    email: str | None = None,
) -> str:
    """A token that `use` takes once within `lifetime`. Sweeps up those that ran out long ago."""
    token, now = new_token(), clock.now()
    old = select(OneTimeToken.id).where(OneTimeToken.expires_at < now - KEPT_FOR).limit(100)
    session.execute(delete(OneTimeToken).where(OneTimeToken.id.in_(old.with_for_update(skip_locked=True))))
    session.add(
        OneTimeToken(
            purpose=purpose,
            account_id=account_id,
            email=email,
            sha256=sha256_of(token),
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    session.flush()
    return token


def look_at(session: Session, clock: Clock, purpose: Purpose, token: str) -> OneTimeToken | None:
    """The token's record while it is still good, for a page that tells what it is for."""
    return session.scalar(_good(clock, purpose, token))


def use(session: Session, clock: Clock, purpose: Purpose, token: str) -> OneTimeToken | None:
    """The token's record, and no longer good; None for one used, run out, unknown or for another purpose.

    The guard stands in the UPDATE, so that of two simultaneous uses one wins. The account is locked first: whoever
    uses several tokens of an account at once stands in line, and finds what the one before has made void.
    """
    seen = look_at(session, clock, purpose, token)
    if seen is None:
        return None
    if seen.account_id is not None:
        lock_account(session, seen.account_id)
    still_good = OneTimeToken.id.in_(_good(clock, purpose, token).with_only_columns(OneTimeToken.id))
    used = update(OneTimeToken).where(still_good, OneTimeToken.used_at.is_(None)).values(used_at=clock.now())
    return session.scalar(used.returning(OneTimeToken).execution_options(populate_existing=True))


def void(session: Session, clock: Clock, purpose: Purpose, account_id: int) -> None:
    """No token of this purpose that the account still has works any more."""
    unused = update(OneTimeToken).where(
        OneTimeToken.account_id == account_id, OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None)
    )
    session.execute(unused.values(used_at=clock.now()))


def _good(clock: Clock, purpose: Purpose, token: str) -> Select[OneTimeToken]:
    return select(OneTimeToken).where(
        OneTimeToken.sha256 == sha256_of(token),
        OneTimeToken.purpose == purpose,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > clock.now(),
    )
