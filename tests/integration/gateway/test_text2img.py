"""Text to image over HTTP: the order, the wait, the answer, the picture, the money."""

import base64
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from shop import MONEY, PNG, TEXT2IMG, Shop

from easel.catalogue.queries import add_model, mark_installed
from easel.catalogue.tables import Model
from easel.db.listener import NotificationHub, Subscription
from easel.gateway.app import create_app
from easel.gateway.dialects.modelslab.paths import DOORS, Operation

PRICE = 4700


def waiting(shop: Shop, act: Callable[[], object], seconds: float = 10.0, **fields: Any) -> dict[str, Any]:
    """Submit through a gateway that waits, and `act` meanwhile."""
    app = create_app(replace(shop.services, wait_seconds=seconds))
    with TestClient(app, base_url="http://easel.test") as client, ThreadPoolExecutor() as threads:
        body = {"key": shop.key, "prompt": "a red star", **fields}
        answer = threads.submit(client.post, TEXT2IMG, json=body)
        while shop.money[1] == 0 and not answer.done():
            time.sleep(0.01)
        act()
        return answer.result(timeout=30).json()


def test_a_request_that_is_drawn_in_time_is_answered_with_its_pictures(shop: Shop) -> None:
    answer = waiting(shop, shop.draw, samples="2", seed=7)
    assert answer["status"] == "success"
    assert answer["generationTime"] == 2.0
    assert isinstance(answer["id"], int)
    assert len(answer["output"]) == 2
    assert answer["proxy_links"] == answer["output"]
    assert answer["meta"]["seed"] == 7
    assert "warning" not in answer
    assert shop.money == (MONEY - 2 * PRICE, 0)


def test_a_request_that_takes_longer_is_processing(shop: Shop) -> None:
    answer = shop.submit(track_id=7).json()
    assert answer["status"] == "processing"
    assert answer["message"] == answer["messege"] == "Try to fetch request after seconds estimated"
    assert answer["eta"] > 0
    assert answer["output"] == []
    assert answer["fetch_result"] == f"http://easel.test/api/v6/images/fetch/{answer['id']}"
    assert answer["meta"]["id"] == str(answer["id"])
    assert answer["meta"]["track_id"] == 7
    assert shop.money == (MONEY - PRICE, PRICE)


class Unheard(NotificationHub):
    """A hub that nobody may wait at."""

    def subscribe(self, channel: str, **wanted: Any) -> Subscription:
        raise AssertionError(f"somebody waits for {wanted}")


def test_an_instant_answer_does_not_wait(shop: Shop) -> None:
    services = replace(shop.services, wait_seconds=20.0, hub=Unheard(shop.services.database.url))
    client = TestClient(create_app(services))  # without its lifespan, which would start the hub
    asked = {"key": shop.key, "prompt": "a red star"}
    assert client.post(TEXT2IMG, json={**asked, "instant_response": "yes"}).json()["status"] == "processing"
    assert client.post(TEXT2IMG, json=asked).status_code == 500, "others do wait"


def test_a_picture_that_fails_says_why_and_costs_nothing(shop: Shop) -> None:
    answer = waiting(shop, lambda: shop.draw(error="The picture came out as noise."))
    assert answer["status"] == "failed"
    assert answer["message"] == "Failed, Try Again"
    assert answer["tip"] == "The picture came out as noise. Nothing was charged."
    assert shop.money == (MONEY, 0)


def test_future_links_become_true(shop: Shop) -> None:
    [link] = shop.submit().json()["future_links"]
    assert shop.client.get(link).status_code == 404
    shop.draw()
    picture = shop.client.get(link)
    assert picture.content == PNG
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert picture.headers["content-disposition"] == "inline"


def test_base64_links_give_base64_text(shop: Shop) -> None:
    answer = shop.submit(base64="yes").json()
    shop.draw()
    [link] = shop.client.get(f"/api/v6/images/fetch/{answer['id']}", params={"key": shop.key}).json()["output"]
    assert link.endswith(".base64")
    text = shop.client.get(link)
    assert base64.b64decode(text.text) == PNG
    assert text.headers["content-type"].startswith("text/plain")


