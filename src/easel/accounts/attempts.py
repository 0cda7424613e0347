"""How often somebody may try something, counted in the database, so that it holds over all gateways.

The generic cell rate algorithm (ITU-T I.371): each attempt uses up one pause of time, starting now or where the last
one ended, and up to `at_once` pauses may be used up ahead. One row and one statement: attempts of the same moment stand
in line at the row, and none slips through.
"""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Final

from sqlalchemy import delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.accounts.secrets import sha256_of
from easel.accounts.tables import Allowance
from easel.domain.errors import TooManyAttempts
from easel.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    at_once: int
    pause: timedelta
    """After that many, one more each time this has passed."""


SIGN_INS_FROM: Final = Limit("sign-ins from an address", 30, timedelta(seconds=10))
SIGN_INS_AS: Final = Limit("sign-ins with an e-mail", 10, timedelta(minutes=1))
LETTERS_FROM: Final = Limit("letters asked for from an address", 10, timedelta(minutes=5))
LETTERS_TO: Final = Limit("letters to an e-mail", 4, timedelta(minutes=10))
SIGN_UPS_FROM: Final = Limit("sign-ups from an address", 10, timedelta(minutes=5))
PASSWORDS_OF: Final = Limit("passwords of an account", 10, timedelta(minutes=1))
PAYMENTS_OF: Final = Limit("payments begun by an account", 10, timedelta(minutes=5))


def take(session: Session, clock: Clock, limit: Limit, subject: object) -> None:
    """Count an attempt. Raises TooManyAttempts, and counts nothing, when the subject has to wait.

    The caller commits before it acts, so that an attempt that fails has counted.
    """
    now = clock.now()
    name = sha256_of(f"{limit.name} {subject}")
    used = func.greatest(Allowance.used_until, literal(now)) + limit.pause
    first = insert(Allowance).values(sha256=name, used_until=now + limit.pause)
    counted = first.on_conflict_do_update(
        index_elements=[Allowance.sha256],
        set_={"used_until": used},
        where=used <= now + limit.pause * limit.at_once,
    )
    if session.scalar(counted.returning(Allowance.used_until)) is None:
        ends = session.scalars(select(Allowance.used_until).filter_by(sha256=name)).one()
        wait = ends + limit.pause - (now + limit.pause * limit.at_once)
        raise TooManyAttempts(max(1, ceil(wait.total_seconds())))
    _sweep(session, clock)


def network_of(address: str | None) -> str:
    """Who an address belongs to, as far as it tells: an IPv6 network of 64 bits is one customer's to number at will."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else str(ip)


def _sweep(session: Session, clock: Clock) -> None:
    """A row whose time is over says as much as none."""
    over = (
        select(Allowance.sha256).where(Allowance.used_until < clock.now()).limit(10).with_for_update(skip_locked=True)
    )
    session.execute(delete(Allowance).where(Allowance.sha256.in_(over)))
