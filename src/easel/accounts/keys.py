"""API keys. All SQL about them is here."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from easel.accounts.queries import LARGEST_ID, Standing, get_account
from easel.accounts.roles import is_operator
from easel.accounts.secrets import new_key, sha256_of, shown_part
from easel.accounts.tables import Account, ApiKey, Scope
from easel.db.direct import direct
from easel.domain.errors import InvalidRequest, NotAllowed, NotAuthenticated, NotFound
from easel.kit.clock import Clock

NAME_LIMIT = 100
USE_IS_NOTED_EVERY = timedelta(minutes=1)

USUAL_SCOPES: Final = (Scope.GENERATE, Scope.READ)
"""Of a key that was made without saying which: what a client of the API needs."""


def create_key(
    session: Session, clock: Clock, account_id: int, name: str, scopes: Iterable[str] = USUAL_SCOPES
) -> tuple[ApiKey, str]:
    """The key's record, and the key itself, which nobody can read again.

    Raises InvalidRequest for an unfit name or scope, NotAllowed for scopes that the account's role does not reach.
    """
    secret = new_key()
    return add_key(session, clock, account_id, name, secret, scopes), secret


def add_key(
    session: Session, clock: Clock, account_id: int, name: str, secret: str, scopes: Iterable[str] = USUAL_SCOPES
) -> ApiKey:
    name = name.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise InvalidRequest("name", f"name must be 1 to {NAME_LIMIT} printable characters")
    chosen = fit_scopes(scopes)
    if Scope.ADMIN in chosen and not is_operator(get_account(session, account_id)):
        raise NotAllowed("Only keys of an owner or admin may have the scope admin; choose generate, read or both")
    key = ApiKey(
        account_id=account_id,
        name=name,
        prefix=shown_part(secret),
        sha256=sha256_of(secret),
        scopes=chosen,
        created_at=clock.now(),
    )
    session.add(key)
    session.flush()
    return key


def fit_scopes(scopes: Iterable[str]) -> list[str]:
    """Each once, in the order of `Scope`. Raises InvalidRequest for none and for one that there is not."""
    said = set(scopes)
    chosen = [scope.value for scope in Scope if scope in said]
    if not chosen or len(chosen) < len(said):
        raise InvalidRequest("scopes", f"scopes must be one or more of {', '.join(Scope)}")
    return chosen


OWNERS: Final = {name: f"owners_{name}" for name in Account.__table__.columns.keys()}
"""What the account's columns are called beside the key's."""

GOOD_KEY: Final = f"""
    SELECT {", ".join(f"api_keys.{name}" for name in ApiKey.__table__.columns.keys())},
        {", ".join(f"accounts.{name} AS {alias}" for name, alias in OWNERS.items())}
    FROM api_keys JOIN accounts ON accounts.id = api_keys.account_id
    WHERE api_keys.sha256 = %(sha256)s AND api_keys.revoked_at IS NULL
"""


def authenticate(session: Session, clock: Clock, secret: str, scope: Scope) -> ApiKey:
    """The key, with its account, if it may be used for `scope`. Neither is the session's: both are only to be read.

    Raises NotAuthenticated for a key that nobody has, NotAllowed for a suspended account or a key without the scope.

    The key is looked up by its hash. Comparing in constant time would add nothing: what a timing could tell is about
    the hash, and nobody can steer a hash towards a stored one.
    """
    found = direct(session, GOOD_KEY, {"sha256": sha256_of(secret)})
    if not found:
        raise NotAuthenticated("Invalid API key")
    row = found[0]._asdict()
    account = Account(**{name: row.pop(alias) for name, alias in OWNERS.items()})
    key = ApiKey(**row, account=account)
    _note_use(session, clock, key)
    refuse_suspended(key.account)
    _refuse_beyond_scopes(key, scope)
    return key


def refuse_suspended(account: Account | Standing) -> None:
    if account.suspended_at is not None:
        raise NotAllowed("This account is suspended; ask the operator of this installation to reopen it")


def find_key(session: Session, secret: str) -> ApiKey | None:
    return session.scalar(select(ApiKey).filter_by(sha256=sha256_of(secret)))


def list_keys(session: Session, account_id: int) -> list[ApiKey]:
    """Oldest first, revoked ones included."""
    return list(session.scalars(select(ApiKey).filter_by(account_id=account_id).order_by(ApiKey.id)))


def revoke_key(session: Session, clock: Clock, account_id: int, key_id: int) -> None:
    """End a key for good; once more changes nothing. Raises NotFound unless the account has such a key."""
    key = get_key(session, account_id, key_id)
    key.revoked_at = key.revoked_at or clock.now()


def get_key(session: Session, account_id: int, key_id: int) -> ApiKey:
    """The account's key, locked. Raises NotFound unless it has such a one."""
    mine = select(ApiKey).filter_by(id=key_id, account_id=account_id).with_for_update()
    # A number that no id can be is one that PostgreSQL cannot even be asked for.
    key = session.scalar(mine) if 0 < key_id <= LARGEST_ID else None
    if key is None:
        raise NotFound(f"There is no key {key_id} in this account; list its keys to see their numbers")
    return key


def revoke_keys(session: Session, clock: Clock, account_id: int) -> None:
    """End all keys of the account."""
    unrevoked = update(ApiKey).where(ApiKey.account_id == account_id, ApiKey.revoked_at.is_(None))
    session.execute(unrevoked.values(revoked_at=clock.now()))


def _refuse_beyond_scopes(key: ApiKey, scope: Scope) -> None:
    """The role is asked as well as the key: who is no admin any more has no admin keys any more."""
    if scope not in key.scopes:
        able = ", ".join(key.scopes)
        raise NotAllowed(f"This key may be used for {able}, and this needs {scope}; make a key with the scope {scope}")
    if scope == Scope.ADMIN and not is_operator(key.account):
        raise NotAllowed("This needs an owner or admin, and the account of this key is a member")


NOTE_USE: Final = """
    UPDATE api_keys SET last_used_at = %(now)s WHERE id IN (
        SELECT id FROM api_keys
        WHERE id = %(id)s AND last_used_at IS NOT DISTINCT FROM %(before)s FOR NO KEY UPDATE SKIP LOCKED
    )
"""


def _note_use(session: Session, clock: Clock, key: ApiKey) -> None:
    """Write the time down at most once a minute.

    SKIP LOCKED: of many requests with one key that find the minute over, one writes, and none waits for its commit.
    """
    now = clock.now()
    if key.last_used_at is None or key.last_used_at <= now - USE_IS_NOTED_EVERY:
        direct(session, NOTE_USE, {"id": key.id, "before": key.last_used_at, "now": now})