def test_temporary_pictures_stand_under_temp(shop: Shop) -> None:
    [link] = shop.submit(temp=True).json()["future_links"]
    assert "/temp/0-" in link


def test_a_forged_link_is_refused(shop: Shop, subtests: pytest.Subtests) -> None:
    [true] = shop.submit().json()["future_links"]
    shop.draw()
    for forged in (true.replace("/0-", "/1-"), true.replace("/generations/0-", "/generations/1-"), "/files/zz/x"):
        with subtests.test(forged):
            answer = shop.client.get(forged)
            assert answer.status_code == 403
            assert answer.json()["message"].startswith("This link is not valid")


def test_every_path_answers_in_its_own_family(shop: Shop, subtests: pytest.Subtests) -> None:
    doors = [door for door in DOORS if door.operation is Operation.TEXT2IMG]
    assert len(doors) == 12
    for door in doors:
        with subtests.test(door.path):
            answer = shop.post(door.path, prompt="a red star").json()
            assert answer["fetch_result"] == f"http://easel.test{door.fetch}/{answer['id']}"
            assert ("proxy_links" in answer) == door.realtime
            shop.draw()
            fetched = shop.client.post(answer["fetch_result"], json={"key": shop.key}).json()
            assert fetched["status"] == "success"


def test_a_path_without_a_model_says_so(shop: Shop) -> None:
    answer = shop.post("/api/v3/text2img", prompt="a red star", model_id="stable-diffu").json()
    assert answer["meta"]["model_id"] == "easel-starter"
    assert answer["warning"] == "model_id has no effect on this path; easel-starter was used."


def test_public_url_begins_every_link(shop: Shop) -> None:
    app = create_app(replace(shop.services, public_url="https://easel.example/"))
    with TestClient(app) as client:
        answer = client.post(TEXT2IMG, json={"key": shop.key, "prompt": "a red star"}).json()
    assert answer["fetch_result"].startswith("https://easel.example/api/v6/")
    assert answer["future_links"][0].startswith("https://easel.example/files/")


def test_slashes_are_forgiven(shop: Shop, subtests: pytest.Subtests) -> None:
    for path in (TEXT2IMG + "/", "/api//v6/images/text2img", "//api/v6/images/text2img//"):
        with subtests.test(path):
            answer = shop.client.post("http://easel.test" + path, json={"key": shop.key, "prompt": "a red star"})
            assert answer.json()["status"] == "processing"


def test_everything_in_the_query_string(shop: Shop) -> None:
    """What StableDiffusionAPI sends: no body, the key as a header."""
    query = urlencode({"prompt": "a red star", "width": 128, "height": 128, "samples": 1})
    answer = shop.client.post(f"/api/v3/text2img?{query}", headers={"key": shop.key})
    assert answer.json()["status"] == "processing"


def test_a_form(shop: Shop) -> None:
    answer = shop.client.post(TEXT2IMG, data={"key": shop.key, "prompt": "a red star", "width": "128"})
    assert answer.json()["meta"]["W"] == 128


def test_multipart(shop: Shop) -> None:
    answer = shop.client.post(TEXT2IMG, data={"key": shop.key, "prompt": "a red star"}, files={"unknown": b"bytes"})
    assert answer.json()["status"] == "processing"


def test_the_key_as_a_header(shop: Shop, subtests: pytest.Subtests) -> None:
    for headers in ({"key": shop.key}, {"X-API-Key": shop.key}, {"Authorization": f"Bearer {shop.key}"}):
        with subtests.test(next(iter(headers))):
            answer = shop.client.post(TEXT2IMG, json={"prompt": "a red star"}, headers=headers)
            assert answer.json()["status"] == "processing"


def test_meta_reports_what_is_really_used(shop: Shop) -> None:
    meta = shop.submit(
        width="192", height=128.0, steps="7", guidance_scale="3.5", seed="0", scheduler="EulerDiscreteScheduler",
        use_karras_sigmas="yes", negative_prompt="null", model="easel-starter",
    ).json()["meta"]  # fmt: skip
    assert meta["W"] == meta["width"] == 192
    assert meta["H"] == meta["height"] == 128
    assert meta["steps"] == meta["num_inference_steps"] == 7
    assert meta["guidance_scale"] == 3.5
    assert meta["seed"] == 0
    assert meta["scheduler"] == "EulerDiscreteScheduler"
    assert meta["use_karras_sigmas"] == "yes"
    assert meta["negative_prompt"] == ""
    assert meta["model_id"] == "easel-starter"


