"""Pictures on their way, for whoever watches: small, two a second at most, and gone when the picture is there.

A preview is a blob with a name of its own, so that its bytes never change; the clerk tells which one is the newest.
"""

import io
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

import structlog
from PIL import Image

from easel.artifacts.blobs import BlobStore
from easel.artifacts.store import preview_key
from easel.engine.request import Pixels
from easel.worker.assignment import Assignment
from easel.worker.desk import Desk

log = structlog.get_logger()

SECONDS_BETWEEN: Final = 0.5
"""Of one generation: in more of them nobody sees more, and each is a blob."""

LONGEST_SIDE: Final = 256
MOST_BYTES: Final = 10_000
QUALITIES: Final = (75, 50, 25, 5)


class Previews:
    """Stores previews and hands their keys to the desk. One that comes too soon after the last is left out."""

    def __init__(
        self,
        blobs: BlobStore,
        pool: Executor,
        desk: Desk,
        *,
        seconds_between: float = SECONDS_BETWEEN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._blobs = blobs
        self._pool = pool
        self._desk = desk
        self._seconds_between = seconds_between
        self._clock = clock

    def show(self, assignment: Assignment, image: Pixels) -> None:
        """On the engine's thread: leaves the work to the pool."""
        shown = assignment.previews
        now = self._clock()
        if shown.is_busy or now < shown.not_before:
            return
        shown.is_busy = True
        shown.not_before = now + self._seconds_between
        self._pool.submit(self._store, assignment, image)

    def clear(self, assignment: Assignment) -> None:
        """The generation has ended: nobody is told of its previews any more."""
        if not assignment.previews.number:
            return
        try:
            self._pool.submit(self._delete, assignment, 0)
        except RuntimeError:  # the worker stops, and so has its pool
            log.info("previews left to the janitor", generation=assignment.generation_id)

    def _store(self, assignment: Assignment, image: Pixels) -> None:
        """For want of a preview nobody loses a picture: whatever happens here is logged and forgotten."""
        shown = assignment.previews
        try:
            key = preview_key(assignment.uuid, assignment.lease.attempt, shown.number + 1)
            self._blobs.put(key, small_webp(image, assignment.request.width, assignment.request.height))
            shown.number += 1
            self._desk.note_preview(assignment, key)
            # The one before this may just be fetched by somebody who was told of it.
            self._delete(assignment, 2)
        except Exception as error:
            log.warning("no preview", generation=assignment.generation_id, error=type(error).__name__)
        finally:
            shown.is_busy = False

    def _delete(self, assignment: Assignment, newest_kept: int) -> None:
        """All but the newest so many, of those that may be there. What is missed here the janitor finds."""
        shown = assignment.previews
        for number in range(shown.deleted + 1, shown.number - newest_kept + 1):
            self._blobs.delete(preview_key(assignment.uuid, assignment.lease.attempt, number))
            shown.deleted = number


def small_webp(image: Pixels, width: int, height: int) -> bytes:
    """`image` at the proportions of width x height, its longest side LONGEST_SIDE at most, in MOST_BYTES or so."""
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    data = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, format="WEBP", quality=quality)
        data = file.getvalue()
        if len(data) <= MOST_BYTES:
            break
    return data
