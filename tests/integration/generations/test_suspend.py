"""A suspended account draws nothing, holds nothing and is nowhere signed in, whatever happens at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from easel.accounts.keys import authenticate, create_key
from easel.accounts.owner import ensure_owner
from easel.accounts.queries import create_account, get_account, set_role
from easel.accounts.sessions import find_session, open_session
from easel.accounts.tables import Account, Role, Scope
from easel.billing.audit import audit
from easel.billing.wallets import balance, reserved
from easel.db.session import Database
from easel.domain.errors import InvalidRequest, NotAllowed, NotFound
from easel.domain.request import GenerationDraft
from easel.generations.cancel import confirm_cancelled
from easel.generations.queries import list_views
from easel.generations.submit import GENERATE, submit
from easel.generations.suspend import resume, suspend
from easel.generations.tables import Generation
from easel.jobs import queue
from easel.jobs.queue import Lease
from easel.jobs.states import JobState
from easel.kit.clock import SettableClock

START = 10_000_000
DRAFT = GenerationDraft(model_id="easel-starter", prompt="a red star")


@pytest.fixture
def owner(database: Database, clock: SettableClock) -> Account:
    with database.transaction() as session:
        return ensure_owner(session, clock)


@pytest.fixture(autouse=True)
def the_ledger_adds_up(database: Database) -> object:
    yield
    with database.transaction() as session:
        assert audit(session) == []


def close(database: Database, clock: SettableClock, owner: Account, account: Account) -> None:
    with database.transaction() as session:
        suspend(session, clock, owner, account.id)


def test_keys_are_refused_with_a_sentence_and_work_again_afterwards(
    database: Database, clock: SettableClock, owner: Account, account: Account
) -> None:
    with database.transaction() as session:
        _, secret = create_key(session, clock, account.id, "laptop")
    close(database, clock, owner, account)
    with database.transaction() as session, pytest.raises(NotAllowed, match="suspended; ask the operator"):
        authenticate(session, clock, secret, Scope.READ)
    with database.transaction() as session:
        resume(session, clock, owner, account.id)
    with database.transaction() as session:
        assert authenticate(session, clock, secret, Scope.READ).account_id == account.id


def test_browsers_are_signed_out_and_stay_so(
    database: Database, clock: SettableClock, owner: Account, account: Account
) -> None:
    with database.transaction() as session:
        token = open_session(session, clock, account.id)
    close(database, clock, owner, account)
    with database.transaction() as session:
        resume(session, clock, owner, account.id)
        assert find_session(session, clock, token) is None


def test_waiting_pictures_are_cancelled_and_drawn_ones_stopped(
    database: Database, clock: SettableClock, owner: Account, account: Account, order: Callable[..., Generation]
) -> None:
    for _ in range(3):
        order(samples=2)
    with database.transaction() as session:
        [job] = queue.claim(
            session, clock, "w", kind=GENERATE, resident=[], limit=1, idle=True, lease=timedelta(minutes=1)
        )
    close(database, clock, owner, account)
    with database.transaction() as session:
        states = [view.state for view in list_views(session, clock, account.id, limit=9)]
        assert states == [JobState.CANCELLED, JobState.CANCELLED, JobState.RUNNING]
        assert queue.lock(session, job.id).cancel_requested
        confirm_cancelled(session, clock, Lease(job.id, "w", job.attempts))
    with database.transaction() as session:
        assert (balance(session, account.id), reserved(session, account.id)) == (START, 0)


def test_twice_is_once(database: Database, clock: SettableClock, owner: Account, account: Account) -> None:
    close(database, clock, owner, account)
    first = clock.now()
    clock.advance(timedelta(hours=1))
    close(database, clock, owner, account)
    with database.transaction() as session:
        assert get_account(session, account.id).suspended_at == first


@pytest.mark.parametrize(("actor", "target"), [(Role.MEMBER, Role.MEMBER), (Role.ADMIN, Role.ADMIN)])
def test_who_may_not_does_not(database: Database, clock: SettableClock, actor: Role, target: Role) -> None:
    with database.transaction() as session:
        by = create_account(session, clock, "by", role=actor)
        on = create_account(session, clock, "on", role=target)
    for verb in (lambda s: suspend(s, clock, by, on.id), lambda s: resume(s, clock, by, on.id)):
        with database.transaction() as session, pytest.raises(NotAllowed):
            verb(session)
    with database.transaction() as session:
        assert get_account(session, on.id).suspended_at is None


def test_the_owner_is_never_locked_out(database: Database, clock: SettableClock, owner: Account) -> None:
    with database.transaction() as session, pytest.raises(NotAllowed, match="may not do this to the owner"):
        suspend(session, clock, owner, owner.id)


def test_an_account_that_is_not_there(database: Database, clock: SettableClock, owner: Account) -> None:
    with database.transaction() as session, pytest.raises(NotFound):
        suspend(session, clock, owner, 999)


def test_roles_are_changed_by_the_owner_alone(database: Database, clock: SettableClock, owner: Account) -> None:
    with database.transaction() as session:
        admin = create_account(session, clock, "admin", role=Role.ADMIN)
        member = create_account(session, clock, "member")
        assert set_role(session, owner, member.id, Role.ADMIN).role == Role.ADMIN
        assert set_role(session, owner, member.id, Role.MEMBER).role == Role.MEMBER
        for actor, target in ((admin, member), (member, member), (owner, owner)):
            with pytest.raises(NotAllowed):
                set_role(session, actor, target.id, Role.ADMIN)
        with pytest.raises(InvalidRequest, match="has one owner"):
            set_role(session, owner, member.id, Role.OWNER)


def test_no_order_slips_past_a_suspension(
    database: Database, clock: SettableClock, owner: Account, account: Account
) -> None:
    """Orders and the suspension let go together: afterwards nothing is unfinished and nothing is held."""
    start = Barrier(5)

    def ask(_: int) -> str:
        with database.transaction() as session:
            mine = get_account(session, account.id)  # as a request that was let in a moment ago
            start.wait(timeout=30)
            try:
                submit(session, clock, mine, DRAFT, base_url="http://here")
            except NotAllowed:
                return "refused"
        return "ordered"

    def end() -> None:
        with database.transaction() as session:
            session.connection()
            start.wait(timeout=30)
            suspend(session, clock, owner, account.id)

    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(ask, number) for number in range(4)]
        pool.submit(end).result(timeout=30)
        assert {one.result() for one in asked} <= {"ordered", "refused"}
    with database.transaction() as session:
        assert queue.count_unfinished(session, account.id) == 0
        assert (balance(session, account.id), reserved(session, account.id)) == (START, 0)


def test_an_order_of_a_request_let_in_before_the_suspension_is_refused(
    database: Database, clock: SettableClock, owner: Account, account: Account
) -> None:
    with database.transaction() as session:
        mine = get_account(session, account.id)
        close(database, clock, owner, account)
        with pytest.raises(NotAllowed, match="suspended"):
            submit(session, clock, mine, DRAFT, base_url="http://here")
