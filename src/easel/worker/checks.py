"""Pictures that somebody asked about, looked at one at a time beside the drawing, by a worker that has a checker."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import numpy as np
import structlog

from easel.artifacts.blobs import BlobStore
from easel.artifacts.fitting import load_input
from easel.artifacts.tables import PictureCheck
from easel.db import leased
from easel.db.session import DATABASE_IS_DOWN, Database
from easel.domain.errors import Conflict, GenerationFailed
from easel.generations.checking import finish_check, give_up_lost
from easel.kit.clock import Clock
from easel.kit.repeating import repeating
from easel.worker.deliver import STORE_IS_AWAY
from easel.worker.finishing import Classifier

log = structlog.get_logger()

LOOK_SECONDS: Final = 0.5
STOP_SECONDS: Final = 5.0

NOT_CHECKED: Final = "The picture could not be checked by safety_checker: try again."


@contextmanager
def checking(
    database: Database,
    clock: Clock,
    blobs: BlobStore,
    classifier: Classifier | None,
    *,
    look_seconds: float = LOOK_SECONDS,
) -> Generator[None]:
    """Check what is asked about, in a thread, for as long as the block runs. Without a classifier, nothing."""
    if classifier is None:
        yield
        return

    def check(_: object) -> bool:
        return check_next(database, clock, blobs, classifier)

    away = (*DATABASE_IS_DOWN, *STORE_IS_AWAY)
    with repeating("checks", check, pause=look_seconds, away=away, patience=STOP_SECONDS):
        yield


def check_next(database: Database, clock: Clock, blobs: BlobStore, classifier: Classifier) -> bool:
    """Look at the next picture, if there is one; answers whether there was one."""
    with database.transaction() as session:
        give_up_lost(session, clock)
        check = leased.claim(session, clock, PictureCheck)
    if check is None:
        return False
    result = _result(blobs, check.key, classifier)
    try:
        with database.transaction() as session:
            finish_check(session, clock, check.id, check.attempts, result)
    except Conflict as lost:
        log.warning("check dropped", reason=str(lost))
    return True


def _result(blobs: BlobStore, key: str, classifier: Classifier) -> float | str:
    """A score, or a sentence. Raises what a store that is away raises: the lease runs out, and it is tried again."""
    try:
        picture = np.asarray(load_input(blobs, key))
    except GenerationFailed as gone:
        return str(gone)
    try:
        [score] = classifier([picture])
    except Exception as error:
        log.error("picture not checked", error=type(error).__name__, exc_info=True)
        return NOT_CHECKED
    return score
