"""Pictures from pictures through the whole product: stored inputs, files of the asked format, previews between."""

import io
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from PIL import Image
from test_worker import CLOCK, final, wait_for, working

from easel.accounts.queries import create_account
from easel.accounts.tables import Account
from easel.artifacts.blobs import BlobStore
from easel.artifacts.inputs import KEPT, StoredInput, forget_unused, record_inputs, store_input, store_mask, use_inputs
from easel.catalogue.seed import seed_catalogue
from easel.db.notify import GENERATIONS
from easel.db.session import Database
from easel.domain.errors import InvalidRequest
from easel.domain.request import Extras, GenerationDraft
from easel.engine.fake import FakeRunner
from easel.engine.request import Pixels
from easel.generations.cancel import cancel
from easel.generations.submit import submit
from easel.jobs.states import JobState
from easel.worker.previews import MOST_BYTES, NEWEST_KEPT, small_webp


@pytest.fixture
def blobs() -> BlobStore:
    return BlobStore("memory:///")


@pytest.fixture
def account(database: Database) -> Account:
    with database.transaction() as session:
        seed_catalogue(session)
        return create_account(session, CLOCK, "Ada", email=None, plan="premium")


@pytest.fixture
def picture() -> Pixels:
    across, down = np.meshgrid(np.linspace(0, 255, 128), np.linspace(255, 0, 128))
    return np.stack([across, down, (across + down) / 2], axis=2).astype(np.uint8)


@pytest.fixture
def half() -> Pixels:
    """A mask whose left half is drawn anew."""
    mask = np.zeros((128, 128), dtype=np.uint8)
    mask[:, :64] = 255
    return mask


def png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


@pytest.fixture
def order(database: Database, account: Account) -> Callable[..., int]:
    def order(extras: Extras, inputs: tuple[StoredInput, ...] = (), **asked: Any) -> int:
        draft = GenerationDraft(**{"model_id": "easel-starter", "prompt": "a red star", **asked}, extras=extras)
        with database.transaction() as session:
            return submit(session, CLOCK, account, draft, base_url="", inputs=inputs).id

    return order


def pixels_of(blobs: BlobStore, key: str) -> Pixels:
    with Image.open(io.BytesIO(blobs.get(key))) as read:
        return np.asarray(read.convert("RGB"))


def test_an_inpainted_picture_keeps_what_is_black_in_the_mask(database, account, blobs, order, picture, half) -> None:
    stored = store_input(blobs, png(picture)), store_mask(blobs, png(half))
    extras = Extras(init_image=stored[0].key, mask_image=stored[1].key, strength=0.5, mask_blur=2.0)
    generation = order(extras, stored, samples=2)
    with working(database, blobs, FakeRunner()):
        view = wait_for(database, account, generation, final)
    assert view.state is JobState.DONE
    for key in view.artifact_keys:
        drawn = pixels_of(blobs, key)
        assert np.array_equal(drawn[:, 80:], picture[:, 80:])
        assert not np.array_equal(drawn[:, :48], picture[:, :48])


@pytest.mark.parametrize(("format", "suffix"), [("png", ".png"), ("jpeg", ".jpg"), ("webp", ".webp")])
def test_a_picture_is_a_file_of_the_asked_format(database, account, blobs, order, picture, format, suffix) -> None:
    stored = store_input(blobs, png(picture))
    generation = order(Extras(init_image=stored.key, strength=0.3, output_format=format), (stored,), steps=10)
    runner = FakeRunner()
    with working(database, blobs, runner):
        view = wait_for(database, account, generation, final)
    (key,) = view.artifact_keys
    assert key.endswith(suffix)
    with Image.open(io.BytesIO(blobs.get(key))) as read:
        assert read.format == format.upper()
    assert len(runner.calls) == 3


def test_an_input_of_another_shape_than_asked_is_noted(database, account, blobs, order, picture) -> None:
    stored = store_input(blobs, png(picture[:64]))
    generation = order(Extras(init_image=stored.key), (stored,), width=128, height=128)
    with working(database, blobs, FakeRunner()):
        view = wait_for(database, account, generation, final)
    assert view.notes == ["The input is 128x64; it was scaled and its edges were cut off to make it 128x128."]


def test_an_input_that_is_gone_fails_its_own_request(database, account, blobs, order, picture) -> None:
    stored = store_input(blobs, png(picture))
    bad, good = order(Extras(init_image=stored.key), (stored,)), order(Extras())
    blobs.delete(stored.key)
    with working(database, blobs, FakeRunner()):
        failed, done = (wait_for(database, account, generation, final) for generation in (bad, good))
    assert (failed.state, done.state) == (JobState.FAILED, JobState.DONE)
    assert "send it again" in (failed.error or "")
    assert failed.cost == 0


