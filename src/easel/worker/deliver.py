"""From finished images to a closed job: encode, store, then one transaction. Runs beside the engine, not in its way."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from obstore.exceptions import BaseError
from PIL import Image
from sqlalchemy.exc import OperationalError

from easel.artifacts.blobs import BlobStore
from easel.artifacts.encode import encode, infotext
from easel.artifacts.store import StoredPicture, describe_picture, picture_key
from easel.artifacts.thumbnails import thumbhash_of
from easel.db.session import Database
from easel.domain.errors import DomainError
from easel.engine.adapters.hashes import autov3
from easel.engine.ldm.copying import sha256_of
from easel.engine.request import Pixels
from easel.generations.finish import fail, finish
from easel.generations.recover import try_again
from easel.jobs.queue import MAX_ATTEMPTS, Lease, LeaseLost
from easel.kit.clock import Clock
from easel.worker.assignment import Assignment
from easel.worker.finishing import Finished, Finishing

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
    finishing: Finishing = field(default_factory=Finishing)

    def deliver(self, assignment: Assignment) -> None:
        """The bytes go first: a record never points at nothing. Written twice, they are the same bytes."""
        try:
            finished = self.finishing.finish(assignment.request, assignment.images, assignment.upscaler)
        except DomainError as refusal:
            self.report_failure(assignment.lease, str(refusal))
            return
        try:
            pictures = patiently(lambda: self._store_all(assignment, finished), STORE_IS_AWAY)
        except STORE_IS_AWAY as error:
            log.error("pictures not stored", generation=assignment.generation_id, error=type(error).__name__)
            sentence = "The pictures were drawn but could not be stored. Please try again."
            self._try_again(assignment.lease, sentence, tries=MAX_ATTEMPTS)
            return
        try:
            patiently(lambda: self._finish(assignment, finished, pictures), OperationalError)
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

    def _finish(self, assignment: Assignment, finished: Finished, pictures: list[StoredPicture]) -> None:
        with self.database.transaction() as session:
            notes = [*assignment.notes, *finished.notes]
            finish(session, self.clock, assignment.lease, pictures, notes=notes, flagged=finished.flagged)

    def _store_all(self, assignment: Assignment, finished: Finished) -> list[StoredPicture]:
        return [self._store(assignment, index, finished.pictures[index]) for index in sorted(finished.pictures)]

    def _store(self, assignment: Assignment, index: int, picture: Pixels) -> StoredPicture:
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
        data = encode(picture, text, format, request.extras.output_quality)
        key = picture_key(assignment.uuid, index, temporary=assignment.temporary, format=format)
        self.blobs.put(key, data)
        width, height = request.output_size
        return describe_picture(
            data,
            index=index,
            key=key,
            width=width,
            height=height,
            seed=request.seed_of(index),
            thumbhash=thumbhash_of(Image.fromarray(picture)),
        )


def patiently(act: Callable[[], Result], away: type[Exception] | tuple[type[Exception], ...]) -> Result:
    """Do `act`, again and again while it raises `away`; the last time lets it raise."""
    for wait in RETRY_SECONDS:
        try:
            return act()
        except away:
            time.sleep(wait)
    return act()