def test_meta_says_what_is_done_inside_the_network(shop: Shop) -> None:
    switches = dict.fromkeys(("tomesd", "free_u", "self_attention", "panorama"), "no")
    assert switches.items() <= shop.submit().json()["meta"].items()
    answer = shop.submit(tomesd="yes", free_u="yes", self_attention="yes", width=512).json()
    assert answer["meta"].items() >= {**dict.fromkeys(switches, "yes"), "panorama": "no"}.items()
    # Clients of old send tomesd with everything: of a picture of the model's own size nothing is taken for it.
    answer = shop.submit(tomesd="yes", panorama="yes").json()
    assert answer["meta"].items() >= {**switches, "panorama": "yes"}.items()
    assert "warning" not in answer


def test_a_random_seed_is_reported(shop: Shop) -> None:
    seeds = {shop.submit(seed=seed).json()["meta"]["seed"] for seed in (None, "null", "")}
    assert len(seeds) == 3


def test_nothing_is_ignored_in_silence(shop: Shop) -> None:
    answer = shop.submit(watermark="yes", scheduler="KarrasVeScheduler", init_image=["x"]).json()
    for field in ("watermark", "KarrasVeScheduler", "init_image"):
        assert field in answer["warning"]


def test_an_unknown_algorithm_type_is_named(shop: Shop) -> None:
    said = shop.submit(scheduler="DPMSolverMultistepScheduler", algorithm_type="magic").json()["warning"]
    assert said == "algorithm_type magic is not known here; the picture was drawn without it."
    for habit in ("no", "none", "dpmsolver++"):
        answer = shop.submit(scheduler="DPMSolverMultistepScheduler", algorithm_type=habit).json()
        assert "warning" not in answer


def test_a_track_id_comes_back_as_it_was_sent(shop: Shop) -> None:
    assert shop.submit(track_id=" abc ").json()["meta"]["track_id"] == " abc "


def test_a_webhook_may_lead_inside_where_the_operator_lets_it(shop: Shop) -> None:
    app = create_app(replace(shop.services, allow_private_urls=True))
    body = {"key": shop.key, "prompt": "a red star", "webhook": "http://127.0.0.1:9/hook"}
    with TestClient(app) as client:
        assert client.post(TEXT2IMG, json=body).json()["meta"]["webhook"] == body["webhook"]


def test_what_a_client_sends_by_habit_needs_no_word(shop: Shop) -> None:
    answer = shop.submit(
        safety_checker="no", enhance_prompt="no", tomesd="yes", upscale="no", panorama="no", self_attention="no",
        lora_model=None, vae="", embeddings_model="null", clip_skip=1, highres_fix=False, stale_field="x",
    ).json()  # fmt: skip
    assert "warning" not in answer


def test_a_gateway_without_notifications_still_finds_out(shop: Shop) -> None:
    """The hub is not started: looking from time to time is enough."""
    app = create_app(replace(shop.services, wait_seconds=10.0))
    client = TestClient(app)
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(client.post, TEXT2IMG, json={"key": shop.key, "prompt": "a red star"})
        while shop.money[1] == 0:
            time.sleep(0.01)
        shop.draw()
        assert answer.result(timeout=30).json()["status"] == "success"


