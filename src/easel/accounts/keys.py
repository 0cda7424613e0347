"""API keys. All SQL about them is here."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from easel.accounts.secrets import new_key, sha256_of, shown_part
from easel.accounts.tables import Account, ApiKey
from easel.domain.errors import InvalidRequest, NotAllowed, NotAuthenticated, NotFound
from easel.kit.clock import Clock

NAME_LIMIT = 100
LARGEST_ID = 2**63 - 1
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def create_key(session: Session, clock: Clock, account_id: int, name: str) -> tuple[ApiKey, str]:
    """The key's record, and the key itself, which nobody can read again. Raises InvalidRequest for an unfit name."""
    secret = new_key()
    return add_key(session, clock, account_id, name, secret), secret


def add_key(session: Session, clock: Clock, account_id: int, name: str, secret: str) -> ApiKey:
    name = name.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise InvalidRequest("name", f"name must be 1 to {NAME_LIMIT} printable characters")
    key = ApiKey(
        account_id=account_id,
        name=name,
        prefix=shown_part(secret),
        sha256=sha256_of(secret),
        created_at=clock.now(),
    )
    session.add(key)
    session.flush()
    return key


def authenticate(session: Session, clock: Clock, secret: str) -> Account:
    """Whose key this is. Raises NotAuthenticated for a key that nobody has, NotAllowed for a suspended account.

    The key is looked up by its hash. Comparing in constant time would add nothing: what a timing could tell is about
    the hash, and nobody can steer a hash towards a stored one.
    """
    found = session.execute(
        select(ApiKey, Account).join(Account).where(ApiKey.sha256 == sha256_of(secret), ApiKey.revoked_at.is_(None))
    ).one_or_none()
    if found is None:
        raise NotAuthenticated("Invalid API key")
    key, account = found
    _note_use(session, clock, key)
    refuse_suspended(account)
    return account


def refuse_suspended(account: Account) -> None:
    if account.suspended_at is not None:
        raise NotAllowed("This account is suspended; ask the operator of this installation to reopen it")


def find_key(session: Session, secret: str) -> ApiKey | None:
    return session.scalar(select(ApiKey).filter_by(sha256=sha256_of(secret)))


def list_keys(session: Session, account_id: int) -> list[ApiKey]:
    """Oldest first, revoked ones included."""
    return list(session.scalars(select(ApiKey).filter_by(account_id=account_id).order_by(ApiKey.id)))


def revoke_key(session: Session, clock: Clock, account_id: int, key_id: int) -> None:
    """End a key for good; once more changes nothing. Raises NotFound unless the account has such a key."""
    mine = select(ApiKey).filter_by(id=key_id, account_id=account_id).with_for_update()
    # A number that no id can be is one that PostgreSQL cannot even be asked for.
    key = session.scalar(mine) if 0 < key_id <= LARGEST_ID else None
    if key is None:
        raise NotFound(f"There is no key {key_id} in this account; list its keys to see their numbers")
    key.revoked_at = key.revoked_at or clock.now()


def _note_use(session: Session, clock: Clock, key: ApiKey) -> None:
    """Write the time down at most once a minute.

    SKIP LOCKED: of many requests with one key that find the minute over, one writes, and none waits for its commit.
    """
    now = clock.now()
    if key.last_used_at is not None and key.last_used_at > now - USE_IS_NOTED_EVERY:
        return
    mine = select(ApiKey.id).filter_by(id=key.id, last_used_at=key.last_used_at).with_for_update(skip_locked=True)
    session.execute(update(ApiKey).where(ApiKey.id.in_(mine.scalar_subquery())).values(last_used_at=now))
