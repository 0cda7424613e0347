"""Delivery to a real receiver on this machine."""

import json
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest
from receiver import Answer, Receiver
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from easel.accounts.queries import create_account
from easel.db.session import Database
from easel.domain.errors import NotFound
from easel.kit.clock import SettableClock
from easel.kit.fetch import Fetched, Fetcher
from easel.webhooks.deliver import LONGEST_WAIT, account_secret, deliver_due, wait_before
from easel.webhooks.outbox import attempts_of, enqueue, list_deliveries, redeliver
from easel.webhooks.tables import WebhookDelivery

SECRET = "the installation's secret"


@pytest.fixture
def clock() -> SettableClock:
    """Today's: receivers refuse signatures whose time is far from theirs."""
    return SettableClock(datetime.now(UTC))


@pytest.fixture
def account(database: Database, clock: SettableClock) -> int:
    with database.transaction() as session:
        return create_account(session, clock, "ann").id


@pytest.fixture
def write(database: Database, clock: SettableClock, account: int) -> Callable[..., UUID]:
    def enqueue_one(url: str, **body: object) -> UUID:
        with database.transaction() as session:
            return enqueue(session, clock, account, url, body)

    return enqueue_one


@pytest.fixture
def deliver(database: Database, clock: SettableClock) -> Callable[[], int]:
    fetcher = Fetcher(allow_private=True, seconds=2)
    return lambda: deliver_due(database, clock, fetcher, SECRET)


@pytest.fixture
def stored(database: Database) -> Callable[[UUID], WebhookDelivery]:
    def read(id: UUID) -> WebhookDelivery:
        with database.transaction() as session:
            return session.get_one(WebhookDelivery, id)

    return read


Write = Callable[..., UUID]
Deliver = Callable[[], int]
Stored = Callable[[UUID], WebhookDelivery]


def test_an_event_arrives_once_with_its_body(
    receiver: Receiver, write: Write, deliver: Deliver, stored: Stored
) -> None:
    id = write(receiver.url + "/hook", status="success", track_id="é", output=["https://x/y.png"])
    assert [deliver(), deliver()] == [1, 0]
    (request,) = receiver.received
    assert (request.method, request.path, request.headers["content-type"]) == ("POST", "/hook", "application/json")
    assert json.loads(request.body) == {"status": "success", "track_id": "é", "output": ["https://x/y.png"]}
    assert stored(id).delivered_at is not None
    assert (stored(id).last_status, stored(id).attempts) == (200, 1)


