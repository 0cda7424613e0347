"""The owner: made when an installation first starts, with a key that every start can print."""

from itertools import count

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.accounts.keys import add_key, find_key
from easel.accounts.queries import lock_account
from easel.accounts.secrets import derived_key
from easel.accounts.tables import Account, Role, Scope
from easel.kit.clock import Clock


def ensure_owner(session: Session, clock: Clock) -> Account:
    """The owner's account, on the plan whose pictures cost nothing. Two processes that start at once make one owner."""
    session.execute(
        insert(Account)
        .values(name="owner", role=Role.OWNER, plan="premium", created_at=clock.now())
        .on_conflict_do_nothing(index_elements=["role"], index_where=Account.role == Role.OWNER.value)
    )
    return session.scalars(select(Account).filter_by(role=Role.OWNER)).one()


def ensure_owner_key(session: Session, clock: Clock, owner: Account, installation_secret: str) -> str:
    """A working key of the owner: the same at every start, although only its hash is stored.

    It is derived from the installation's secret and a counter; where number n was revoked, number n + 1 follows.
    """
    lock_account(session, owner.id)  # two processes that start at once would both add the key
    candidates = (derived_key(installation_secret, counter) for counter in count(1))
    secret = next(candidate for candidate in candidates if not _is_revoked(session, candidate))
    if find_key(session, secret) is None:
        add_key(session, clock, owner.id, "Printed at start", secret, Scope)
    return secret


def _is_revoked(session: Session, secret: str) -> bool:
    key = find_key(session, secret)
    return key is not None and key.revoked_at is not None
