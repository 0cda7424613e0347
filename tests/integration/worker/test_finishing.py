"""Pictures between the engine and the store: checked, replaced, enlarged; what is said of it, and what it costs."""

import io
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_worker import CLOCK, PATIENCE, final, wait_for, working

from easel.accounts.queries import create_account
from easel.accounts.tables import Account
from easel.artifacts.blobs import BlobStore
from easel.billing import ledger, wallets
from easel.catalogue.seed import seed_catalogue
from easel.db.session import Database
from easel.domain.errors import InvalidRequest
from easel.domain.money import Micros
from easel.domain.request import Extras, GenerationDraft, SecondPass
from easel.engine.fake import FakeRunner, how_reddish
from easel.engine.request import Pixels, WeightsFile
from easel.generations.queries import GenerationView
from easel.generations.submit import submit
from easel.jobs.states import JobState
from easel.jobs.workers import can_check_pictures, list_workers
from easel.worker.finishing import FLAGGED_ABOVE, UNCHECKED, Finishing

MONEY = 1_000_000
PRICE = 4700


@pytest.fixture
def blobs() -> BlobStore:
    return BlobStore("memory:///")


@pytest.fixture
def account(database: Database) -> Account:
    with database.transaction() as session:
        seed_catalogue(session)
        account = create_account(session, CLOCK, "Ada", email=None)
        ledger.credit(session, CLOCK, account.id, Micros(MONEY), key="test money", memo="for tests")
        return account


@pytest.fixture
def drawn(database: Database, account: Account, blobs: BlobStore) -> Callable[..., tuple[GenerationView, list[Pixels]]]:
    names = itertools.count()

    def drawn(extras: Extras, finishing: Finishing | None = None, **asked: Any) -> tuple[GenerationView, list[Pixels]]:
        draft = GenerationDraft(
            **{"model_id": "easel-starter", "prompt": "a red star", "seed": 3} | asked, extras=extras
        )
        with database.transaction() as session:
            generation = submit(session, CLOCK, account, draft, base_url="").id
        with working(database, blobs, FakeRunner(), f"w{next(names)}", finishing=finishing):
            view = wait_for(database, account, generation, final)
        if view.state is not JobState.DONE:
            return view, []
        return view, [pixels_of(blobs, key) for key in view.artifact_keys]

    return drawn


def pixels_of(blobs: BlobStore, key: str) -> Pixels:
    with Image.open(io.BytesIO(blobs.get(key))) as read:
        return np.asarray(read.convert("RGB"))


def test_flagged_pictures_are_replaced_said_and_cost_nothing(database, account, drawn) -> None:
    _, plain = drawn(Extras(), samples=4)
    reddish = [score > FLAGGED_ABOVE for score in how_reddish(plain)]
    assert len(set(reddish)) == 2, "take another seed: this one has no picture of one kind"
    with database.transaction() as session:
        before = wallets.balance(session, account.id)
    view, shown = drawn(Extras(safety="black"), Finishing(classifier=how_reddish), samples=4)
    assert view.flagged == [number for number, is_red in enumerate(reddish) if is_red]
    for was, now, is_red in zip(plain, shown, reddish, strict=True):
        assert not now.any() if is_red else np.array_equal(was, now)
    assert all(f"Picture {number + 1} was flagged" in " ".join(view.notes) for number in view.flagged)
    with database.transaction() as session:
        assert before - wallets.balance(session, account.id) == view.cost == (4 - len(view.flagged)) * PRICE


def test_without_a_checker_the_answer_says_so(drawn) -> None:
    view, _ = drawn(Extras(safety="blur"))
    assert (view.flagged, view.notes) == ([], [UNCHECKED])


def test_a_worker_says_whether_it_can_check_pictures(database, blobs) -> None:
    def can() -> bool:
        with database.transaction() as session:
            return can_check_pictures(session)

    with working(database, blobs, FakeRunner(), "blind"):
        until(lambda: workers_of(database) == {"blind"})
        assert not can()
    with working(database, blobs, FakeRunner(), "eye", finishing=Finishing(classifier=how_reddish)):
        until(can)
    assert not can()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers_of(database: Database) -> set[str]:
    with database.transaction() as session:
        return {worker.id for worker in list_workers(session)}


def test_pictures_that_could_not_be_checked_are_not_delivered(drawn) -> None:
    def broken(pictures: Sequence[Pixels]) -> list[float]:
        raise RuntimeError("a fault of the checker")

    view, _ = drawn(Extras(safety="blur"), Finishing(classifier=broken))
    assert view.state is JobState.FAILED
    assert "could not be checked" in (view.error or "")
    assert view.cost == 0
    view, _ = drawn(Extras(), Finishing(classifier=broken))
    assert view.state is JobState.DONE


def test_an_upscaled_picture_is_larger_and_its_record_says_so(drawn) -> None:
    view, [picture] = drawn(Extras(upscale=3), width=256, height=128)
    assert picture.shape == (384, 768, 3)
    assert view.request.output_size == (768, 384)


def test_a_second_pass_is_one_picture_of_the_larger_size(drawn) -> None:
    view, [picture] = drawn(Extras(second_pass=SecondPass(scale=1.5, strength=0.5)), width=128, height=256, steps=4)
    assert picture.shape == (384, 192, 3)
    assert (view.request.width, view.request.drawn_size) == (128, (192, 384))
    view, [picture] = drawn(Extras(second_pass=SecondPass(grows=False)), width=256, height=512, steps=4)
    assert picture.shape == (512, 256, 3)
    assert view.request.width == 128
    with pytest.raises(InvalidRequest, match="the model draws 512 at most"):
        drawn(Extras(second_pass=SecondPass(scale=4)), width=256, height=256)


def test_a_size_beyond_the_models_is_enlarged_where_that_is_wanted(drawn) -> None:
    view, [picture] = drawn(Extras(), width=1000, height=500, enlarges=True)
    assert picture.shape == (500, 1000, 3)
    width, height = view.request.drawn_size
    assert view.notes == [f"The model does not draw 1000x500; the picture was drawn at {width}x{height} and enlarged."]
    with pytest.raises(InvalidRequest, match="width must be between"):
        drawn(Extras(), width=1000, height=500)
    with pytest.raises(InvalidRequest, match="width must be between"):
        drawn(Extras(), width=2000, height=500, enlarges=True)


def test_an_upscaler_that_fails_costs_nobody_a_picture(drawn, tmp_path) -> None:
    def short(weights: WeightsFile, picture: Pixels, width: int, height: int) -> Pixels:
        raise MemoryError

    request = drawn(Extras(upscale=2))[0].request
    picture = np.zeros((request.height, request.width, 3), np.uint8)
    weights = WeightsFile(name="sharp", file=tmp_path)
    finished = Finishing(enlarge=short).finish(request, {0: picture}, weights)
    assert finished.pictures[0].shape == (2 * request.height, 2 * request.width, 3)
    assert finished.notes == ("upscale: sharp could not be used, so the picture was resampled.",)
