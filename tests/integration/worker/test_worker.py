"""A worker with the fake runner on the real database: what it takes, it delivers, or gives back."""

import hashlib
import io
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from easel.accounts.queries import create_account
from easel.accounts.tables import Account
from easel.artifacts.blobs import BlobStore
from easel.artifacts.store import artifacts_of
from easel.artifacts.thumbnails import thumbhash_of
from easel.catalogue.queries import add_model, mark_installed
from easel.catalogue.seed import seed_catalogue
from easel.catalogue.tables import Model
from easel.db.session import Database
from easel.domain.request import Extras, GenerationDraft
from easel.engine.adapters.hashes import autov3
from easel.engine.engine import Engine
from easel.engine.fake import FakeRunner
from easel.generations.cancel import cancel
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import submit
from easel.jobs import queue
from easel.jobs.states import JobState
from easel.kit.clock import SystemClock
from easel.worker.finishing import Finishing
from easel.worker.worker import Worker

CLOCK = SystemClock()
PATIENCE = 20.0


@pytest.fixture
def blobs() -> BlobStore:
    return BlobStore("memory:///")


@pytest.fixture
def account(database: Database) -> Account:
    with database.transaction() as session:
        seed_catalogue(session)
        return create_account(session, CLOCK, "Ada", email=None, plan="premium")


@pytest.fixture
def order(database: Database, account: Account) -> Callable[..., int]:
    def order(prompt: str = "a red star", **asked: Any) -> int:
        draft = GenerationDraft(model_id="easel-starter", prompt=prompt, **asked)
        with database.transaction() as session:
            return submit(session, CLOCK, account, draft, base_url="").id

    return order


@contextmanager
def working(
    database: Database,
    blobs: BlobStore,
    runner: FakeRunner,
    name: str = "w",
    lease: timedelta = timedelta(seconds=30),
    finishing: Finishing | None = None,
) -> Generator[Worker]:
    worker = Worker(
        name,
        Engine(runner, deterministic=False),
        database=database,
        clock=CLOCK,
        blobs=blobs,
        lease=lease,
        capacity=4,
        device="fake",
        finishing=finishing,
    )
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(timeout=PATIENCE)
        assert not thread.is_alive()


def wait_for(
    database: Database, account: Account, generation_id: int, wanted: Callable[[GenerationView], bool]
) -> GenerationView:
    deadline = time.monotonic() + PATIENCE
    while True:
        with database.transaction() as session:
            view = get_view(session, CLOCK, account.id, generation_id)
        if wanted(view):
            return view
        assert time.monotonic() < deadline, f"still {view.state}"
        time.sleep(0.02)


def final(view: GenerationView) -> bool:
    return view.is_final


def test_it_draws_what_was_asked(
    database: Database, account: Account, blobs: BlobStore, order: Callable[..., int]
) -> None:
    generation = order(samples=3, seed=7)
    with working(database, blobs, FakeRunner()):
        view = wait_for(database, account, generation, final)
    assert view.state is JobState.DONE
    pictures = []
    for index, key in enumerate(view.artifact_keys):
        with Image.open(io.BytesIO(blobs.get(key))) as picture:
            assert picture.size == (view.request.width, view.request.height)
            assert f"Seed: {7 + index}," in picture.info["parameters"]
            pictures.append(np.asarray(picture))
    assert not (pictures[0] == pictures[1]).all()
    with database.transaction() as session:
        hashes = [artifact.thumbhash for artifact in artifacts_of(session, generation)]
    assert hashes == [thumbhash_of(Image.fromarray(picture)) for picture in pictures]


