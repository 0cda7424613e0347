"""Accounts themselves. All SQL about them is here."""

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from easel.accounts.emails import normalise
from easel.accounts.roles import Power, require_over
from easel.accounts.tables import Account, Role
from easel.db.direct import direct
from easel.domain.errors import Conflict, InvalidRequest, NotFound
from easel.kit.clock import Clock

NAME_LIMIT = 100
LARGEST_ID = 2**63 - 1


def get_account(session: Session, account_id: int) -> Account:
    # A number that no id can be is one that PostgreSQL cannot even be asked for.
    account = session.get(Account, account_id) if 0 < account_id <= LARGEST_ID else None
    if account is None:
        raise NotFound(f"There is no account {account_id}")
    return account


def lock_account(session: Session, account_id: int) -> Account:
    """The account as it is now; whoever else locks it waits until the caller's transaction ends.

    Rows may still refer to it. Raises NotFound.
    """
    account = None
    if 0 < account_id <= LARGEST_ID:
        account = session.get(Account, account_id, with_for_update={"key_share": True}, populate_existing=True)
    if account is None:
        raise NotFound(f"There is no account {account_id}")
    return account


class Standing(NamedTuple):
    """What decides whether an account may order."""

    plan: str
    suspended_at: datetime | None


LOCK_STANDING: Final = "SELECT plan, suspended_at FROM accounts WHERE id = %(id)s FOR NO KEY UPDATE"


def lock_standing(session: Session, account_id: int) -> Standing:
    """What `lock_account` does, for an account that is known to be there and whose standing is all that is wanted."""
    [(plan, suspended_at)] = direct(session, LOCK_STANDING, {"id": account_id})
    return Standing(plan, suspended_at)


def find_account(session: Session, name_or_email: str) -> Account:
    """The account of that name, email or number. Raises NotFound for none, Conflict for a name that several have."""
    if re.fullmatch(r"[0-9]{1,18}", name_or_email):
        return get_account(session, int(name_or_email))
    wanted = or_(Account.email == name_or_email.lower(), Account.name == name_or_email)
    found = session.scalars(select(Account).where(wanted).order_by(Account.id)).all()
    if not found:
        raise NotFound(f"There is no account {name_or_email}; list them with: easel accounts list")
    if len(found) > 1:
        numbers = ", ".join(str(account.id) for account in found)
        raise Conflict(f"Several accounts are called {name_or_email}; say which by its number: {numbers}")
    return found[0]


def list_accounts(session: Session) -> list[Account]:
    return list(session.scalars(select(Account).order_by(Account.id)))


def search_accounts(session: Session, words: str = "", *, after: int | None = None, limit: int = 50) -> list[Account]:
    """By number; those whose number it is, or whose name or email holds it. `after` is an account's number."""
    wanted, words = select(Account), words.strip()
    if words:
        holds = or_(Account.name.icontains(words, autoescape=True), Account.email.icontains(words, autoescape=True))
        wanted = wanted.where(Account.id == int(words) if re.fullmatch(r"[0-9]{1,18}", words) else holds)
    if after is not None:
        wanted = wanted.where(Account.id > after)
    return list(session.scalars(wanted.order_by(Account.id).limit(limit)))


def names_of(session: Session, account_ids: Iterable[int]) -> dict[int, str]:
    rows = session.execute(select(Account.id, Account.name).where(Account.id.in_(list(account_ids))))
    return {account_id: name for account_id, name in rows}


def create_account(
    session: Session,
    clock: Clock,
    name: str,
    email: str | None = None,
    plan: str = "pay-as-you-go",
    role: str = Role.MEMBER,
) -> Account:
    """Raises InvalidRequest for an unfit name or email, Conflict for an email that an account already has.

    Of accounts without an email no two have one name: an operator must be able to say which.
    """
    email = None if email is None else normalise(email)
    account = Account(name=fit_name(name), email=email, plan=plan, role=Role(role), created_at=clock.now())
    if not email and _exists(session, name=account.name):
        raise Conflict(f"There is already an account called {account.name}; give an email to tell the two apart")
    with _one_account_an_email(session, email):
        session.add(account)
        session.flush()
    return account


def find_by_email(session: Session, email: str) -> Account | None:
    """`email` as `emails.normalise` writes it."""
    return session.scalar(select(Account).filter_by(email=email))


def set_name(session: Session, account_id: int, name: str) -> Account:
    """Raises InvalidRequest for an unfit name."""
    account = get_account(session, account_id)
    account.name = fit_name(name)
    return account


def set_email(session: Session, clock: Clock, account_id: int, email: str, *, proved: bool) -> Account:
    """Raises InvalidRequest, and Conflict for an email that another account has."""
    account = lock_account(session, account_id)
    email = normalise(email)
    with _one_account_an_email(session, email):
        account.email = email
        account.email_verified_at = clock.now() if proved else None
        session.flush()
    return account


def set_role(session: Session, actor: Account, account_id: int, role: Role) -> Account:
    """Raises NotAllowed unless the actor may; the owner stays the owner, and there is no second one."""
    account = lock_account(session, account_id)
    require_over(actor, Power.SET_ROLE, account)
    if role == Role.OWNER:
        raise InvalidRequest("role", "An installation has one owner, made when it first starts; choose admin or member")
    account.role = role
    return account


def _exists(session: Session, **columns: str) -> bool:
    return session.scalar(select(Account.id).filter_by(**columns).limit(1)) is not None


def fit_name(name: str) -> str:
    """A number would read as an account's number where a name is asked for, and an address as another's e-mail."""
    name = name.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable() or name.isdecimal() or "@" in name:
        raise InvalidRequest("name", f"name must be 1 to {NAME_LIMIT} printable characters, not a number and no e-mail")
    return name


def name_for(email: str) -> str:
    """What somebody is called until they say otherwise: what stands before the @."""
    local = email.partition("@")[0]
    return f"user {local}" if local.isdecimal() else local


@contextmanager
def _one_account_an_email(session: Session, email: str | None) -> Generator[None]:
    """The database decides, so that of two that come at once one is told."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if "uq_accounts_email" not in str(error.orig):
            raise
        raise Conflict(f"There is already an account with the email {email}") from None
