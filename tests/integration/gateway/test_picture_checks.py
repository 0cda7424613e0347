"""nsfw_image_check on the wire: who may ask, what is looked at, what is answered, and what becomes of it."""

import asyncio
import base64
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from shop import Shop
from sqlalchemy import func, select

from easel.accounts.attempts import take
from easel.accounts.keys import create_key
from easel.accounts.tables import Scope
from easel.artifacts.checks import KEPT
from easel.artifacts.tables import PictureCheck
from easel.db import leased
from easel.db.listener import NotificationHub
from easel.db.notify import CHECKS
from easel.engine.fake import how_reddish
from easel.engine.request import Pixels
from easel.gateway.app import create_app
from easel.gateway.dialects.modelslab.paths import ENTERPRISE
from easel.generations.checking import MOST_CHECKS
from easel.generations.expire import Keep
from easel.generations.janitor import clean
from easel.jobs import workers
from easel.worker.checks import check_next, checking

PATH = "/api/v3/nsfw_image_check"


def picture(red: int = 180, green: int = 120, format: str = "PNG") -> bytes:
    """Of the score red / (red + green) to the fake checker."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (red, green, 0)).save(file, format=format)
    return file.getvalue()


def as_uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def watched(shop: Shop) -> Shop:
    """The shop, with a worker that has a checker; its hand is `look`."""
    with shop.services.database.transaction() as session:
        workers.register(session, shop.clock, "eye", host="here", pid=1, device="fake", checks_pictures=True)
    return shop


def look(shop: Shop, classifier: Any = how_reddish) -> bool:
    return check_next(shop.services.database, shop.clock, shop.services.blobs, classifier)


def rows(shop: Shop) -> int:
    with shop.services.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(PictureCheck)) or 0


def refused(answer: Any, status: int, sentence: str) -> None:
    assert (answer.status_code, answer.json()["status"]) == (status, "error"), answer.text
    assert sentence in answer.json()["message"]
    assert answer.json()["message"] == answer.json()["messege"]


def test_where_nobody_can_look_the_answer_says_so_at_once(shop: Shop) -> None:
    sentence = "Feature not available: no worker of this installation has a safety checker; an operator sets EASEL_"
    refused(shop.post(PATH, init_image=as_uri(picture())), 403, sentence)
    with shop.services.database.transaction() as session:
        workers.register(session, shop.clock, "eye", host="here", pid=1, device="fake", checks_pictures=True)
        workers.register(session, shop.clock, "hand", host="here", pid=2, device="fake")
        workers.mark_stopped(session, shop.clock, "eye")
    refused(shop.post(PATH, init_image=as_uri(picture())), 403, sentence)
    assert rows(shop) == 0


def test_every_door_takes_every_kind_of_body(watched: Shop, subtests: pytest.Subtests) -> None:
    def ask(path: str, number: int, kind: str) -> Any:
        data = picture(100 + number)
        form = {"key": watched.key, "threshold": "0.5"}
        if kind == "a file":
            return watched.client.post(path, data=form, files={"init_image": ("a.png", data, "image/png")})
        if kind == "a form":
            return watched.client.post(path, data={**form, "init_image": as_uri(data)})
        text = base64.b64encode(data).decode()
        return watched.post(path, init_image=as_uri(data) if kind == "a data URI" else text, threshold="0.5")

    for number, (path, kind) in enumerate(
        ((PATH, "a data URI"), (f"{ENTERPRISE[0]}/nsfw_image_check", "base64 text"), (PATH, "a file"),
         (f"{ENTERPRISE[1]}/nsfw_image_check", "a form"))
    ):  # fmt: skip
        with subtests.test(path, kind=kind):
            refused(ask(path, number, kind), 503, "has not been checked yet; send it again")
            assert look(watched)
            answer = ask(path, number, kind).json()
            assert list(answer) == ["images", "has_nsfw_concept"]
            assert answer["has_nsfw_concept"] == [100 + number > 120]
            shown = Image.open(io.BytesIO(watched.client.get(answer["images"]).content))
            assert shown.getpixel((0, 0)) == (100 + number, 120, 0)
    assert not look(watched)


def test_the_threshold_is_the_askers_and_the_picture_is_looked_at_once(watched: Shop) -> None:
    watched.post(PATH, init_image=as_uri(picture()))
    look(watched)
    for threshold, flagged in ((None, True), (0.59, True), ("0.61", False), (0, True), (1, False)):
        answer = watched.post(PATH, init_image=as_uri(picture()), threshold=threshold).json()
        assert answer["has_nsfw_concept"] == [flagged], threshold
    assert rows(watched) == 1


def test_a_link_of_our_own_is_followed(watched: Shop) -> None:
    link = watched.post("/api/v6/base64_to_url", base64_string=as_uri(picture())).json()["output"][0]
    watched.post(PATH, init_image=[link])
    look(watched)
    assert watched.post(PATH, init_image=link).json()["has_nsfw_concept"] == [True]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "init_image is required"),
    ({"init_image": "nonsense!"}, "init_image is neither an address"),
    ({"init_image": as_uri(b"<svg xmlns='http://www.w3.org/2000/svg'/>")}, "init_image is an SVG drawing"),
    ({"init_image": as_uri(picture()[:60])}, "init_image is damaged or cut short"),
    ({"init_image": "http://127.0.0.1:9/a.png"}, "private or local address"),
    ({"init_image": "http://169.254.169.254/latest/meta-data"}, "private or local address"),
    ({"init_image": as_uri(picture()), "threshold": 1.5}, "threshold must be between 0 and 1"),
    ({"init_image": as_uri(picture()), "threshold": "NaN"}, "threshold"),
    ({"init_image": as_uri(picture()), "threshold": "high"}, "threshold"),
]


def test_what_is_wrong(watched: Shop, subtests: pytest.Subtests) -> None:
    for fields, sentence in WRONG:
        with subtests.test(sentence):
            refused(watched.post(PATH, **fields), 400, sentence)
    assert rows(watched) == 0


def test_who_may_ask_and_how_often(watched: Shop) -> None:
    asked = {"init_image": as_uri(picture())}
    refused(watched.client.post(PATH, json={"key": "sk-nobody", **asked}), 401, "Invalid API key")
    with watched.services.database.transaction() as session:
        _, reader = create_key(session, watched.clock, watched.account_id, "reader", [Scope.READ])
        for _ in range(MOST_CHECKS.at_once):
            take(session, watched.clock, MOST_CHECKS, watched.account_id)
    refused(watched.client.post(PATH, json={"key": reader, **asked}), 403, "this needs generate")
    refused(watched.post(PATH, **asked), 429, "tried too often")
    watched.clock.advance(timedelta(seconds=1))
    refused(watched.post(PATH, **asked), 503, "send it again")


def test_what_cannot_be_looked_at_is_said_and_may_be_asked_again(watched: Shop) -> None:
    def broken(pictures: Sequence[Pixels]) -> list[float]:
        raise RuntimeError("a fault of the checker")

    asked = {"init_image": as_uri(picture())}
    with TestClient(create_app(replace(watched.services, wait_seconds=20.0)), base_url="http://easel.test") as client:
        with checking(watched.services.database, watched.clock, watched.services.blobs, broken, look_seconds=0.02):
            answer = client.post(PATH, json={"key": watched.key, **asked})
        refused(answer, 503, "could not be checked by safety_checker: try again")
        with checking(watched.services.database, watched.clock, watched.services.blobs, how_reddish, look_seconds=0.02):
            answer = client.post(PATH, json={"key": watched.key, **asked})
        assert answer.json()["has_nsfw_concept"] == [True]
    assert rows(watched) == 2


def test_whoever_waits_is_woken(watched: Shop) -> None:
    watched.post(PATH, init_image=as_uri(picture()))

    async def hear() -> Any:
        hub = NotificationHub(watched.services.database.url)
        await hub.start()
        await asyncio.wait_for(hub.listening.wait(), 15)
        with hub.subscribe(CHECKS) as news:
            await asyncio.to_thread(look, watched)
            heard = await news.next(15)
        await hub.stop()
        return heard

    heard = asyncio.run(hear())
    with watched.services.database.transaction() as session:
        assert heard == {"check": session.scalars(select(PictureCheck.id)).one()}


def test_what_is_lost_with_its_worker_is_taken_up_again_and_at_last_given_up(watched: Shop) -> None:
    asked = {"init_image": as_uri(picture())}
    watched.post(PATH, **asked)
    for _ in range(leased.MOST_ATTEMPTS):
        with watched.services.database.transaction() as session:
            assert leased.claim(session, watched.clock, PictureCheck)
        assert not look(watched), "it is in somebody's hands"
        watched.clock.advance(leased.LEASE * 2)
    assert not look(watched)
    with watched.services.database.transaction() as session:
        check = session.scalars(select(PictureCheck)).one()
        assert "lost with its worker 3 times" in str(check.error)
        assert check.finished_at


def test_a_picture_that_is_gone_ends_its_check(watched: Shop) -> None:
    watched.post(PATH, init_image=as_uri(picture()))
    with watched.services.database.transaction() as session:
        watched.services.blobs.delete(session.scalars(select(PictureCheck.key)).one())
    assert look(watched)
    with watched.services.database.transaction() as session:
        assert "stored no longer" in str(session.scalars(select(PictureCheck.error)).one())


def test_an_answer_is_kept_for_an_hour(watched: Shop) -> None:
    services = watched.services
    watched.post(PATH, init_image=as_uri(picture()))
    look(watched)
    watched.clock.advance(KEPT - timedelta(minutes=1))
    clean(services.database, watched.clock, services.blobs, Keep())
    assert rows(watched) == 1
    watched.clock.advance(timedelta(minutes=1))
    refused(watched.post(PATH, init_image=as_uri(picture())), 503, "send it again")
    clean(services.database, watched.clock, services.blobs, Keep())
    assert rows(watched) == 1, "the new one"