class TestSignature:
    def test_is_verified_with_the_accounts_secret(
        self, receiver: Receiver, write: Write, deliver: Deliver, account: int
    ) -> None:
        write(receiver.url, status="success")
        deliver()
        (request,) = receiver.received
        verified = Webhook(account_secret(SECRET, account)).verify(request.body, request.headers)
        assert verified == {"status": "success"}

    def test_is_not_verified_with_anothers_or_for_another_body(
        self, receiver: Receiver, write: Write, deliver: Deliver, account: int
    ) -> None:
        write(receiver.url, status="success")
        deliver()
        (request,) = receiver.received
        with pytest.raises(WebhookVerificationError):
            Webhook(account_secret(SECRET, account + 1)).verify(request.body, request.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(account_secret(SECRET, account)).verify(b'{"status":"failed"}', request.headers)

    def test_secrets_differ_by_account_and_installation(self) -> None:
        secrets = {account_secret(installation, account) for installation in ("a", "b") for account in (1, 2)}
        assert len(secrets) == 4
        assert all(secret.startswith("whsec_") for secret in secrets)


class TestRetry:
    def test_comes_later_with_the_same_id_and_body(
        self, receiver: Receiver, write: Write, deliver: Deliver, clock: SettableClock
    ) -> None:
        id = write(receiver.url, status="success")
        receiver.answer = lambda request: Answer(500 if len(receiver.received) < 3 else 200)
        for _ in range(3):
            assert deliver() == 1
            assert deliver() == 0
            clock.advance(timedelta(hours=1))
        assert {request.headers["webhook-id"] for request in receiver.received} == {str(id)}
        assert len({request.body for request in receiver.received}) == 1
        assert len({request.headers["webhook-timestamp"] for request in receiver.received}) == 3
        assert deliver() == 0

    @pytest.mark.parametrize("status", [301, 307, 400, 404, 429, 500, 503])
    def test_follows_any_answer_that_is_no_success(
        self, receiver: Receiver, write: Write, deliver: Deliver, stored: Stored, status: int
    ) -> None:
        receiver.answer = lambda request: Answer(status, {"Location": receiver.url + "/elsewhere"})
        id = write(receiver.url)
        deliver()
        assert (stored(id).last_status, stored(id).last_error) == (status, f"the receiver answered {status}")
        assert stored(id).gave_up_at is None
        assert len(receiver.received) == 1

    def test_ends_where_the_receiver_is_gone(
        self, receiver: Receiver, write: Write, deliver: Deliver, stored: Stored, clock: SettableClock
    ) -> None:
        receiver.answer = lambda request: Answer(410)
        id = write(receiver.url)
        deliver()
        assert stored(id).gave_up_at == clock.now()
        clock.advance(timedelta(days=2))
        assert deliver() == 0

    def test_ends_after_a_day(
        self, receiver: Receiver, write: Write, deliver: Deliver, stored: Stored, clock: SettableClock
    ) -> None:
        receiver.answer = lambda request: Answer(500)
        id = write(receiver.url)
        first = clock.now()
        while stored(id).gave_up_at is None:
            clock.advance(stored(id).next_attempt_at - clock.now())
            assert deliver() == 1
            assert clock.now() - first < timedelta(days=2)
        assert 5 <= stored(id).attempts <= 20
        assert deliver() == 0

    def test_waits_longer_each_time_with_jitter(self) -> None:
        dice = random.Random(1)
        for attempt, usual in [(1, 5), (2, 20), (3, 80), (4, 320), (50, LONGEST_WAIT.total_seconds())]:
            waits = [wait_before(attempt, dice).total_seconds() for _ in range(200)]
            assert 0.5 * usual <= min(waits) < 0.6 * usual
            assert 1.4 * usual < max(waits) <= 1.5 * usual


class TestBadReceivers:
    def test_a_private_address_is_refused_and_noted(
        self, receiver: Receiver, write: Write, database: Database, clock: SettableClock, stored: Stored
    ) -> None:
        id = write(receiver.url)
        assert deliver_due(database, clock, Fetcher(), SECRET) == 1
        assert receiver.received == []
        assert stored(id).last_error == "127.0.0.1 leads to a private or local address"

    def test_a_dead_one_is_tried_again(self, write: Write, deliver: Deliver, stored: Stored) -> None:
        id = write("http://127.0.0.1:9/")
        deliver()
        assert stored(id).last_error == "the address could not be reached (ConnectError)"
        assert stored(id).next_attempt_at > stored(id).created_at

    def test_slow_ones_are_waited_for_together(
        self, receiver: Receiver, write: Write, deliver: Deliver, stored: Stored
    ) -> None:
        def answer(request: object) -> Answer:
            time.sleep(0.7)
            return Answer()

        receiver.answer = answer
        ids = [write(receiver.url) for _ in range(8)]
        started = time.monotonic()
        assert deliver() == 8
        assert time.monotonic() - started < 8 * 0.7
        assert all(stored(id).delivered_at for id in ids)

    def test_no_transaction_is_open_while_one_is_waited_for(
        self, receiver: Receiver, write: Write, deliver: Deliver, database: Database
    ) -> None:
        seen: list[int] = []

        def answer(request: object) -> Answer:
            with database.transaction() as session:
                others = "datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
                seen.append(session.execute(text(f"SELECT count(*) FROM pg_stat_activity WHERE {others}")).scalar_one())
            return Answer()

        receiver.answer = answer
        write(receiver.url)
        deliver()
        assert seen == [0]

    def test_one_that_never_stops_talking_has_been_told_all_the_same(
        self, receiver: Receiver, write: Write, deliver: Deliver, stored: Stored
    ) -> None:
        receiver.answer = lambda request: Answer(body=b"x" * 10_000, drip_seconds=0.05)
        id = write(receiver.url)
        deliver()
        assert stored(id).delivered_at is not None

    def test_a_fault_of_ours_with_one_leaves_the_others_marked(
        self, receiver: Receiver, write: Write, database: Database, clock: SettableClock, stored: Stored
    ) -> None:
        class Faulty(Fetcher):
            def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Fetched:
                if "trip" in url:
                    raise RuntimeError("a fault of ours")
                return super().post(url, headers, body)

        trips, arrives = write(receiver.url + "/trip"), write(receiver.url)
        with capture_logs() as said:
            assert deliver_due(database, clock, Faulty(allow_private=True), SECRET) == 2
        assert [line["error"] for line in said if line["event"] == "webhook not sent"] == ["RuntimeError"]
        assert "a fault of ours" not in str(said)
        assert not any("exc_info" in line for line in said)
        assert stored(arrives).delivered_at is not None
        assert stored(trips).last_error == "it could not be sent (RuntimeError)"


class TestRetryAfter:
    @pytest.mark.parametrize("said", ["3600", "date"])
    def test_is_honoured(
        self, receiver: Receiver, write: Write, deliver: Deliver, stored: Stored, clock: SettableClock, said: str
    ) -> None:
        when = format_datetime(clock.now() + timedelta(hours=1), usegmt=True) if said == "date" else said
        receiver.answer = lambda request: Answer(503, {"Retry-After": when})
        id = write(receiver.url)
        deliver()
        assert timedelta(minutes=59) < stored(id).next_attempt_at - clock.now() <= timedelta(hours=1)

    @pytest.mark.parametrize("said", ["", "soon", "-5", "99999999999999", "Mon, 99 Foo"])
    def test_that_is_strange_does_no_harm(
        self, receiver: Receiver, write: Write, deliver: Deliver, stored: Stored, clock: SettableClock, said: str
    ) -> None:
        receiver.answer = lambda request: Answer(503, {"Retry-After": said})
        id = write(receiver.url)
        deliver()
        assert timedelta(0) < stored(id).next_attempt_at - clock.now() <= LONGEST_WAIT


class TestLog:
    def test_has_a_row_for_each_sending(
        self, receiver: Receiver, write: Write, deliver: Deliver, database: Database, clock: SettableClock
    ) -> None:
        receiver.answer = lambda request: Answer(500 if len(receiver.received) < 2 else 204)
        id = write(receiver.url)
        deliver()
        clock.advance(timedelta(hours=1))
        deliver()
        with database.transaction() as session:
            rows = [(row.attempt, row.status, row.error) for row in attempts_of(session, id)]
            assert all(row.seconds >= 0 for row in attempts_of(session, id))
            assert [event.id for event in list_deliveries(session)] == [id]
            assert list_deliveries(session, undelivered=True) == []
        assert rows == [(1, 500, "the receiver answered 500"), (2, 204, None)]


class TestRedelivery:
    def test_sends_the_very_same_again_and_begins_a_new_round(
        self,
        receiver: Receiver,
        write: Write,
        deliver: Deliver,
        stored: Stored,
        database: Database,
        clock: SettableClock,
    ) -> None:
        id = write(receiver.url, status="success")
        deliver()
        clock.advance(timedelta(days=30))
        receiver.answer = lambda request: Answer(500 if len(receiver.received) < 3 else 200)
        with database.transaction() as session:
            redeliver(session, clock, id)
        deliver()
        assert timedelta(0) < stored(id).next_attempt_at - clock.now() < timedelta(seconds=10)
        clock.advance(timedelta(seconds=10))
        deliver()
        assert stored(id).delivered_at == clock.now()
        assert [request.headers["webhook-id"] for request in receiver.received] == [str(id)] * 3
        assert len({request.body for request in receiver.received}) == 1

    def test_of_somebody_elses_event_is_refused(
        self, write: Write, receiver: Receiver, database: Database, clock: SettableClock, account: int
    ) -> None:
        id = write(receiver.url)
        with pytest.raises(NotFound), database.transaction() as session:
            redeliver(session, clock, id, account_id=account + 1)

    def test_wakes_an_address_that_was_gone(
        self,
        receiver: Receiver,
        write: Write,
        deliver: Deliver,
        stored: Stored,
        database: Database,
        clock: SettableClock,
    ) -> None:
        receiver.answer = lambda request: Answer(410)
        write(receiver.url)
        deliver()
        silent = write(receiver.url)
        assert deliver() == 0
        assert "says that it is gone" in (stored(silent).last_error or "")
        assert len(receiver.received) == 1
        receiver.answer = lambda request: Answer(200)
        with database.transaction() as session:
            redeliver(session, clock, silent)
        deliver()
        write(receiver.url)
        assert deliver() == 1
        assert len(receiver.received) == 3