def test_it_draws_with_the_loras_that_were_asked_for(
    database: Database, account: Account, blobs: BlobStore, order: Callable[..., int], tmp_path: Path
) -> None:
    file = tmp_path / "style.safetensors"
    save_file({"lora_unet_conv_in.lora_down.weight": torch.ones(1)}, file)
    with database.transaction() as session:
        mark_installed(session, "2-v1", str(file))
    plain, styled = order(seed=7), order("a red star <lora:2-v1:0.5>", seed=7)
    with working(database, blobs, FakeRunner()):
        views = [wait_for(database, account, generation, final) for generation in (plain, styled)]
    pictures = [Image.open(io.BytesIO(blobs.get(view.artifact_keys[0]))) for view in views]
    assert (np.asarray(pictures[0]) != np.asarray(pictures[1])).any()
    assert f'Lora hashes: "2-v1: {autov3(file)[:12]}"' in pictures[1].info["parameters"]
    assert pictures[1].info["parameters"].startswith("a red star <lora:2-v1:0.5>\n")


def test_it_draws_with_all_that_goes_with_the_checkpoint(
    database: Database, account: Account, blobs: BlobStore, order: Callable[..., int], tmp_path: Path
) -> None:
    file = tmp_path / "my-style.safetensors"
    save_file({"emb_params": torch.ones(1, 192)}, file)
    with database.transaction() as session:
        same = {"provider": "me", "family": "sd2", "summary": "", "description": "", "licence": "", "price": 1}
        for model_id, kind in (("my-style", "embedding"), ("sharp", "vae")):
            more = {"name": model_id, "defaults": {}, "limits": {}, "source": None}
            add_model(session, Model(model_id=model_id, kind=kind, **same, **more)).weights = str(file)
    asked = [
        order(seed=7),
        order("a red star, my-style", seed=7),
        order(seed=7, extras=Extras(vae="sharp")),
        order(seed=7, extras=Extras(clip_skip=2)),
        order(seed=7, extras=Extras(free_u=True, self_attention=0.75)),
        order(seed=7, extras=Extras(panorama=True)),
    ]
    with working(database, blobs, FakeRunner()):
        views = [wait_for(database, account, generation, final) for generation in asked]
    pictures = [Image.open(io.BytesIO(blobs.get(view.artifact_keys[0]))) for view in views]
    assert len({np.asarray(picture).tobytes() for picture in pictures}) == 6
    texts = [picture.info["parameters"] for picture in pictures]
    assert f'TI hashes: "my-style: {hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"' in texts[1]
    assert "VAE: sharp" in texts[2]
    assert "Clip skip: 2" in texts[3]
    assert "freeu_enabled: True, SAG Guidance Enabled: True" in texts[4]
    assert "Panorama window: 256" in texts[5]


def test_requests_in_flight_together_share_ticks(
    database: Database, account: Account, blobs: BlobStore, order: Callable[..., int]
) -> None:
    first, second = order("one", steps=20), order("two", steps=30)
    runner = FakeRunner(seconds_per_call=0.005)
    with working(database, blobs, runner):
        for generation in (first, second):
            assert wait_for(database, account, generation, final).state is JobState.DONE
    assert len(runner.calls) < 50
    assert any(len(call) == 2 for call in runner.calls)


def test_a_failure_ends_its_own_generation_only(
    database: Database, account: Account, blobs: BlobStore, order: Callable[..., int]
) -> None:
    bad, good = order("an undecodable star"), order("a star")
    with working(database, blobs, FakeRunner()):
        failed, done = (wait_for(database, account, generation, final) for generation in (bad, good))
    assert (failed.state, done.state) == (JobState.FAILED, JobState.DONE)
    assert "another seed" in (failed.error or "")


def test_cancelling_stops_at_the_next_step(
    database: Database, account: Account, blobs: BlobStore, order: Callable[..., int]
) -> None:
    generation = order(steps=100)
    runner = FakeRunner(seconds_per_call=0.05)
    with working(database, blobs, runner):
        wait_for(database, account, generation, lambda view: view.state is JobState.RUNNING)
        with database.transaction() as session:
            cancel(session, CLOCK, account.id, generation)
        view = wait_for(database, account, generation, final)
    assert view.state is JobState.CANCELLED
    assert len(runner.calls) < 100


