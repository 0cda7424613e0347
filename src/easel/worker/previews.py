"""Pictures on their way, for whoever watches: small, and two a second at most.

A preview is a blob with a name of its own, so that its bytes never change; the clerk tells which one is the newest. The
two newest outlive the drawing, as somebody who was told of them may fetch them only then; the janitor finds them.
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

NEWEST_KEPT: Final = 2
"""The one before the newest may just be fetched by somebody who was told of it."""

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

    def _store(self, assignment: Assignment, image: Pixels) -> None:
        """For want of a preview nobody loses a picture: whatever happens here is logged and forgotten."""
        shown = assignment.previews
        try:
            key = preview_key(assignment.uuid, assignment.lease.attempt, shown.number + 1)
            self._blobs.put(key, small_webp(image, assignment.request.width, assignment.request.height))
            shown.number += 1
            self._desk.note_preview(assignment, key)
            self._delete_old(assignment)
        except Exception as error:
            log.warning("no preview", generation=assignment.generation_id, error=type(error).__name__)
        finally:
            shown.is_busy = False

    def _delete_old(self, assignment: Assignment) -> None:
        """All but the newest ones, of those that may be there."""
        shown = assignment.previews
        for number in range(shown.deleted + 1, shown.number - NEWEST_KEPT + 1):
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
