"""Delete an account's own pictures before their time."""

from sqlalchemy.orm import Session

from easel.accounts.queries import get_account
from easel.artifacts.blobs import BlobStore
from easel.artifacts.store import artifacts_of
from easel.domain.errors import Conflict
from easel.generations.queries import own_generation
from easel.generations.showcase import unpublish
from easel.generations.submit import GENERATE
from easel.jobs import queue
from easel.jobs.states import JobState
from easel.kit.clock import Clock


def delete_pictures(
    session: Session, clock: Clock, blobs: BlobStore, account_id: int, generation_id: int, index: int | None = None
) -> None:
    """All pictures of a generation, or one, also from the page where they are shown. Once more changes nothing.

    The bytes go, the record stays: who fetches them is told why they are gone.

    Raises NotFound, and Conflict for a generation that is not finished.
    """
    generation = own_generation(session, account_id, generation_id)
    if not JobState(queue.job_of(session, GENERATE, generation.id).state).is_final:
        raise Conflict("This request is not finished yet; cancel it, or delete its pictures once they are there.")
    account = get_account(session, account_id)
    for artifact in artifacts_of(session, generation.id):
        if index is not None and artifact.index != index:
            continue
        for key in (artifact.key, *unpublish(session, account, generation.id, artifact.index)):
            blobs.delete(key)
        artifact.expired_at = artifact.expired_at or clock.now()
