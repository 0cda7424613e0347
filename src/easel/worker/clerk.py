"""The worker's dealings with the queue, in a thread of their own so that the engine never waits for the database.

The clerk listens for news, claims while there is room, renews leases, passes on cancellations, publishes progress and
gives the work of silent workers back to the queue.
"""

import os
import socket
import threading
import time
from datetime import timedelta

import psycopg
import structlog
from sqlalchemy.exc import DBAPIError

from easel.db.notify import JOBS
from easel.db.session import Database
from easel.domain.errors import DomainError
from easel.generations.events import announce
from easel.generations.finish import fail
from easel.generations.janitor import recover
from easel.generations.submit import GENERATE
from easel.jobs import queue, workers
from easel.jobs.queue import Lease, Progress
from easel.jobs.shares import places_by_age
from easel.kit.clock import Clock
from easel.worker.assignment import Assignment, assignment_of
from easel.worker.desk import Desk

log = structlog.get_logger()

PROGRESS_SECONDS = 0.25
POLL_SECONDS = 2.0
RECONNECT_SECONDS = 0.5
HUNG_SECONDS = 15 * 60.0
"""Longer than any tick or any loading of weights takes. A thread that hangs in a driver cannot be woken, only left."""


class Clerk:
    def __init__(
        self,
        worker_id: str,
        *,
        database: Database,
        clock: Clock,
        lease: timedelta,
        device: str,
        desk: Desk,
        checks_pictures: bool = False,
    ) -> None:
        self._worker_id = worker_id
        self._database = database
        self._clock = clock
        self._lease = lease
        self._device = device
        self._desk = desk
        self._checks_pictures = checks_pictures
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
        self._next_beat = 0.0
        self._offered = 0
        self._broken: Exception | None = None

    def start(self) -> None:
        """Register the worker and begin. Raises when the database cannot be reached at all."""
        with self._database.transaction() as session:
            workers.register(
                session,
                self._clock,
                self._worker_id,
                host=socket.gethostname(),
                pid=os.getpid(),
                device=self._device,
                checks_pictures=self._checks_pictures,
            )
        self._thread.start()

    def stop(self) -> None:
        """Claim no more. Returns when the clerk's last transaction is over."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def check(self) -> None:
        """Raises what has ended the clerk: a worker without one must end, too, or it would sit on its jobs."""
        if self._broken:
            raise self._broken

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._database.url, autocommit=True) as connection:
                    connection.execute(f"LISTEN {JOBS}")
                    self._serve(connection)
            except (DBAPIError, psycopg.Error) as error:
                log.warning("database is away", error=type(error).__name__)
                self._stopping.wait(RECONNECT_SECONDS)
            except Exception as error:
                self._broken = error
                return

    def _serve(self, connection: psycopg.Connection) -> None:
        """Everything is looked at after each piece of news, and every so often without any."""
        while not self._stopping.is_set():
            self._leave_if_hung()
            self._beat_if_due()
            self._publish()
            self._claim()
            patience = PROGRESS_SECONDS if self._desk.held() else POLL_SECONDS
            for _ in connection.notifies(timeout=patience, stop_after=1):
                self._next_beat = 0.0  # the news may be a cancellation: look at our own jobs, too

    def _leave_if_hung(self) -> None:
        """End the process, whatever the engine's thread is stuck in, so that its jobs go to the next worker."""
        silent = self._desk.seconds_without_a_sign_of_life()
        if silent > HUNG_SECONDS:
            log.critical("the engine hangs", seconds=round(silent))
            os._exit(1)

    def _claim(self) -> None:
        room = self._desk.room()
        if room <= 0:
            return
        by_age = places_by_age(self._offered, room)
        self._offered += room
        arrivals: list[Assignment] = []
        refusals: list[tuple[Lease, DomainError]] = []
        with self._database.transaction() as session:
            jobs = queue.claim(
                session,
                self._clock,
                self._worker_id,
                kind=GENERATE,
                resident=self._desk.resident(),
                limit=room,
                by_age=by_age,
                idle=not self._desk.held(),
                lease=self._lease,
            )
            for job in jobs:
                try:
                    arrivals.append(assignment_of(session, job))
                    announce(session, job.subject_id, "started")
                except DomainError as refusal:
                    refusals.append((Lease(job.id, self._worker_id, job.attempts), refusal))
        for assignment in arrivals:
            self._desk.arrive(assignment)
        for lease, refusal in refusals:
            # One transaction each: money is locked in the order of accounts, which is not the order of claims.
            with self._database.transaction() as session:
                fail(session, self._clock, lease, str(refusal))

    def _beat_if_due(self) -> None:
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + self._lease.total_seconds() / 3
        held = self._desk.held()
        with self._database.transaction() as session:
            workers.beat(session, self._clock, self._worker_id, resident=self._desk.resident())
            kept = queue.renew(session, self._clock, held, lease=self._lease)
        for lease in held:
            if lease not in kept:
                self._desk.drop(lease, cancelled=False)
            elif kept[lease]:
                self._desk.drop(lease, cancelled=True)
        recover(self._database, self._clock)

    def _publish(self) -> None:
        moved = self._desk.take_progress()
        if not moved:
            return
        with self._database.transaction() as session:
            queue.note_progress(
                session,
                [
                    Progress(lease=one.lease, step=one.steps_done, steps=one.steps_in_all, preview_key=one.previews.key)
                    for one in moved
                ],
            )
            for one in moved:
                progress = {"step": one.steps_done, "steps": one.steps_in_all}
                announce(session, one.generation_id, "step", **progress)
                if one.previews.is_news():
                    announce(session, one.generation_id, "preview", **progress, preview_key=one.previews.key)
