"""What must be done from time to time, by any process and as often as it likes, so that nothing is left lying about.

Jobs of silent workers go back to the queue, requests that nobody waits for any longer end, paid months are renewed,
results are kept as long as the installation says, and what has served its purpose is deleted.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from obstore.exceptions import BaseError

from easel.accounts.queries import lock_account
from easel.artifacts import checks
from easel.artifacts.blobs import BlobStore
from easel.artifacts.inputs import forget_unused
from easel.artifacts.store import PREVIEWS
from easel.billing.notices import LowBalanceNotice, newly_low
from easel.billing.subscriptions import due, renew
from easel.catalogue import loads
from easel.db.session import DATABASE_IS_DOWN, Database
from easel.domain.money import format_dollars
from easel.generations.expire import Keep, expire_results
from easel.generations.idempotency import forget_old
from easel.generations.recover import give_up_overdue, recover_expired
from easel.kit.clock import Clock
from easel.kit.repeating import repeating

log = structlog.get_logger()

LOOK_SECONDS: Final = 5.0
CLEAN_SECONDS: Final = 300.0

PREVIEWS_KEPT: Final = timedelta(hours=1)
"""By the store's own clock. A worker leaves the newest of each generation, which may be asked for after its end."""

STORE_IS_AWAY: Final = (OSError, BaseError)


def recover(database: Database, clock: Clock) -> None:
    """Give lost jobs to others and end overdue ones, each kind in a transaction of its own."""
    with database.transaction() as session:
        recovered = recover_expired(session, clock)
    with database.transaction() as session:
        overdue = give_up_overdue(session, clock)
    if recovered or overdue:
        log.warning("jobs recovered", leases_ran_out=recovered, waited_too_long=overdue)


def clean(database: Database, clock: Clock, blobs: BlobStore, keep: Keep) -> None:
    """Delete what is kept no longer."""
    expired = expire_results(database, clock, blobs, keep)
    with database.transaction() as session:
        forget_old(session, clock)
        checks.forget_old(session, clock)
        loads.forget_old(session, clock)
    with database.transaction() as session:
        forgotten = forget_unused(session, blobs, clock.now())
    left_over = blobs.delete_older(PREVIEWS, datetime.now(UTC) - PREVIEWS_KEPT)
    if expired or forgotten or left_over:
        log.info("kept no longer", pictures=expired, inputs=forgotten, previews=left_over)


def settle(database: Database, clock: Clock, tell: Callable[[LowBalanceNotice], None]) -> None:
    """Carry paid months on, or end them, and tell whose balance has become low."""
    with database.transaction() as session:
        ended = due(session, clock)
    for account_id in ended:
        with database.transaction() as session:
            account = lock_account(session, account_id)
            if plan := renew(session, clock, account_id):
                account.plan = plan
                log.info("plan ended", account=account_id, now=plan)
    with database.transaction() as session:
        low = newly_low(session, clock)
    for notice in low:
        log.info("balance is low", account=notice.account_id, balance=format_dollars(notice.balance))
        tell(notice)


@contextmanager
def janitor(
    database: Database, clock: Clock, blobs: BlobStore, keep: Keep, tell: Callable[[LowBalanceNotice], None]
) -> Generator[None]:
    """Do all of it in a thread for as long as the block runs. Any number of processes may do so at a time.

    `tell` is called once for each balance that has become low; it must not raise.
    """
    clean_at = time.monotonic()

    def look(_: object) -> bool:
        nonlocal clean_at
        recover(database, clock)
        if time.monotonic() >= clean_at:
            settle(database, clock, tell)
            clean(database, clock, blobs, keep)
            clean_at = time.monotonic() + CLEAN_SECONDS
        return False

    with repeating("janitor", look, pause=LOOK_SECONDS, away=(*DATABASE_IS_DOWN, *STORE_IS_AWAY)):
        yield
