"""Check a picture apart from drawing: asked for by a customer, looked at by a worker that has a safety checker."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from easel.accounts.attempts import Limit, take
from easel.accounts.tables import Account
from easel.artifacts import checks
from easel.artifacts.inputs import StoredInput, record_inputs
from easel.artifacts.tables import PictureCheck
from easel.db import leased
from easel.db.notify import CHECKS, notify
from easel.domain.errors import NotAllowed
from easel.jobs.workers import can_check_pictures
from easel.kit.clock import Clock

MOST_CHECKS: Final = Limit("picture checks of an account", 60, timedelta(seconds=1))

NO_CHECKER: Final = (
    "Feature not available: no worker of this installation has a safety checker; an operator sets "
    "EASEL_SAFETY_CHECKER to the folder of one and restarts the workers."
)
LOST: Final = "The picture was lost with its worker {} times, so it is not looked at again; send another one."


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """What is known about a picture that was asked about."""

    id: int
    is_final: bool
    score: float | None = None
    """0 to 1: how unfit it is to be seen; above one half its checker would flag it."""
    error: str | None = None


def admit_check(session: Session, clock: Clock, account: Account) -> None:
    """Raises NotAllowed where nobody is there to look, TooManyAttempts for an account that asks too often."""
    if not can_check_pictures(session):
        raise NotAllowed(NO_CHECKER)
    take(session, clock, MOST_CHECKS, account.id)


def ask_for_check(session: Session, clock: Clock, account_id: int, picture: StoredInput) -> CheckView:
    """A check of this picture: the one that the account asked for before, while it is kept, or a new one."""
    record_inputs(session, [picture], clock.now())
    before = checks.latest(session, clock, account_id, picture.key)
    return _view_of(before or checks.begin(session, clock, account_id, picture.key))


def get_check(session: Session, check_id: int) -> CheckView:
    return _view_of(session.get_one(PictureCheck, check_id))


def finish_check(session: Session, clock: Clock, check_id: int, attempt: int, result: float | str) -> None:
    """The worker's score, or a sentence that says why there is none. Raises Conflict when it is another attempt's."""
    check = leased.held(session, PictureCheck, check_id, attempt)
    if isinstance(result, str):
        _end(session, clock, check, result)
    else:
        check.score = result
        _end(session, clock, check)


def give_up_lost(session: Session, clock: Clock) -> None:
    """Fail what was lost too often. Any process may call this, as often as it likes."""
    for check in leased.lost(session, clock, PictureCheck):
        _end(session, clock, check, LOST.format(check.attempts))


def _end(session: Session, clock: Clock, check: PictureCheck, error: str | None = None) -> None:
    leased.end(session, clock, check, error)
    notify(session, CHECKS, check=check.id)


def _view_of(check: PictureCheck) -> CheckView:
    return CheckView(id=check.id, is_final=check.finished_at is not None, score=check.score, error=check.error)
