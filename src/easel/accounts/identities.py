"""Which account somebody has whom a provider vouches for. All SQL about it is here.

1. The provider's issuer and subject are known: that account, whatever its e-mail is by now.
2. Otherwise the provider must have verified an e-mail. An account that has it is linked when the account's own e-mail
   is proved here, or when the account has no password, so that nobody else can be in it. An account with a password and
   an unproved e-mail may be somebody's who wrote down another's address: it is not linked; a password reset settles it.
3. Nobody has the e-mail: a new account, where sign-up is open to people of the provider.
"""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.accounts.emails import normalise
from easel.accounts.keys import refuse_suspended
from easel.accounts.oidc import Person
from easel.accounts.queries import create_account, find_by_email, fit_name, lock_account, name_for
from easel.accounts.sign_up import PLAN, SignUp
from easel.accounts.tables import Account, ProvidedIdentity
from easel.domain.errors import Conflict, InvalidRequest, NotAllowed
from easel.kit.clock import Clock

NO_EMAIL = "The provider does not say that it has verified an e-mail of yours; verify it there, or sign in another way"
UNPROVED = (
    "There is an account with your e-mail, and nobody has proved yet that the address is theirs. "
    "Ask for a new password below, open the mailed link, and then sign in this way once more"
)
CLOSED = "There is no account with your e-mail here, and new ones are made by the operator; ask them for one"


def account_of(session: Session, clock: Clock, person: Person, signup: SignUp) -> Account:
    """The account, locked, linked or made if it must be. Raises NotAllowed with a sentence that says what to do."""
    account = _linked(session, person) or _link(session, clock, person, signup)
    refuse_suspended(account)
    return account


def _linked(session: Session, person: Person) -> Account | None:
    known = select(ProvidedIdentity.account_id).filter_by(issuer=person.issuer, subject=person.subject)
    account_id = session.scalar(known)
    return None if account_id is None else lock_account(session, account_id)


def _link(session: Session, clock: Clock, person: Person, signup: SignUp) -> Account:
    if person.email is None:
        raise NotAllowed(NO_EMAIL)
    email = normalise(person.email)
    found = find_by_email(session, email)
    account = _made(session, clock, person, email, signup) if found is None else lock_account(session, found.id)
    if account.email != email or (account.email_verified_at is None and account.password_hash is not None):
        raise NotAllowed(UNPROVED)
    account.email_verified_at = account.email_verified_at or clock.now()
    session.execute(
        insert(ProvidedIdentity)
        .values(account_id=account.id, issuer=person.issuer, subject=person.subject, created_at=clock.now())
        .on_conflict_do_nothing(index_elements=["issuer", "subject"])
    )
    return account


def _made(session: Session, clock: Clock, person: Person, email: str, signup: SignUp) -> Account:
    if signup == SignUp.CLOSED:
        raise NotAllowed(CLOSED)
    try:
        account = create_account(session, clock, _name(person, email), email, PLAN)
    except Conflict:  # the same person, from another window a moment ago
        account = find_by_email(session, email)
        if account is None:
            raise
        return lock_account(session, account.id)
    return account


def _name(person: Person, email: str) -> str:
    try:
        return fit_name(person.name or "")
    except InvalidRequest:
        return name_for(email)
