"""Delete an account's own pictures before their time."""

from sqlalchemy.orm import Session

from easel.artifacts.blobs import BlobStore
from easel.artifacts.store import artifacts_of
from easel.domain.errors import Conflict
from easel.generations.queries import own_generation
from easel.generations.submit import GENERATE
from easel.jobs import queue
from easel.jobs.states import JobState
from easel.kit.clock import Clock


def delete_pictures(session: Session, clock: Clock, blobs: BlobStore, account_id: int, generation_id: int) -> None:
    """The bytes go, the record stays: who fetches them is told why they are gone. Once more changes nothing.

    Raises NotFound, and Conflict for a generation that is not finished.
    """
    generation = own_generation(session, account_id, generation_id)
    if not JobState(queue.job_of(session, GENERATE, generation.id).state).is_final:
        raise Conflict("This request is not finished yet; cancel it, or delete its pictures once they are there.")
    for artifact in artifacts_of(session, generation.id):
        blobs.delete(artifact.key)
        artifact.expired_at = artifact.expired_at or clock.now()