def test_a_worker_that_stops_gives_its_work_back_and_the_next_draws_the_same_picture(
    database: Database, account: Account, blobs: BlobStore, order: Callable[..., int]
) -> None:
    undisturbed, disturbed = order(seed=5, steps=40), order(seed=5, steps=40)
    slow = FakeRunner(seconds_per_call=0.02)
    with working(database, blobs, slow, "first"):
        wait_for(database, account, disturbed, lambda view: view.state is JobState.RUNNING)
    with database.transaction() as session:
        assert get_view(session, CLOCK, account.id, disturbed).state is JobState.QUEUED
        assert queue.job_of(session, "generate", disturbed).attempts == 0
    with working(database, blobs, FakeRunner(), "second"):
        views = [wait_for(database, account, generation, final) for generation in (undisturbed, disturbed)]
    one, other = (blobs.get(view.artifact_keys[0]) for view in views)
    assert one == other


def test_a_silent_workers_job_is_drawn_by_another(
    database: Database, account: Account, blobs: BlobStore, order: Callable[..., int]
) -> None:
    generation = order()
    with database.transaction() as session:  # a worker that claims and is never heard of again
        queue.claim(
            session,
            CLOCK,
            "gone",
            kind="generate",
            resident=(),
            limit=1,
            idle=True,
            lease=timedelta(seconds=1),
        )
    with working(database, blobs, FakeRunner(), lease=timedelta(seconds=1.5)):
        view = wait_for(database, account, generation, final)
    assert view.state is JobState.DONE


def test_pictures_that_cannot_be_stored_fail_and_cost_nothing(
    database: Database, account: Account, order: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk(BlobStore):
        def put(self, key: str, data: bytes) -> None:
            raise OSError("no space left")

    monkeypatch.setattr("easel.worker.deliver.RETRY_SECONDS", (0.01,))
    monkeypatch.setattr("easel.generations.recover.FIRST_PAUSE", timedelta(seconds=0.05))
    generation = order()
    with working(database, FullDisk("memory:///"), FakeRunner()):
        view = wait_for(database, account, generation, final)
    assert (view.state, view.cost, view.attempt) == (JobState.FAILED, 0, queue.MAX_ATTEMPTS)
    assert "could not be stored" in (view.error or "")


def test_a_store_that_comes_back_gets_the_pictures(
    database: Database, account: Account, order: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class AwayForAWhile(BlobStore):
        refusals = 4

        def put(self, key: str, data: bytes) -> None:
            if self.refusals:
                self.refusals -= 1
                raise OSError("no route to the store")
            super().put(key, data)

    monkeypatch.setattr("easel.worker.deliver.RETRY_SECONDS", (0.01,))
    monkeypatch.setattr("easel.generations.recover.FIRST_PAUSE", timedelta(seconds=0.05))
    generation = order()
    with working(database, AwayForAWhile("memory:///"), FakeRunner()):
        view = wait_for(database, account, generation, final)
    assert (view.state, view.attempt) == (JobState.DONE, 3)


def test_a_picture_that_is_short_of_memory_is_tried_once_more_with_nothing_beside_it(
    database: Database,
    account: Account,
    blobs: BlobStore,
    order: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("easel.generations.recover.FIRST_PAUSE", timedelta(seconds=0.05))
    large, other = order("a large star"), order("a star", steps=40, guidance=1)
    with working(database, blobs, FakeRunner(seconds_per_call=0.01, most_rows=1)):
        failed, done = (wait_for(database, account, generation, final) for generation in (large, other))
    assert (failed.state, failed.attempt, done.state) == (JobState.FAILED, 2, JobState.DONE)
    assert "memory" in (failed.error or "")
    assert failed.started_at
    assert done.finished_at
    assert failed.started_at >= done.finished_at


def test_a_clerk_that_breaks_ends_its_worker(database: Database, account: Account, order: Callable[..., int]) -> None:
    def broken() -> list[str]:
        raise RuntimeError("mutated during iteration")

    worker = Worker(
        "w",
        Engine(FakeRunner()),
        database=database,
        clock=CLOCK,
        blobs=BlobStore("memory:///"),
        lease=timedelta(seconds=30),
        capacity=4,
        device="fake",
        resident=broken,
    )
    with pytest.raises(RuntimeError, match="mutated"):
        worker.run()
