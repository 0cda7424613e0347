"""easel doctor, easel webhooks, and what easel ledger audit adds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from easel.accounts.queries import create_account
from easel.catalogue.queries import mark_installed
from easel.db.session import Database
from easel.jobs import queue, workers
from easel.kit.clock import SystemClock
from easel.webhooks.outbox import enqueue

CLOCK = SystemClock()

Easel = Callable[..., str]


@pytest.fixture
def diagnosis(easel: Easel, capsys: pytest.CaptureFixture[str]) -> Callable[[], dict[str, tuple[str, str]]]:
    """What the doctor says of each part, and `exit`: with which code it ended."""

    def examine() -> dict[str, tuple[str, str]]:
        code = "0"
        try:
            said = easel("doctor", "--json")
        except SystemExit as ended:
            code, said = str(ended.code), capsys.readouterr().out
        findings: list[Any] = json.loads(said)
        return {one["part"]: (one["grade"], one["sentence"]) for one in findings} | {"exit": (code, "")}

    return examine


Diagnosis = Callable[[], dict[str, tuple[str, str]]]


@pytest.fixture
def installation(easel: Easel, database: Database, tmp_path: Path) -> None:
    """One that has started once, with a model and a worker."""
    easel("keys", "list")
    with database.transaction() as session:
        mark_installed(session, "easel-starter", "package:easel-starter")
        workers.register(session, CLOCK, "w", host="here", pid=1, device="fake")


@pytest.mark.usefixtures("installation")
class TestDoctor:
    def test_finds_nothing_wrong_with_a_sound_installation(self, diagnosis: Diagnosis) -> None:
        found = diagnosis()
        assert [part for part, (grade, _) in found.items() if grade == "wrong"] == []
        assert found["exit"] == ("0", "")
        for part in ("data folder", "secret", "store", "database", "clock", "tables", "models", "workers", "queue"):
            assert part in found

    def test_speaks_to_people_in_lines(self, easel: Easel) -> None:
        assert "good      database: PostgreSQL" in easel("doctor")

    def test_names_weights_that_are_gone(self, diagnosis: Diagnosis, database: Database) -> None:
        with database.transaction() as session:
            session.execute(text("UPDATE models SET weights = '/nowhere' WHERE model_id = 'easel-starter'"))
        found = diagnosis()
        assert found["models"][0] == "wrong"
        assert "/nowhere" in found["models"][1]
        assert found["exit"] == ("1", "")

    def test_sees_that_requests_wait_for_nobody(self, diagnosis: Diagnosis, database: Database) -> None:
        with database.transaction() as session:
            account = create_account(session, CLOCK, "ann")
            queue.enqueue(session, CLOCK, kind="generate", subject_id=1, account_id=account.id, model_id="m")
            workers.mark_stopped(session, CLOCK, "w")
        found = diagnosis()
        assert found["workers"][0] == "wrong"
        assert "1 requests wait" in found["workers"][1]

    def test_sees_a_worker_that_is_silent(self, diagnosis: Diagnosis, database: Database) -> None:
        with database.transaction() as session:
            session.execute(text("UPDATE workers SET heartbeat_at = now() - interval '1 hour'"))
        assert "not heard of" in diagnosis()["workers"][1] or "none runs" in diagnosis()["workers"][1]

    def test_sees_another_secret(
        self, diagnosis: Diagnosis, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EASEL_SECRET", "another " * 8)
        assert "belongs to an installation with another one" in diagnosis()["secret"][1]

    def test_sees_a_secret_that_others_can_read(self, diagnosis: Diagnosis, tmp_path: Path) -> None:
        (tmp_path / "data" / "secret").chmod(0o644)
        assert "chmod 600" in diagnosis()["secret"][1]

    def test_sees_tables_of_another_version(self, diagnosis: Diagnosis, database: Database) -> None:
        with database.transaction() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '0008'"))
        assert "at version 0008" in diagnosis()["tables"][1]

    def test_sees_a_store_that_is_none(self, diagnosis: Diagnosis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EASEL_STORAGE_URL", "file:///proc/nowhere")
        assert diagnosis()["store"][0] == "wrong"

    def test_sees_a_public_url_that_leads_elsewhere(
        self, diagnosis: Diagnosis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EASEL_PUBLIC_URL", "http://127.0.0.1:9")
        assert "nothing answers" in diagnosis()["public URL"][1]

    def test_sees_webhooks_that_were_given_up(self, diagnosis: Diagnosis, database: Database) -> None:
        with database.transaction() as session:
            enqueue(session, CLOCK, create_account(session, CLOCK, "ann").id, "https://example.org", {})
            session.execute(text("UPDATE webhook_deliveries SET gave_up_at = now()"))
        assert "1 were given up" in diagnosis()["webhooks"][1]


def test_a_database_that_is_away_is_said_and_the_rest_is_looked_at(
    diagnosis: Diagnosis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_DATABASE_URL", "postgresql://postgres:@/nowhere?host=/nonexistent")
    found = diagnosis()
    assert found["database"][0] == "wrong"
    assert "torch" in found


def test_webhooks_are_listed_and_sent_again(easel: Easel, database: Database) -> None:
    easel("keys", "list")
    with database.transaction() as session:
        account = create_account(session, CLOCK, "ann")
        id = enqueue(session, CLOCK, account.id, "https://example.org/hook", {"status": "success"})
        session.execute(text("UPDATE webhook_deliveries SET delivered_at = now()"))
    assert str(id) in easel("webhooks", "list", "--account", "ann")
    assert str(id) not in easel("webhooks", "list", "--undelivered")
    assert "sent to https://example.org/hook again" in easel("webhooks", "redeliver", str(id))
    assert str(id) in easel("webhooks", "list", "--undelivered")
    assert "Try" in easel("webhooks", "attempts", str(id))
    assert "There is no webhook" in easel("webhooks", "redeliver", "00000000-0000-0000-0000-000000000000")


def test_the_audit_looks_at_requests_as_well(
    easel: Easel, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "every request was paid for if" in easel("ledger", "audit")
    with database.transaction() as session:
        account = create_account(session, CLOCK, "ann")
        queue.enqueue(session, CLOCK, kind="generate", subject_id=7, account_id=account.id, model_id="m")
    with pytest.raises(SystemExit):
        easel("ledger", "audit")
    assert "is about generation 7, which there is not" in capsys.readouterr().err
