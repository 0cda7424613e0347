"""What surrounds a picture, over HTTP: the fields, the order they make, and what is answered about it."""

from datetime import timedelta

import pytest
from shop import MONEY, PNG, Shop

from easel.artifacts.store import describe_picture, picture_key
from easel.catalogue.queries import add_model, mark_installed
from easel.catalogue.tables import Model
from easel.domain.money import Micros
from easel.domain.request import GenerationRequest
from easel.generations.finish import finish, generation_of
from easel.generations.queries import view_by_id
from easel.generations.submit import GENERATE
from easel.jobs import queue
from easel.jobs.queue import Lease

PRICE = 4700


def ordered(shop: Shop, id: int) -> GenerationRequest:
    with shop.services.database.transaction() as session:
        return view_by_id(session, shop.clock, id).request


def deliver(shop: Shop, flagged: tuple[int, ...]) -> None:
    with shop.services.database.transaction() as session:
        [job] = queue.claim(
            session, shop.clock, "hand", kind=GENERATE, resident=[], limit=1, idle=True, lease=timedelta(minutes=1)
        )
        generation = generation_of(session, job)
        keys = [picture_key(generation.uuid, index) for index in range(generation.request["samples"])]
        pictures = [
            describe_picture(PNG, index=index, key=key, width=128, height=128, seed=index)
            for index, key in enumerate(keys)
        ]
        finish(session, shop.clock, Lease(job.id, "hand", job.attempts), pictures, flagged=flagged)


@pytest.mark.parametrize("kind", ["blur", "sensitive_content_text", "pixelate", "black"])
def test_a_safety_check_is_ordered_by_its_replacement(shop: Shop, kind: str) -> None:
    answer = shop.submit(safety_checker="yes", safety_checker_type=kind).json()
    assert ordered(shop, answer["id"]).extras.safety == kind
    assert (answer["meta"]["safety_checker"], answer["meta"]["safety_checker_type"]) == ("yes", kind)
    assert "warning" not in answer


def test_nothing_is_checked_unless_it_is_asked(shop: Shop) -> None:
    for asked in ({}, {"safety_checker": "no", "safety_checker_type": "blur"}):
        answer = shop.submit(**asked).json()
        assert ordered(shop, answer["id"]).extras.safety is None
        assert answer["meta"]["safety_checker"] == "no"
    assert shop.submit(safety_checker=True, safety_checker_type="smear").status_code == 400


def test_flagged_pictures_are_told_and_not_paid(shop: Shop) -> None:
    id = shop.submit(safety_checker="yes", samples=3).json()["id"]
    deliver(shop, flagged=(1,))
    answer = shop.post("/api/v6/images/fetch", request_id=id).json()
    assert answer["status"] == "success"
    assert answer["nsfw_content_detected"] is True
    assert shop.money == (MONEY - 2 * PRICE, 0)
    id = shop.submit(safety_checker="yes").json()["id"]
    deliver(shop, flagged=())
    assert "nsfw_content_detected" not in shop.post("/api/v6/images/fetch", request_id=id).json()


@pytest.mark.parametrize(("asked", "times"), [("yes", 2), (3, 3), ("no", 1), ("2", 2), (True, 2)])
def test_pictures_are_enlarged_as_often_as_asked(shop: Shop, asked: object, times: int) -> None:
    answer = shop.submit(upscale=asked).json()
    request = ordered(shop, answer["id"])
    assert request.output_size == (request.width * times, request.height * times)
    assert answer["meta"]["upscale"] == (times if times > 1 else "no")


def test_an_upscaler_that_is_installed_is_used(shop: Shop) -> None:
    with shop.services.database.transaction() as session:
        add_model(
            session,
            Model(
                **{"model_id": "sharp", "kind": "upscaler", "provider": "me", "name": "Sharp", "licence": "none"},
                **{"summary": "", "description": "", "price": Micros(0), "defaults": {}, "limits": {}},
            ),
        )
    assert ordered(shop, shop.submit(upscale=2).json()["id"]).extras.upscaler is None
    with shop.services.database.transaction() as session:
        mark_installed(session, "sharp", "/models/sharp.safetensors")
    assert ordered(shop, shop.submit(upscale=2).json()["id"]).extras.upscaler == "sharp"
    assert ordered(shop, shop.submit().json()["id"]).extras.upscaler is None


def test_a_second_pass_comes_out_at_the_size_that_was_asked(shop: Shop) -> None:
    answer = shop.submit(highres_fix="yes", width=512, height=512).json()
    request = ordered(shop, answer["id"])
    assert (request.width, request.height, request.drawn_size) == (256, 256, (512, 512))
    assert (answer["meta"]["W"], answer["meta"]["highres_fix"]) == (512, "yes")


def test_a_size_that_only_other_models_draw_is_enlarged(shop: Shop) -> None:
    request = ordered(shop, shop.submit(width=1024, height=1024).json()["id"])
    assert request.output_size == (1024, 1024)
    assert max(request.drawn_size) < 1024
    assert shop.submit(width=1032, height=1024).status_code == 400
