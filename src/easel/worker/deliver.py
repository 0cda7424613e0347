"""From finished images to a closed job: encode, store, then one transaction. Runs beside the engine, not in its way."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from obstore.exceptions import BaseError
from sqlalchemy.exc import OperationalError

from easel.artifacts.blobs import BlobStore
from easel.artifacts.encode import encode, infotext
from easel.artifacts.store import StoredPicture, describe_picture, picture_key
from easel.db.session import Database
from easel.engine.adapters.hashes import autov3
from easel.engine.ldm.copying import sha256_of
from easel.generations.finish import fail, finish
from easel.generations.recover import try_again
from easel.jobs.queue import MAX_ATTEMPTS, Lease, LeaseLost
from easel.kit.clock import Clock
from easel.worker.assignment import Assignment

log = structlog.get_logger()

RETRY_SECONDS = (0.2, 0.5, 1, 2, 4, 8, 16)
"""How long a database or a store that is away is waited for."""

STORE_IS_AWAY = (OSError, BaseError)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Delivery:
    database: Database
    clock: Clock
    blobs: BlobStore

    def deliver(self, assignment: Assignment) -> None:
        """The bytes go first: a record never points at nothing. Written twice, they are the same bytes."""
        try:
            pictures = patiently(lambda: self._store_all(assignment), STORE_IS_AWAY)
        except STORE_IS_AWAY as error:
            log.error("pictures not stored", generation=assignment.generation_id, error=type(error).__name__)
            sentence = "The pictures were drawn but could not be stored. Please try again."
            self._try_again(assignment.lease, sentence, tries=MAX_ATTEMPTS)
            return
        try:
            patiently(lambda: self._finish(assignment, pictures), OperationalError)
            log.info("delivered", generation=assignment.generation_id, pictures=len(pictures))
        except LeaseLost as lost:
            log.warning("delivery dropped", generation=assignment.generation_id, reason=str(lost))

    def try_alone(self, lease: Lease, sentence: str) -> None:
        """Memory was short: once more with nothing beside it. What is short of memory even then stays so."""
        self._try_again(lease, sentence, tries=2, alone=True)

    def report_failure(self, lease: Lease, sentence: str) -> None:
        """Close the job as failed, unless it is no longer ours."""
        try:
            with self.database.transaction() as session:
                fail(session, self.clock, lease, sentence)
            log.warning("generation failed", job=lease.job_id)
        except LeaseLost as lost:
            log.warning("failure dropped", job=lease.job_id, reason=str(lost))

    def _try_again(self, lease: Lease, sentence: str, *, tries: int, alone: bool = False) -> None:
        try:
            with self.database.transaction() as session:
                again = try_again(session, self.clock, lease, sentence, tries=tries, alone=alone)
            log.warning("generation is tried again" if again else "generation failed", job=lease.job_id)
        except LeaseLost as lost:
            log.warning("failure dropped", job=lease.job_id, reason=str(lost))

    def _finish(self, assignment: Assignment, pictures: list[StoredPicture]) -> None:
        with self.database.transaction() as session:
            finish(session, self.clock, assignment.lease, pictures, notes=assignment.notes)

    def _store_all(self, assignment: Assignment) -> list[StoredPicture]:
        return [self._store(assignment, index) for index in sorted(assignment.images)]

    def _store(self, assignment: Assignment, index: int) -> StoredPicture:
        request = assignment.request
        text = infotext(
            request,
            index=index,
            model_name=request.model_id,
            model_hash=assignment.model_hash,
            lora_hashes={mix.adapter.name: autov3(mix.adapter.file) for mix in assignment.adapters},
            embedding_hashes={embedding.name: sha256_of(embedding.file) for embedding in assignment.embeddings},
            control_hashes=assignment.control_hashes,
        )
        format = request.extras.output_format
        data = encode(assignment.images[index], text, format, request.extras.output_quality)
        key = picture_key(assignment.uuid, index, temporary=assignment.temporary, format=format)
        self.blobs.put(key, data)
        return describe_picture(
            data, index=index, key=key, width=request.width, height=request.height, seed=request.seed_of(index)
        )


def patiently(act: Callable[[], Result], away: type[Exception] | tuple[type[Exception], ...]) -> Result:
    """Do `act`, again and again while it raises `away`; the last time lets it raise."""
    for wait in RETRY_SECONDS:
        try:
            return act()
        except away:
            time.sleep(wait)
    return act()