def test_what_is_cancelled_while_its_input_is_fetched_is_not_drawn(database, account, blobs, order, picture) -> None:
    fetching, gate = threading.Event(), threading.Event()

    class Slow(BlobStore):
        def get(self, key: str) -> bytes:
            if key.startswith("inputs/"):
                fetching.set()
                gate.wait(10)
            return super().get(key)

    slow, runner = Slow("memory:///"), FakeRunner()
    stored = store_input(slow, png(picture))
    generation = order(Extras(init_image=stored.key), (stored,))
    with working(database, slow, runner):
        assert fetching.wait(10)
        with database.transaction() as session:
            cancel(session, CLOCK, account.id, generation)
        view = wait_for(database, account, generation, final)
        gate.set()
    assert view.state is JobState.CANCELLED
    assert list(runner.calls) == []


class TestSubmit:
    def test_names_only_what_is_stored(self, order) -> None:
        with pytest.raises(InvalidRequest, match="init_image is stored no longer"):
            order(Extras(init_image="inputs/0.png"))

    def test_may_name_what_was_used_lately(self, database, order, blobs, picture) -> None:
        stored = store_input(blobs, png(picture))
        order(Extras(init_image=stored.key), (stored,))
        order(Extras(init_image=stored.key))

    def test_prolongs_what_it_names(self, database: Database, blobs: BlobStore, picture: Pixels) -> None:
        used, unused = store_input(blobs, png(picture)), store_input(blobs, png(255 - picture))
        now = CLOCK.now()
        with database.transaction() as session:
            record_inputs(session, (used, unused, used), now - KEPT)
            assert use_inputs(session, [used.key], now) == {used.key: (128, 128)}
        with database.transaction() as session:
            assert forget_unused(session, blobs, now + timedelta(seconds=1)) == 1
        assert blobs.get(used.key)
        with database.transaction() as session:
            assert set(use_inputs(session, [used.key, unused.key], now)) == {used.key}


class TestPreviews:
    def test_are_told_of_and_stored_and_the_newest_outlive_the_drawing(self, database, account, blobs, order) -> None:
        with psycopg.connect(database.url, autocommit=True) as listener:
            listener.execute(f"LISTEN {GENERATIONS}")
            generation = order(Extras(previews=True), steps=40, width=256, height=256)
            with working(database, blobs, FakeRunner(seconds_per_call=0.05)):
                seen = wait_for(database, account, generation, lambda view: view.preview_key is not None)
                with Image.open(io.BytesIO(blobs.get(seen.preview_key))) as preview:
                    assert (preview.format, preview.size) == ("WEBP", (256, 256))
                view = wait_for(database, account, generation, final)
            told = [note.payload for note in listener.notifies(timeout=0.2) if '"preview"' in note.payload]
        assert len(told) >= 2
        assert "preview_key" in told[0]
        assert view.preview_key is None
        # Who heard of it before the end may ask for it after.
        assert blobs.get(json.loads(told[-1])["preview_key"])
        assert 1 <= len(list_folder(blobs, "previews")) <= NEWEST_KEPT

    def test_are_not_made_unasked(self, database, account, blobs, order) -> None:
        generation = order(Extras(), steps=20)
        with working(database, blobs, FakeRunner(seconds_per_call=0.02)):
            view = wait_for(database, account, generation, final)
        assert view.state is JobState.DONE
        assert list_folder(blobs, "previews") == []

    def test_are_small_whatever_they_show(self) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
        data = small_webp(noise, 1024, 768)
        assert len(data) <= MOST_BYTES
        with Image.open(io.BytesIO(data)) as preview:
            assert preview.size == (256, 192)

    def test_left_by_a_worker_that_is_gone_are_swept_up(self, blobs) -> None:
        blobs.put("previews/1-1-x.webp", b"x")
        assert blobs.delete_older("previews", CLOCK.now() - timedelta(hours=1)) == 0
        assert blobs.delete_older("previews", CLOCK.now() + timedelta(hours=1)) == 1
        assert blobs.delete_older("nothing here", CLOCK.now()) == 0


def list_folder(blobs: BlobStore, folder: str) -> list[str]:
    return [found["path"] for chunk in blobs._store.list(prefix=folder) for found in chunk]
