"""What is written into the outbox, and who may take it out."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from easel.accounts.queries import create_account
from easel.db.session import Database
from easel.domain.errors import InvalidRequest
from easel.kit.clock import SettableClock
from easel.webhooks.outbox import LEASE, Outcome, claim_due, enqueue, mark_delivered, mark_failed
from easel.webhooks.tables import WebhookDelivery

URL = "https://example.org/hook"

Enqueue = Callable[..., UUID]


@pytest.fixture
def event(session: Session, clock: SettableClock) -> Enqueue:
    account = create_account(session, clock, "ann")
    return lambda body=None, url=URL: enqueue(session, clock, account.id, url, body or {"status": "success"})


class TestEnqueue:
    def test_an_event_is_due_at_once(self, session: Session, clock: SettableClock, event: Enqueue) -> None:
        id = event({"id": 7, "track_id": "a", "deep": {"list": [1, None, "é"]}})
        (claimed,) = claim_due(session, clock, limit=10)
        assert (claimed.id, claimed.url, claimed.attempts) == (id, URL, 1)
        assert json.loads(claimed.body or "") == {"id": 7, "track_id": "a", "deep": {"list": [1, None, "é"]}}

    @pytest.mark.parametrize(
        "url", ["", "nonsense", "ftp://example.org", "https://user:secret@example.org/", "https://e.org/" + "a" * 3000]
    )
    def test_an_unusable_address_is_refused_without_repeating_it(self, event: Enqueue, url: str) -> None:
        with pytest.raises(InvalidRequest, match="webhook is no usable address") as refusal:
            event(url=url)
        assert refusal.value.field == "webhook"
        assert "secret" not in refusal.value.message

    def test_what_is_rolled_back_is_never_sent(self, database: Database, clock: SettableClock) -> None:
        def interrupted() -> None:
            with database.transaction() as session:
                enqueue(session, clock, create_account(session, clock, "ann").id, URL, {})
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        with database.transaction() as session:
            assert claim_due(session, clock, limit=10) == []


class TestClaim:
    def test_what_is_claimed_is_not_claimed_again_within_the_lease(
        self, session: Session, clock: SettableClock, event: Enqueue
    ) -> None:
        event()
        assert len(claim_due(session, clock, limit=10)) == 1
        clock.advance(LEASE - timedelta(seconds=1))
        assert claim_due(session, clock, limit=10) == []

    def test_what_a_dead_sender_had_is_claimed_after_the_lease(
        self, session: Session, clock: SettableClock, event: Enqueue
    ) -> None:
        event()
        claim_due(session, clock, limit=10)
        clock.advance(LEASE)
        (again,) = claim_due(session, clock, limit=10)
        assert again.attempts == 2

    def test_no_more_than_asked_are_claimed(self, session: Session, clock: SettableClock, event: Enqueue) -> None:
        for _ in range(5):
            event()
        assert [len(claim_due(session, clock, limit=3)) for _ in range(3)] == [3, 2, 0]

    def test_many_senders_share_and_none_gets_anothers(self, database: Database, clock: SettableClock) -> None:
        with database.transaction() as session:
            account = create_account(session, clock, "ann")
            written = {enqueue(session, clock, account.id, URL, {"n": n}) for n in range(100)}

        def claim(_: int) -> list[UUID]:
            with database.transaction() as session:
                return [claimed.id for claimed in claim_due(session, clock, limit=7)]

        with ThreadPoolExecutor(20) as pool:
            taken = [id for ids in pool.map(claim, range(20)) for id in ids]
        assert len(taken) == len(set(taken)) == 100
        assert set(taken) == written


class TestMark:
    def test_what_was_delivered_is_done(self, session: Session, clock: SettableClock, event: Enqueue) -> None:
        event()
        (claimed,) = claim_due(session, clock, limit=1)
        mark_delivered(session, clock, claimed, Outcome(204, None))
        clock.advance(timedelta(days=30))
        assert claim_due(session, clock, limit=1) == []

    def test_what_failed_comes_again_when_said(self, session: Session, clock: SettableClock, event: Enqueue) -> None:
        event()
        (claimed,) = claim_due(session, clock, limit=1)
        retry_at = clock.now() + timedelta(minutes=5)
        mark_failed(session, clock, claimed, Outcome(500, "the receiver answered 500"), retry_at=retry_at)
        session.refresh(claimed)
        assert (claimed.last_status, claimed.last_error) == (500, "the receiver answered 500")
        clock.advance(timedelta(minutes=5) - timedelta(seconds=1))
        assert claim_due(session, clock, limit=1) == []
        clock.advance(timedelta(seconds=1))
        assert len(claim_due(session, clock, limit=1)) == 1

    def test_what_was_given_up_never_comes_again(self, session: Session, clock: SettableClock, event: Enqueue) -> None:
        event()
        (claimed,) = claim_due(session, clock, limit=1)
        mark_failed(session, clock, claimed, Outcome(410, "gone"), retry_at=None)
        clock.advance(timedelta(days=30))
        assert claim_due(session, clock, limit=1) == []
        assert session.scalar(select(func.count()).where(WebhookDelivery.gave_up_at.is_not(None))) == 1

    def test_a_late_failure_does_not_undo_what_another_sender_delivered(
        self, database: Database, clock: SettableClock
    ) -> None:
        """The slow sender's lease ran out; the second one delivered. What the first one says then is old news."""
        with database.transaction() as session:
            enqueue(session, clock, create_account(session, clock, "ann").id, URL, {})
        with database.transaction() as session:
            (slow,) = claim_due(session, clock, limit=1)
        clock.advance(LEASE)
        with database.transaction() as session:
            (quick,) = claim_due(session, clock, limit=1)
            mark_delivered(session, clock, quick, Outcome(200, None))
        with database.transaction() as session:
            mark_failed(session, clock, slow, Outcome(None, "timeout"), retry_at=None)
        with database.transaction() as session:
            stored = session.get_one(WebhookDelivery, quick.id)
            assert (stored.last_status, stored.gave_up_at) == (200, None)
            assert stored.delivered_at is not None
