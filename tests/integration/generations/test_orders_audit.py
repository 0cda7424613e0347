"""The audit says nothing of a sound installation, and a sentence for each thing that is broken on purpose."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from easel.db.session import Database
from easel.generations.audit import audit
from easel.generations.finish import fail
from easel.generations.tables import Generation
from easel.jobs import queue
from easel.jobs.queue import Lease
from easel.kit.clock import SettableClock


@pytest.fixture
def one_of_each(database: Database, clock: SettableClock, order: Callable[..., Generation]) -> None:
    """A request that failed and told so, one that is drawn, and one that waits."""
    for _ in range(3):
        order(webhook="https://example.org/hook")
    with database.transaction() as session:
        failed, _ = queue.claim(
            session, clock, "w", kind="generate", resident=(), limit=2, idle=True, lease=timedelta(minutes=1)
        )
    with database.transaction() as session:
        fail(session, clock, Lease(failed.id, "w", failed.attempts), "It broke.")


def faults(database: Database, *statements: str) -> list[str]:
    """What the audit says after these, with the guards out of the way."""
    with database.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            session.execute(text(statement))
    with database.transaction() as session:
        return audit(session)


@pytest.mark.usefixtures("one_of_each")
class TestAudit:
    def test_of_a_sound_installation_says_nothing(self, database: Database) -> None:
        assert faults(database) == []

    @pytest.mark.parametrize(
        ("statement", "sentence"),
        [
            ("UPDATE holds SET state = 'held', ended_at = NULL WHERE state = 'released'", "is failed, but its hold"),
            ("UPDATE jobs SET state = 'done', lease_until = NULL WHERE state = 'running'", "is done, but its hold"),
            ("UPDATE jobs SET state = 'done', lease_until = NULL WHERE state = 'running'", "0 pictures instead of 1"),
            ("UPDATE generations SET captured = quoted WHERE captured = 0", "4700 micro-dollars were paid"),
            ("UPDATE generations SET hold_id = (SELECT max(id) FROM holds)", "stands for 3 generations"),
            ("DELETE FROM jobs WHERE state = 'queued'", "has 0 jobs instead of one"),
            ("DELETE FROM generations WHERE id = 1000", "which there is not"),
            ("DELETE FROM webhook_deliveries", "0 webhooks tell of it instead of 1"),
            (
                "INSERT INTO job_events (job_id, from_state, to_state) SELECT min(id), 'done', 'running' FROM jobs",
                "from done to running",
            ),
            ("ALTER TABLE jobs DISABLE TRIGGER jobs_guard_moves", "jobs_guard_moves is missing"),
        ],
    )
    def test_names_what_is_broken(self, database: Database, statement: str, sentence: str) -> None:
        assert any(sentence in fault for fault in faults(database, statement))
