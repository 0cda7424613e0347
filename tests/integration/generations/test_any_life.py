"""Any sequence of what may happen to requests, in any order and twice, against a model of what should come out."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from easel.accounts.queries import create_account
from easel.accounts.tables import Account
from easel.artifacts.store import StoredPicture, picture_key
from easel.billing import ledger
from easel.billing.audit import audit as audit_money
from easel.billing.wallets import balance, reserved
from easel.catalogue.seed import seed_catalogue
from easel.db.session import Database
from easel.domain.errors import Conflict, TooManyQueued
from easel.domain.money import Micros
from easel.domain.request import GenerationDraft
from easel.generations.audit import audit as audit_orders
from easel.generations.cancel import cancel, confirm_cancelled
from easel.generations.finish import fail, finish
from easel.generations.idempotency import Idempotency
from easel.generations.queries import get_view
from easel.generations.recover import give_up_overdue, hand_back, recover_expired, take_back, try_again
from easel.generations.submit import submit
from easel.jobs import queue
from easel.jobs.queue import MAX_ATTEMPTS, Lease, LeaseLost
from easel.jobs.states import JobState
from easel.kit.clock import SettableClock

MONEY, PRICE = 1_000_000, 4700
LEASE, MAX_WAIT = timedelta(seconds=30), timedelta(minutes=10)
WORKERS = st.sampled_from(["one", "two"])


@dataclass
class Expected:
    """A request as the model sees it."""

    id: int
    uuid: str
    ordered_at: Any
    state: JobState = JobState.QUEUED
    worker: str | None = None
    lease_until: Any = None
    attempts: int = 0
    is_cancelled: bool = False
    leases: list[Lease] = field(default_factory=list[Lease])


class Lives(RuleBasedStateMachine):
    """One account, two workers; each verb is a transaction."""

    database: ClassVar[Database]
    run_number: ClassVar["count[int]"] = count()

    def __init__(self) -> None:
        super().__init__()
        self.clock = SettableClock()
        self.run_id = next(self.run_number)
        self.requests: dict[int, Expected] = {}
        self.keys: dict[str, tuple[str, int]] = {}

    @initialize()
    def open_account(self) -> None:
        with self.database.transaction() as session:
            seed_catalogue(session)
            self.account: Account = create_account(session, self.clock, f"ann {self.run_id}", plan="pay-as-you-go")
            ledger.credit(session, self.clock, self.account.id, Micros(MONEY), key=f"{self.run_id}")

    def of(self, *states: JobState) -> list[Expected]:
        return [request for request in self.requests.values() if request.state in states]

    @property
    def unfinished(self) -> list[Expected]:
        return self.of(JobState.QUEUED, JobState.RUNNING)

    # -- what may happen -------------------------------------------------------------------------------------------

    @rule(key=st.sampled_from("abc"), said=st.sampled_from("xy"))
    def order(self, key: str, said: str) -> None:
        asked = Idempotency(f"{self.run_id} {key}", said)
        draft = GenerationDraft(model_id="easel-starter", prompt="x")
        try:
            with self.database.transaction() as session:
                made = submit(
                    session, self.clock, self.account, draft, base_url="", idempotency=asked, max_wait=MAX_WAIT
                )
        except Conflict:
            assert self.keys[key][0] != said
        except TooManyQueued:
            assert key not in self.keys
            assert len(self.unfinished) == 5
        else:
            known = self.keys.setdefault(key, (said, made.id))
            assert known == (said, made.id)
            self.requests.setdefault(made.id, Expected(made.id, made.uuid, self.clock.now()))

    @rule(worker=WORKERS, limit=st.integers(1, 3))
    def claim(self, worker: str, limit: int) -> None:
        idle = not any(request.worker == worker for request in self.of(JobState.RUNNING))
        with self.database.transaction() as session:
            jobs = queue.claim(
                session, self.clock, worker, kind="generate", resident=(), limit=limit, idle=idle, lease=LEASE
            )
        for job in jobs:
            request = self.requests[job.subject_id]
            assert request.state is JobState.QUEUED
            request.state, request.worker = JobState.RUNNING, worker
            request.attempts += 1
            request.lease_until = self.clock.now() + LEASE
            request.leases.append(Lease(job.id, worker, job.attempts))
            assert job.attempts == request.attempts

    @precondition(lambda self: any(request.leases for request in self.requests.values()))
    @rule(data=st.data(), verb=st.sampled_from(["finish", "fail", "confirm", "again"]))
    def end(self, data: st.DataObject, verb: str) -> None:
        """A worker says what came of a lease, also of one that it lost long ago."""
        request = data.draw(st.sampled_from([request for request in self.requests.values() if request.leases]))
        lease = data.draw(st.sampled_from(request.leases))
        is_good = request.state is JobState.RUNNING and lease == request.leases[-1]
        try:
            with self.database.transaction() as session:
                match verb:
                    case "finish":
                        finish(session, self.clock, lease, [picture_of(request)])
                        state = JobState.DONE
                    case "fail":
                        fail(session, self.clock, lease, "It broke.")
                        state = JobState.FAILED
                    case "confirm":
                        confirm_cancelled(session, self.clock, lease)
                        state = JobState.CANCELLED
                    case _:
                        again = try_again(session, self.clock, lease, "The store was away.", tries=MAX_ATTEMPTS)
                        ended = JobState.CANCELLED if request.is_cancelled else JobState.FAILED
                        state = JobState.QUEUED if again else ended
                        assert again == (not request.is_cancelled and request.attempts < MAX_ATTEMPTS)
        except LeaseLost:
            assert not is_good
        else:
            assert is_good
            request.state, request.worker = state, None

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(list(self.requests.values())))
        with self.database.transaction() as session:
            cancel(session, self.clock, self.account.id, request.id)
        if request.state is JobState.QUEUED:
            request.state = JobState.CANCELLED
        elif request.state is JobState.RUNNING:
            request.is_cancelled = True

    @rule(worker=WORKERS)
    def lose(self, worker: str) -> None:
        with self.database.transaction() as session:
            take_back(session, self.clock, worker)
        self.give_back([request for request in self.of(JobState.RUNNING) if request.worker == worker])

    @rule(worker=WORKERS)
    def leave(self, worker: str) -> None:
        with self.database.transaction() as session:
            hand_back(session, self.clock, worker)
        for request in self.of(JobState.RUNNING):
            if request.worker == worker:
                request.worker = None
                request.state = JobState.CANCELLED if request.is_cancelled else JobState.QUEUED
                if request.state is JobState.QUEUED:
                    request.attempts -= 1
                    request.leases.pop()  # the next worker's may be equal to it

    @rule(seconds=st.sampled_from([1, 20, 40, 700]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        now = self.clock.now()
        with self.database.transaction() as session:
            recover_expired(session, self.clock)
        self.give_back([request for request in self.of(JobState.RUNNING) if request.lease_until < now])
        with self.database.transaction() as session:
            give_up_overdue(session, self.clock)
        for request in self.of(JobState.QUEUED):
            if request.ordered_at + MAX_WAIT <= now:
                request.state = JobState.FAILED

    def give_back(self, lost: list[Expected]) -> None:
        for request in lost:
            request.worker = None
            if request.is_cancelled:
                request.state = JobState.CANCELLED
            else:
                request.state = JobState.FAILED if request.attempts >= MAX_ATTEMPTS else JobState.QUEUED

    # -- what must hold --------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        with self.database.transaction() as session:
            for request in self.requests.values():
                assert get_view(session, self.clock, self.account.id, request.id).state is request.state
            done = len(self.of(JobState.DONE))
            assert balance(session, self.account.id) == MONEY - PRICE * (done + len(self.unfinished))
            assert reserved(session, self.account.id) == PRICE * len(self.unfinished)
            assert audit_money(session) == audit_orders(session) == []
            # The next run's workers have the same names: nothing of this one may be left for them.
            for request in self.unfinished:
                cancel(session, self.clock, self.account.id, request.id)
        with self.database.transaction() as session:
            for worker in ("one", "two"):
                take_back(session, self.clock, worker)


def picture_of(request: Expected) -> StoredPicture:
    key = picture_key(request.uuid, 0)
    return StoredPicture(index=0, key=key, media_type="image/png", width=8, height=8, size_bytes=3, sha256="", seed=0)


def test_any_sequence_of_lives_ends_as_the_model_says(database: Database) -> None:
    class OnThisDatabase(Lives):
        pass

    OnThisDatabase.database = database
    run_state_machine_as_test(
        OnThisDatabase,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
