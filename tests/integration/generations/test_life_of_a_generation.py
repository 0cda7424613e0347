"""From submit to each of its ends: the money, the job and the record agree."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from easel.accounts.keys import create_key
from easel.accounts.queries import create_account, get_account
from easel.accounts.tables import Account
from easel.artifacts.store import StoredPicture, artifacts_of, picture_key
from easel.billing import ledger
from easel.billing.audit import audit
from easel.billing.wallets import balance, reserved, statement_csv
from easel.db.session import Database
from easel.domain.errors import (
    Conflict,
    InvalidRequest,
    ModelNotInstalled,
    NotEnoughCredit,
    NotFound,
    QuotaUsedUp,
    TooManyQueued,
)
from easel.domain.money import Micros
from easel.domain.request import GenerationDraft
from easel.generations.cancel import cancel, confirm_cancelled
from easel.generations.finish import fail, finish
from easel.generations.queries import GenerationView, get_view, list_views
from easel.generations.recover import hand_back, recover_expired, take_back
from easel.generations.refund import refund
from easel.generations.submit import submit
from easel.generations.tables import Generation
from easel.generations.usage import usage, usage_csv
from easel.jobs import queue
from easel.jobs.queue import MAX_ATTEMPTS, Lease, LeaseLost
from easel.jobs.states import JobState
from easel.jobs.tables import Job
from easel.kit.clock import SettableClock

START = 10_000_000
PRICE = 4700
DRAFT = GenerationDraft(model_id="easel-starter", prompt="a red star")
LEASE = timedelta(seconds=30)


def pictures_of(generation: Generation) -> list[StoredPicture]:
    return [
        StoredPicture(
            index=index,
            key=picture_key(generation.uuid, index),
            media_type="image/png",
            width=8,
            height=8,
            size_bytes=3,
            sha256="00",
            seed=index,
        )
        for index in range(generation.request["samples"])
    ]


@pytest.fixture(autouse=True)
def the_ledger_adds_up(database: Database, clock: SettableClock) -> object:
    """Whatever a test did, the invariants of the money hold afterwards."""
    yield
    with database.transaction() as session:
        assert audit(session) == []


def money(database: Database, account: Account) -> tuple[int, int]:
    """(available, reserved)"""
    with database.transaction() as session:
        return balance(session, account.id), reserved(session, account.id)


def claim_one(database: Database, clock: SettableClock, worker: str = "w") -> Lease:
    with database.transaction() as session:
        [job] = queue.claim(session, clock, worker, kind="generate", resident=(), limit=1, idle=True, lease=LEASE)
        return Lease(job.id, worker, job.attempts)


def view(database: Database, clock: SettableClock, generation: Generation) -> GenerationView:
    with database.transaction() as session:
        return get_view(session, clock, generation.account_id, generation.id)


def test_submit_holds_and_delivery_captures(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order(samples=2)
    assert money(database, account) == (START - 2 * PRICE, 2 * PRICE)
    assert view(database, clock, generation).state is JobState.QUEUED
    lease = claim_one(database, clock)
    clock.advance(timedelta(seconds=3))
    with database.transaction() as session:
        finish(session, clock, lease, pictures_of(generation), notes=["a note"])
    seen = view(database, clock, generation)
    assert (seen.state, seen.cost, seen.seconds, seen.notes) == (JobState.DONE, 2 * PRICE, 3.0, ["a note"])
    assert money(database, account) == (START - 2 * PRICE, 0)
    with database.transaction() as session:
        assert [artifact.key for artifact in artifacts_of(session, generation.id)] == seen.artifact_keys


def test_a_failure_costs_nothing(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order()
    with database.transaction() as session:
        fail(session, clock, claim_one(database, clock), "The weights are broken.")
    seen = view(database, clock, generation)
    assert (seen.state, seen.cost, seen.error) == (JobState.FAILED, 0, "The weights are broken.")
    assert money(database, account) == (START, 0)


def test_delivering_twice_pays_once(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order()
    lease = claim_one(database, clock)
    for attempt in range(2):
        try:
            with database.transaction() as session:
                finish(session, clock, lease, pictures_of(generation))
        except LeaseLost:
            assert attempt == 1
    assert money(database, account) == (START - PRICE, 0)


def test_a_worker_that_lost_its_lease_delivers_nothing(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order()
    slow = claim_one(database, clock, "slow")
    clock.advance(LEASE + timedelta(seconds=1))
    with database.transaction() as session:
        assert recover_expired(session, clock) == 1
    quick = claim_one(database, clock, "quick")
    with database.transaction() as session:
        finish(session, clock, quick, pictures_of(generation))
    with pytest.raises(LeaseLost), database.transaction() as session:
        finish(session, clock, slow, pictures_of(generation))
    assert money(database, account) == (START - PRICE, 0)


def test_the_jobs_of_a_dead_worker_come_back_at_once_and_a_killer_is_given_up(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order()
    for attempt in range(MAX_ATTEMPTS):
        claim_one(database, clock, f"w{attempt}")
        with database.transaction() as session:
            assert take_back(session, clock, f"w{attempt}") == 1
    seen = view(database, clock, generation)
    assert seen.state is JobState.FAILED
    assert f"lost with its worker {MAX_ATTEMPTS} times" in (seen.error or "")
    assert money(database, account) == (START, 0)


def test_a_worker_that_stops_on_purpose_uses_up_no_attempt(
    database: Database, clock: SettableClock, order: Callable[..., Generation]
) -> None:
    generation = order()
    for attempt in range(MAX_ATTEMPTS + 2):
        claim_one(database, clock, f"w{attempt}")
        with database.transaction() as session:
            hand_back(session, clock, f"w{attempt}")
    assert view(database, clock, generation).state is JobState.QUEUED


def test_cancelling_a_queued_generation_is_immediate_and_may_be_repeated(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order()
    for _ in range(2):
        with database.transaction() as session:
            cancel(session, clock, account.id, generation.id)
    assert view(database, clock, generation).state is JobState.CANCELLED
    assert money(database, account) == (START, 0)


def test_cancelling_a_running_generation_asks_its_worker(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order()
    lease = claim_one(database, clock)
    with database.transaction() as session:
        cancel(session, clock, account.id, generation.id)
        assert queue.renew(session, clock, [lease], lease=LEASE) == {lease: True}
    assert view(database, clock, generation).state is JobState.RUNNING
    with database.transaction() as session:
        confirm_cancelled(session, clock, lease)
    assert view(database, clock, generation).state is JobState.CANCELLED
    assert money(database, account) == (START, 0)


def test_a_cancelled_job_of_a_dead_worker_is_not_drawn_again(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order()
    claim_one(database, clock)
    with database.transaction() as session:
        cancel(session, clock, account.id, generation.id)
        take_back(session, clock, "w")
    assert view(database, clock, generation).state is JobState.CANCELLED


def test_cancel_and_delivery_at_the_same_moment_end_in_one_of_the_two(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    for _ in range(10):
        generation = order()
        lease = claim_one(database, clock)
        together = threading.Barrier(2)

        def deliver(
            generation: Generation = generation, lease: Lease = lease, gate: threading.Barrier = together
        ) -> None:
            gate.wait()
            with database.transaction() as session:
                finish(session, clock, lease, pictures_of(generation))

        thread = threading.Thread(target=deliver)
        thread.start()
        together.wait()
        with database.transaction() as session:
            cancel(session, clock, account.id, generation.id)
        thread.join()
        assert view(database, clock, generation).state is JobState.DONE
    assert money(database, account) == (START - 10 * PRICE, 0)


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (GenerationDraft(model_id="nobody", prompt="x"), InvalidRequest),
        (GenerationDraft(model_id="stable-diffu", prompt="x"), ModelNotInstalled),
        (GenerationDraft(model_id="2-v1", prompt="x"), InvalidRequest),
        (GenerationDraft(model_id="easel-starter", prompt=""), InvalidRequest),
        (GenerationDraft(model_id="easel-starter", prompt="x", width=100_000), InvalidRequest),
        (GenerationDraft(model_id="easel-starter", prompt="x", guidance=float("nan")), InvalidRequest),
    ],
)
def test_a_refused_request_leaves_nothing_behind(
    database: Database, clock: SettableClock, account: Account, draft: GenerationDraft, error: type[Exception]
) -> None:
    with pytest.raises(error), database.transaction() as session:
        submit(session, clock, account, draft, base_url="")
    with database.transaction() as session:
        assert session.scalars(select(Generation)).all() == []
        assert session.scalars(select(Job)).all() == []
    assert money(database, account) == (START, 0)


def test_an_empty_wallet_is_refused(database: Database, clock: SettableClock, account: Account) -> None:
    with database.transaction() as session:
        poor = create_account(session, clock, "Bob", email=None, plan="pay-as-you-go")
        ledger.credit(session, clock, poor.id, Micros(PRICE - 1), key="almost")
    with pytest.raises(NotEnoughCredit), database.transaction() as session:
        submit(session, clock, poor, DRAFT, base_url="")


def test_the_queue_limit_holds_against_submits_at_the_same_moment(
    database: Database, clock: SettableClock, account: Account
) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(12)

    def one() -> None:
        together.wait()
        try:
            with database.transaction() as session:
                submit(session, clock, account, DRAFT, base_url="")
            outcomes.append("accepted")
        except TooManyQueued as refusal:
            outcomes.append(refusal.message)

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Rate limit exceeded. Maximum 5 queued requests allowed."] * 7 + ["accepted"] * 5
    assert money(database, account) == (START - 5 * PRICE, 5 * PRICE)


def test_the_free_plan_draws_its_pictures_of_the_day_and_no_more(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    with database.transaction() as session:
        account = get_account(session, account.id)
        account.plan = "free"
    draft = GenerationDraft(model_id="easel-starter", prompt="x", samples=4)

    def draw() -> None:
        with database.transaction() as session:
            generation = submit(session, clock, account, draft, base_url="")
        lease = claim_one(database, clock)
        with database.transaction() as session:
            finish(session, clock, lease, pictures_of(generation))

    for _ in range(5):
        draw()
    with pytest.raises(QuotaUsedUp, match="20 pictures a day and 0 are left"):
        draw()
    clock.advance(timedelta(days=1))
    draw()
    assert money(database, account) == (START, 0)


def test_premium_costs_nothing_and_is_written_down_all_the_same(
    database: Database, clock: SettableClock, account: Account
) -> None:
    with database.transaction() as session:
        account = get_account(session, account.id)
        account.plan = "premium"
        generation = submit(session, clock, account, DRAFT, base_url="")
    lease = claim_one(database, clock)
    with database.transaction() as session:
        finish(session, clock, lease, pictures_of(generation))
    assert view(database, clock, generation).cost == 0
    assert money(database, account) == (START, 0)


def test_somebody_elses_generation_is_unknown(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order()
    with database.transaction() as session:
        stranger = create_account(session, clock, "Eve", email=None)
        for act in (get_view, cancel):
            with pytest.raises(NotFound):
                act(session, clock, stranger.id, generation.id)
        assert list_views(session, clock, stranger.id) == []


def test_captured_never_exceeds_quoted_even_in_sql(database: Database, order: Callable[..., Generation]) -> None:
    order()
    with pytest.raises(DBAPIError, match="never_captures_more"), database.transaction() as session:
        session.execute(text("UPDATE generations SET captured = quoted + 1"))


def test_a_released_hold_cannot_be_captured(
    database: Database, clock: SettableClock, order: Callable[..., Generation]
) -> None:
    generation = order()
    with database.transaction() as session:
        cancel(session, clock, generation.account_id, generation.id)
    with pytest.raises(Conflict), database.transaction() as session:
        ledger.capture(session, clock, generation.hold_id, generation.quoted)


def test_a_picture_that_was_replaced_costs_nothing(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order(samples=4)
    lease = claim_one(database, clock)
    with database.transaction() as session:
        finish(session, clock, lease, pictures_of(generation), flagged=(0,))
    assert money(database, account) == (START - 3 * PRICE, 0)
    assert view(database, clock, generation).cost == 3 * PRICE


def test_what_was_paid_can_be_given_back_once(
    database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
) -> None:
    generation = order(samples=2)
    with database.transaction() as session, pytest.raises(Conflict, match="has cost nothing"):
        refund(session, clock, generation.id, None, "early", "asked for")
    lease = claim_one(database, clock)
    with database.transaction() as session:
        finish(session, clock, lease, pictures_of(generation))
        assert refund(session, clock, generation.id, Micros(PRICE), "half", "blurred") == PRICE
        assert refund(session, clock, generation.id, None, "rest", "blurred") == PRICE
        assert refund(session, clock, generation.id, None, "rest", "blurred") == PRICE
        with pytest.raises(Conflict, match="was given back before"):
            refund(session, clock, generation.id, None, "more", "blurred")
    assert money(database, account) == (START, 0)


def test_the_plans_pictures_of_the_month_come_first(database: Database, clock: SettableClock, account: Account) -> None:
    """Nine thousand nine hundred and ninety-nine pictures ago."""
    with database.transaction() as session:
        session.execute(
            text("UPDATE accounts SET plan = 'standard' WHERE id = :id"),
            {"id": account.id},
        )
        mine = get_account(session, account.id)
        first = submit(session, clock, mine, DRAFT, base_url="http://here")
        session.execute(
            text("UPDATE generations SET request = jsonb_set(request, '{samples}', '9999') WHERE id = :id"),
            {"id": first.id},
        )
        second = submit(
            session, clock, mine, GenerationDraft(model_id="easel-starter", prompt="x", samples=3), base_url="http://h"
        )
        assert (first.quoted, second.quoted, second.included) == (0, 2 * PRICE, 1)


def test_usage_is_told_by_month_model_and_key(database: Database, clock: SettableClock, account: Account) -> None:
    with database.transaction() as session:
        key, _ = create_key(session, clock, account.id, "=laptop")
        for asks in (key.id, key.id, None):
            submit(session, clock, account, DRAFT, base_url="http://here", api_key_id=asks)
    for _ in range(3):
        lease = claim_one(database, clock)
        with database.transaction() as session:
            job = session.get_one(Job, lease.job_id)
            finish(session, clock, lease, pictures_of(session.get_one(Generation, job.subject_id)))
    since, until = clock.now() - timedelta(days=1), clock.now() + timedelta(days=1)
    with database.transaction() as session:
        told = usage(session, account.id, since=since, until=until, per="month")
        assert [(line.key_name, line.generations, line.pictures, line.cost) for line in told] == [
            ("=laptop", 2, 2, 2 * PRICE),
            (None, 1, 1, PRICE),
        ]
        assert told[0].begins.day == 1
        assert usage(session, account.id + 1, since=since, until=until, per="day") == []
        assert "'=laptop,2,2,0.0094" in usage_csv(session, account.id, since, until)
        text_of = statement_csv(session, account.id, since, until).splitlines()
    assert text_of[1].split(",")[2:6] == ["credit", "10", "0", "10"]
    assert text_of[-1].split(",")[2:6] == ["capture", "0", "-0.0047", "9.9859"]
