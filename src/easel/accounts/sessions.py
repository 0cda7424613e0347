"""Browsers that are signed in. All SQL about them is here."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from easel.accounts.queries import LARGEST_ID
from easel.accounts.secrets import sha256_of
from easel.accounts.tables import Account, BrowserSession
from easel.domain.errors import NotFound
from easel.kit.clock import Clock
from easel.kit.ids import new_token

LIFETIME: Final = timedelta(days=30)
SEEN_IS_NOTED_EVERY: Final = timedelta(minutes=5)
AGENT_LIMIT: Final = 200


def open_session(session: Session, clock: Clock, account_id: int, agent: str = "") -> str:
    """A new session's token, which the browser keeps. Sweeps up the account's sessions that have run out."""
    token, now = new_token(), clock.now()
    session.execute(
        delete(BrowserSession).where(BrowserSession.account_id == account_id, BrowserSession.expires_at <= now)
    )
    session.add(
        BrowserSession(
            account_id=account_id,
            sha256=sha256_of(token),
            agent=_printable(agent),
            created_at=now,
            last_seen_at=now,
            expires_at=now + LIFETIME,
        )
    )
    session.flush()
    return token


def find_session(session: Session, clock: Clock, token: str) -> tuple[BrowserSession, Account] | None:
    """The session of that token and whose it is; None for one that ended, ran out or never was."""
    now = clock.now()
    wanted = select(BrowserSession, Account).join(Account)
    found = session.execute(
        wanted.where(BrowserSession.sha256 == sha256_of(token), BrowserSession.expires_at > now)
    ).one_or_none()
    if found is None:
        return None
    known, account = found
    if known.last_seen_at <= now - SEEN_IS_NOTED_EVERY:
        _note_seen(session, clock, known)
    return known, account


def list_sessions(session: Session, clock: Clock, account_id: int) -> list[BrowserSession]:
    """The one that was used last comes first."""
    mine = select(BrowserSession).where(
        BrowserSession.account_id == account_id, BrowserSession.expires_at > clock.now()
    )
    return list(session.scalars(mine.order_by(BrowserSession.last_seen_at.desc(), BrowserSession.id.desc())))


def end_session(session: Session, account_id: int, session_id: int) -> None:
    """Sign one browser of the account out. Raises NotFound unless the account has such a session."""
    mine = delete(BrowserSession).where(BrowserSession.id == session_id, BrowserSession.account_id == account_id)
    is_id = 0 < session_id <= LARGEST_ID
    if not is_id or session.scalar(mine.returning(BrowserSession.id)) is None:
        raise NotFound("This browser is signed out already")


def end_sessions(session: Session, account_id: int, *, but: int | None = None) -> None:
    """Sign all browsers of the account out, but for the session of that number, if any."""
    mine = delete(BrowserSession).where(BrowserSession.account_id == account_id)
    session.execute(mine if but is None else mine.where(BrowserSession.id != but))


def _note_seen(session: Session, clock: Clock, known: BrowserSession) -> None:
    """SKIP LOCKED: of a page's many requests one writes, and none waits for its commit."""
    mine = select(BrowserSession.id).filter_by(id=known.id, last_seen_at=known.last_seen_at)
    free = mine.with_for_update(skip_locked=True).scalar_subquery()
    session.execute(update(BrowserSession).where(BrowserSession.id.in_(free)).values(last_seen_at=clock.now()))


def _printable(agent: str) -> str:
    return "".join(character for character in agent if character.isprintable())[:AGENT_LIMIT]