class TestLoras:
    @pytest.fixture(autouse=True)
    def two(self, shop: Shop) -> None:
        """`2-v1` and `other`, as if they were installed."""
        with shop.services.database.transaction() as session:
            known = mark_installed(session, "2-v1", "/weights/2-v1.safetensors")
            known.family = "sd2"
            same = {"provider": "me", "kind": "lora", "summary": "", "description": "", "licence": ""}
            about = {"family": "sd2", "name": "Other", "price": 9400, "defaults": {}, "limits": {}, "source": None}
            other = add_model(session, Model(model_id="other", **same, **about))
            other.weights = "/weights/other.safetensors"

    @pytest.mark.parametrize(
        ("said", "strengths"),
        [
            ({}, "1,1"),
            ({"lora_strength": 0.5}, "0.5,0.5"),
            ({"lora_strength": "0.5"}, "0.5,0.5"),
            ({"lora_strength": "0.5, -2"}, "0.5,-2"),
            ({"lora_strength": "0.5,"}, "0.5,1"),
            ({"lora_strength": [0.25, 0.75]}, "0.25,0.75"),
        ],
    )
    def test_they_are_drawn_with_and_told(self, shop: Shop, said: dict[str, Any], strengths: str) -> None:
        answer = shop.submit(lora_model="2-v1, other", **said).json()
        assert (answer["meta"]["lora"], answer["meta"]["lora_strength"]) == ("2-v1,other", strengths)
        assert answer["meta"]["model_id"] == "easel-starter"
        assert "warning" not in answer
        assert shop.money == (MONEY - PRICE, PRICE), "included in the price of the checkpoint"

    def test_a_lora_named_alone_is_drawn_on_a_checkpoint_of_its_family_at_its_own_price(self, shop: Shop) -> None:
        answer = shop.submit(model_id="other", lora_model="2-v1", lora_strength=0.5).json()
        meta = answer["meta"]
        assert (meta["model_id"], meta["lora"], meta["lora_strength"]) == ("easel-starter", "other,2-v1", "1,0.5")
        assert shop.money == (MONEY - 9400, 9400)

    def test_one_may_stand_in_the_prompt(self, shop: Shop) -> None:
        meta = shop.post(TEXT2IMG, prompt="a star <lora:2-v1:0.5>", instant_response="yes").json()["meta"]
        assert (meta["prompt"], meta["lora"], meta["lora_strength"]) == ("a star", "2-v1", "0.5")

    def test_a_strength_of_nothing_is_told(self, shop: Shop) -> None:
        assert "lora_strength has an effect with lora_model only" in shop.submit(lora_strength=0.5).json()["warning"]

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"lora_model": "2-v1,2-v1"}, "must name each LoRA once"),
            ({"lora_model": "2-v1", "lora_strength": 2.5}, "lora_strength must be between -2 and 2"),
            ({"lora_model": "2-v1", "lora_strength": "0.1,0.2"}, "lora_strength has 2 numbers"),
            ({"lora_model": "2-v1,a,b,c,d,e"}, "Model not found: a"),
            ({"prompt": "a <lora:nobody:1>"}, "Model not found: nobody"),
        ],
    )
    def test_what_is_wrong_is_told(self, shop: Shop, fields: dict[str, Any], sentence: str) -> None:
        answer = shop.post(TEXT2IMG, **{"prompt": "a star", "instant_response": "yes", **fields})
        assert (answer.status_code, answer.json()["status"]) == (400, "error")
        assert sentence in answer.json()["message"]
        assert shop.money == (MONEY, 0)

    def test_one_of_another_family_is_refused(self, shop: Shop) -> None:
        with shop.services.database.transaction() as session:
            mark_installed(session, "2-v1", "/weights/2-v1.safetensors").family = "sdxl"
        answer = shop.submit(lora_model="2-v1").json()
        assert "for checkpoints of family sdxl, and easel-starter is of family sd2" in answer["message"]
        answer = shop.submit(model_id="2-v1").json()
        assert "no checkpoint that it could be drawn on" in answer["message"]


def test_a_shape_becomes_a_size_where_none_is_said(shop: Shop) -> None:
    def asked(**fields: Any) -> tuple[int, int, str | None]:
        answer = shop.submit(**fields).json()
        shop.cancel(answer["id"])
        return answer["meta"]["W"], answer["meta"]["H"], answer.get("warning")

    wide, high, said = asked(aspect_ratio="16:9")
    assert (wide > high, said) == (True, None)
    assert asked(aspect_ratio="1:4", width=128, height="256") == (
        128,
        256,
        "aspect_ratio has no effect beside width and height.",
    )
    refused = shop.submit(aspect_ratio="wide")
    assert (refused.status_code, refused.json()["message"]) == (400, "aspect_ratio must be a shape, like 16:9")
