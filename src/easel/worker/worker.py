"""The worker: one engine on the calling thread, a clerk and a small delivery pool beside it."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import structlog
from sqlalchemy.exc import DBAPIError

from easel.artifacts.blobs import BlobStore
from easel.db.session import Database
from easel.domain.errors import DomainError, GenerationFailed
from easel.engine.engine import Engine
from easel.engine.events import Event, Failed, Finished, Preview, Progress
from easel.generations.cancel import confirm_cancelled
from easel.generations.recover import hand_back
from easel.jobs.queue import LeaseLost
from easel.kit.clock import Clock
from easel.worker.assignment import Assignment, lease_and_index
from easel.worker.clerk import Clerk
from easel.worker.deliver import STORE_IS_AWAY, Delivery, patiently
from easel.worker.desk import Desk
from easel.worker.finishing import Finishing
from easel.worker.previews import Previews
from easel.worker.sources import Sources, load_sources, needs_sources

log = structlog.get_logger()

IDLE_SECONDS = 0.5


class Worker:
    """Draws until `stop` is called. An exception out of `run` ends the process: its jobs go to the next worker."""

    def __init__(
        self,
        worker_id: str,
        engine: Engine,
        *,
        database: Database,
        clock: Clock,
        blobs: BlobStore,
        lease: timedelta,
        capacity: int,
        device: str,
        resident: Callable[[], Sequence[str]] = tuple,
        finishing: Finishing | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        """`capacity`: how many generations may be in hand at once. `resident`: names of the checkpoints in memory.

        `finishing` is what becomes of drawn pictures. `stopping` ends `run` after the tick at hand.
        """
        self._worker_id = worker_id
        self._engine = engine
        self._database = database
        self._clock = clock
        finishing = finishing or Finishing()
        self._delivery = Delivery(database, clock, blobs, finishing)
        self._desk = Desk(capacity, resident)
        self._clerk = Clerk(
            worker_id,
            database=database,
            clock=clock,
            lease=lease,
            device=device,
            desk=self._desk,
            checks_pictures=finishing.classifier is not None,
        )
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="deliver")
        self._blobs = blobs
        self._previews = Previews(blobs, self._pool, self._desk)
        self._stopping = stopping or threading.Event()

    def run(self) -> None:
        self._clerk.start()
        log.info("worker ready", worker=self._worker_id)
        while not self._stopping.is_set():
            self._clerk.check()
            for assignment in self._desk.wait(IDLE_SECONDS if self._engine.is_idle else 0):
                self._begin(assignment)
            for assignment, cancelled in self._desk.take_dropped():
                self._abandon(assignment, cancelled=cancelled)
            for event in self._engine.step():
                self._handle(event)
        self._hand_back()

    def stop(self) -> None:
        """End `run` after the tick at hand."""
        self._stopping.set()

    def _begin(self, assignment: Assignment) -> None:
        """Into the engine; by way of the pool, where its inputs must be fetched first."""
        if assignment.is_over:
            return
        if assignment.sources is None and needs_sources(assignment.request):
            self._pool.submit(self._fetch, assignment)
            return
        try:
            if assignment.failure:
                raise assignment.failure
            for picture in assignment.picture_requests():
                self._engine.add(picture)
        except DomainError as refusal:
            self._give_up(assignment, str(refusal))

    def _fetch(self, assignment: Assignment) -> None:
        try:
            found = patiently(lambda: load_sources(self._blobs, assignment.request), STORE_IS_AWAY)
            assignment.notes += found.notes
            assignment.sources = found
        except DomainError as refusal:
            assignment.failure = refusal
        except Exception as error:
            log.error("inputs not read", generation=assignment.generation_id, error=type(error).__name__)
            assignment.failure = GenerationFailed("The request's pictures could not be read from the store: try again.")
        assignment.sources = assignment.sources or Sources()
        self._desk.bring_back(assignment)

    def _handle(self, event: Event) -> None:
        lease, index = lease_and_index(event.id, self._worker_id)
        assignment = self._desk.find(lease)
        if assignment is None:
            return  # dropped meanwhile
        match event:
            case Progress():
                self._desk.note_step(assignment)
            case Preview():
                self._previews.show(assignment, event.image)
            case Finished():
                assignment.images[index] = event.image
                assignment.notes += [note for note in event.notes if note not in assignment.notes]
                if assignment.is_complete:
                    self._after(assignment, self._pool.submit(self._delivery.deliver, assignment))
            case Failed(is_short_of_memory=True):
                self._stop_drawing(assignment)
                self._after(assignment, self._pool.submit(self._delivery.try_alone, assignment.lease, event.error))
            case Failed():
                self._give_up(assignment, event.error)

    def _give_up(self, assignment: Assignment, sentence: str) -> None:
        self._stop_drawing(assignment)
        self._after(assignment, self._pool.submit(self._delivery.report_failure, assignment.lease, sentence))

    def _abandon(self, assignment: Assignment, *, cancelled: bool) -> None:
        if assignment.is_complete:
            return  # on its way to the customer already
        self._stop_drawing(assignment)
        if cancelled:
            self._after(assignment, self._pool.submit(self._confirm_cancelled, assignment))
        else:
            self._desk.forget(assignment.lease)

    def _stop_drawing(self, assignment: Assignment) -> None:
        assignment.is_over = True
        for id in assignment.picture_ids():
            self._engine.cancel(id)

    def _confirm_cancelled(self, assignment: Assignment) -> None:
        try:
            with self._database.transaction() as session:
                confirm_cancelled(session, self._clock, assignment.lease)
        except LeaseLost:
            log.warning("cancellation dropped", generation=assignment.generation_id)

    def _after(self, assignment: Assignment, work: Future[None]) -> None:
        """Keep the assignment in hand, and its lease alive, until the database has heard of its end."""

        def over(done: Future[None]) -> None:
            if error := done.exception():
                # No longer in hand, the lease is not renewed: it runs out and somebody draws the job again.
                log.error("delivery failed", generation=assignment.generation_id, error=type(error).__name__)
            self._desk.forget(assignment.lease)

        work.add_done_callback(over)

    def _hand_back(self) -> None:
        """A worker that stops on purpose keeps nobody waiting for its leases."""
        self._clerk.stop()
        self._pool.shutdown(wait=True)
        try:
            with self._database.transaction() as session:
                hand_back(session, self._clock, self._worker_id)
        except DBAPIError:
            log.warning("database is away; the leases run out", worker=self._worker_id)
        log.info("worker stopped", worker=self._worker_id)
