"""Models that were asked for over HTTP, carried out as a worker does: by a process of its own."""

import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from receiver import Answer, Receiver
from safetensors.torch import save
from sqlalchemy import select

from easel.accounts.queries import create_account
from easel.accounts.tables import Role
from easel.catalogue import loads
from easel.catalogue.loads import LoadState, Wanted
from easel.catalogue.queries import mark_installed
from easel.catalogue.seed import seed_catalogue
from easel.catalogue.tables import Model, ModelLoad
from easel.cli.loads import command
from easel.db import leased
from easel.db.leased import MOST_ATTEMPTS
from easel.db.session import Database
from easel.generations.loading import ask_for_model, finish_load
from easel.kit.clock import SettableClock, SystemClock
from easel.webhooks.tables import WebhookDelivery
from easel.worker.loads import carry_out_next, let_go_of_replaced

CLOCK = SystemClock()
HOOK = "https://hooks.example/load"


@pytest.fixture
def data(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the process finds in its environment."""
    monkeypatch.setenv("EASEL_DATABASE_URL", database.url)
    monkeypatch.setenv("EASEL_DATA", str(tmp_path))
    monkeypatch.setenv("EASEL_ALLOW_PRIVATE_URLS", "true")
    return tmp_path


def ask(database: Database, source: str, model_id: str = "my-style") -> None:
    with database.transaction() as session:
        operator = create_account(session, CLOCK, source, role=Role.ADMIN)
        wanted = Wanted(model_id=model_id, kind="embedding", source=source)
        ask_for_model(session, CLOCK, operator, wanted, webhook=HOOK, anew=False)


def came_to(database: Database, model_id: str = "my-style") -> tuple[LoadState, str | None]:
    with database.transaction() as session:
        load = loads.latest(session, model_id)
        assert load
        return loads.state_of(load), load.error


def weights_of(database: Database, model_id: str = "my-style") -> Path:
    with database.transaction() as session:
        return Path(str(session.get_one(Model, model_id).weights))


def test_a_file_at_an_address_is_fetched_examined_and_installed(
    database: Database, data: Path, receiver: Receiver
) -> None:
    answers = {
        "/a.safetensors": Answer(body=save({"emb_params": torch.zeros(3, 1024)})),
        "/b.safetensors": Answer(body=save({"what": torch.zeros(3)})),
        "/download": Answer(body=b"PK\x03\x04 an archive of pickles"),
    }
    receiver.answer = lambda request: answers[request.path]
    ask(database, f"{receiver.url}/a.safetensors")
    ask(database, f"{receiver.url}/b.safetensors", "no-style")
    ask(database, f"{receiver.url}/download", "a-pickle")
    while carry_out_next(database, CLOCK, command, threading.Event()):
        pass
    assert came_to(database) == (LoadState.LOADED, None)
    assert came_to(database, "no-style")[0] is LoadState.FAILED
    assert "is a pickle, which can run code" in str(came_to(database, "a-pickle")[1])
    with database.transaction() as session:
        model = session.get_one(Model, "my-style")
        assert (model.kind, model.family) == ("embedding", "sd2")
        assert Path(str(model.weights)).parent == data / "models" / "my-style"
        assert Path(str(model.weights)).is_file()
        assert session.get(Model, "a-pickle") is None
        told = session.scalars(select(WebhookDelivery)).all()
        assert sorted('"status":"success"' in str(event.body) for event in told) == [False, False, True]
    assert [path.parent.name for path in (data / "models").rglob("*.*")] == ["my-style"], "what failed leaves nothing"


def test_replaced_weights_go_after_a_day_and_old_loads_after_a_month(
    database: Database, data: Path, receiver: Receiver
) -> None:
    answers = {f"/{size}.safetensors": Answer(body=save({"emb_params": torch.zeros(size, 1024)})) for size in (1, 2)}
    receiver.answer = lambda request: answers[request.path]
    later = SettableClock(CLOCK.now())
    for size in (1, 2):
        ask(database, f"{receiver.url}/{size}.safetensors")
        assert carry_out_next(database, CLOCK, command, threading.Event())
    old, new = sorted((data / "models" / "my-style").iterdir(), key=lambda file: file.stat().st_size)
    assert weights_of(database) == new

    def files_after(time: timedelta) -> list[Path]:
        later.advance(time)
        let_go_of_replaced(database, later)
        return sorted((data / "models" / "my-style").iterdir())

    assert files_after(timedelta(hours=23)) == sorted([old, new])
    assert files_after(timedelta(hours=2)) == [new]
    assert files_after(loads.KEPT) == [new]
    with database.transaction() as session:
        loads.forget_old(session, later)
        [load] = session.scalars(select(ModelLoad))
        assert str(load.wanted["source"]).endswith("/2.safetensors"), "the last one says that the model is loaded"


def test_weights_that_a_model_has_again_stay(database: Database, tmp_path: Path) -> None:
    weights = tmp_path / "again.safetensors"
    weights.touch()
    ask(database, "https://models.example/a.safetensors")
    with database.transaction() as session:
        seed_catalogue(session)
        mark_installed(session, "stable-diffu", str(weights))
        load = leased.claim(session, CLOCK, ModelLoad)
        assert load
        finish_load(session, CLOCK, load.id, load.attempts, replaced=str(weights))
    let_go_of_replaced(database, SettableClock(CLOCK.now() + timedelta(days=2)))
    assert weights.exists()
    with database.transaction() as session:
        assert session.scalars(select(ModelLoad.replaced)).one() is None


def test_failed_loads_go_after_a_month(database: Database) -> None:
    ask(database, "https://models.example/a.safetensors")
    ask(database, "https://models.example/b.safetensors", "another")
    with database.transaction() as session:
        load = leased.claim(session, CLOCK, ModelLoad)
        assert load
        finish_load(session, CLOCK, load.id, load.attempts, "the address is away")
        loads.forget_old(session, SettableClock(CLOCK.now() + loads.KEPT - timedelta(minutes=1)))
        assert len(session.scalars(select(ModelLoad)).all()) == 2
        loads.forget_old(session, SettableClock(CLOCK.now() + loads.KEPT + timedelta(minutes=1)))
        assert session.scalars(select(ModelLoad.model_id)).all() == ["another"], "which waits"


def test_a_process_that_dies_is_not_tried_for_ever(database: Database) -> None:
    ask(database, "https://models.example/a.safetensors")
    begun: list[int] = []

    def dies(number: int, attempt: int) -> list[str]:
        begun.append(attempt)
        return [sys.executable, "-c", "raise SystemExit(1)"]

    while carry_out_next(database, CLOCK, dies, threading.Event()):
        pass
    assert begun == list(range(1, MOST_ATTEMPTS + 1))
    state, error = came_to(database)
    assert (state, "lost with its worker 3 times" in str(error)) == (LoadState.FAILED, True)


def test_a_worker_that_stops_lays_it_down_for_the_next(database: Database) -> None:
    ask(database, "https://models.example/a.safetensors")
    stopping = threading.Event()

    def waits(number: int, attempt: int) -> list[str]:
        stopping.set()
        return [sys.executable, "-c", "import time; time.sleep(600)"]

    assert carry_out_next(database, CLOCK, waits, stopping) is False
    assert came_to(database) == (LoadState.WAITING, None)
    with database.transaction() as session:
        load = leased.claim(session, CLOCK, ModelLoad)
        assert load
        assert load.attempts == 1, "an attempt that was broken off on purpose does not count"
