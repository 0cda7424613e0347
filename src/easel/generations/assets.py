"""What an account has had drawn, by the page."""

from typing import Final

from sqlalchemy.orm import Session

from easel.db.direct import direct
from easel.domain.errors import NotFound
from easel.generations.queries import SEEN, GenerationView, seen
from easel.kit.clock import Clock

FURTHEST: Final = 2**31
"""Rows: no account has drawn so much, and PostgreSQL would not count further."""

DRAWN: Final = """generations.account_id = %(account_id)s AND EXISTS (
    SELECT FROM artifacts WHERE generation_id = generations.id AND expired_at IS NULL)"""
"""Those whose pictures are there."""


def drawn(session: Session, clock: Clock, account_id: int, *, limit: int, offset: int) -> list[GenerationView]:
    """The newest first."""
    newest = f"{SEEN} WHERE {DRAWN} ORDER BY generations.id DESC LIMIT %(limit)s OFFSET %(offset)s"
    named = {"now": clock.held, "account_id": account_id, "limit": limit, "offset": min(offset, FURTHEST)}
    return [seen(row) for row in direct(session, newest, named)]


def count_drawn(session: Session, account_id: int) -> int:
    [(count,)] = direct(session, f"SELECT count(*) FROM generations WHERE {DRAWN}", {"account_id": account_id})
    return count


def id_of(wanted: object) -> int:
    """Raises NotFound for what cannot be an id."""
    digits = str(wanted).strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        raise NotFound("Request not found")
    return int(digits)
