"""OpenAI's dialect where no picture need be drawn: shapes, errors, bad input."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from asking import Asking
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop import PNG, Shop

from easel.billing.wallets import balance, reserved
from easel.gateway.app import create_app

GENERATIONS = "/v1/images/generations"


@pytest.fixture
def asking(shop: Shop) -> Iterator[Asking]:
    """A server that waits for pictures, and a hand that draws them meanwhile."""
    app = create_app(replace(shop.services, blocking_wait_seconds=20.0))
    with TestClient(app, base_url="http://easel.test") as client:
        yield Asking(shop, client, GENERATIONS)


def test_the_answer(asking: Asking) -> None:
    answer = asking.post(drawn=1, prompt="a red star", n=2)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert [base64.b64decode(one["b64_json"]) for one in said["data"]] == [PNG, PNG]
    assert set(said) == {"created", "background", "output_format", "quality", "size", "data", "usage", "easel"}
    assert said["usage"]["input_tokens_details"] == {"text_tokens": 3, "image_tokens": 0}
    assert len(said["easel"]["seeds"]) == 2


def test_more_than_the_model_draws_at_once_are_several_orders(asking: Asking) -> None:
    said = asking.post(drawn=2, prompt="a red star", n=6).json()
    assert len(said["data"]) == 6
    assert len(said["easel"]["ids"]) == 2
    seeds = said["easel"]["seeds"]
    assert seeds == [(seeds[0] + number) % 2**32 for number in range(6)]


def test_a_failure_has_the_apis_shape_and_costs_nothing(asking: Asking) -> None:
    answer = asking.post(drawn=1, error="The picture came out as not-a-number.", prompt="a red star")
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "message": "The picture came out as not-a-number.",
        "type": "server_error",
        "param": None,
        "code": None,
    }
    with asking.shop.services.database.transaction() as session:
        assert balance(session, asking.shop.account_id) == 1_000_000
        assert reserved(session, asking.shop.account_id) == 0


def test_a_stream_ends_with_the_picture(asking: Asking) -> None:
    answer = asking.post(drawn=1, prompt="a red star", stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data")]
    assert [event["type"] for event in events] == ["image_generation.completed"]
    assert base64.b64decode(events[0]["b64_json"]) == PNG
    assert set(events[0]) >= {"created_at", "background", "output_format", "quality", "size", "usage"}


def test_a_stream_says_what_failed(asking: Asking) -> None:
    answer = asking.post(drawn=1, error="No memory.", prompt="a red star", stream=True)
    assert "event: error" in answer.text
    assert '"message": "No memory."' in answer.text


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({}, 400, "prompt", None),
        ({"prompt": "   "}, 400, "prompt", None),
        ({"prompt": "x", "n": 0}, 400, "n", None),
        ({"prompt": "x", "size": "big"}, 400, "size", None),
        ({"prompt": "x", "output_format": "gif"}, 400, "output_format", None),
        ({"prompt": "x", "partial_images": 4}, 400, "partial_images", None),
        ({"prompt": "x", "model": "nobody"}, 404, "model", "model_not_found"),
        ({"prompt": "x", "model": "2-v1"}, 400, "model", None),
    ],
)
def test_errors_name_the_parameter(
    shop: Shop, fields: dict[str, Any], status: int, param: str, code: str | None
) -> None:
    answer = shop.client.post(GENERATIONS, json=fields, headers={"Authorization": f"Bearer {shop.key}"})
    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert (answer.json()["error"]["param"], answer.json()["error"]["code"]) == (param, code)


def test_an_empty_wallet_and_a_stranger(shop: Shop) -> None:
    with shop.services.database.transaction() as session:
        from easel.billing import ledger
        from easel.domain.money import Micros

        ledger.charge(session, shop.clock, shop.account_id, Micros(1_000_000), "all", "all of it")
    poor = shop.client.post(GENERATIONS, json={"prompt": "x"}, headers={"Authorization": f"Bearer {shop.key}"})
    assert (poor.status_code, poor.json()["error"]["code"]) == (402, "insufficient_quota")
    nobody = shop.client.post(GENERATIONS, json={"prompt": "x"})
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "invalid_api_key")
    assert shop.client.get("/v1/nothing").json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/v1/images/edits", "/v1/images/variations"])
@pytest.mark.parametrize("image", [b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a"])
def test_what_is_no_picture_is_refused(shop: Shop, path: str, image: bytes) -> None:
    answer = shop.client.post(
        path,
        data={"prompt": "a star"},
        files={"image": ("picture.png", image, "image/png")},
        headers={"Authorization": f"Bearer {shop.key}"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "image"


anything = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(max_size=3), max_size=3)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(
        st.sampled_from(
            ["model", "n", "size", "quality", "background", "output_format", "output_compression", "stream"]
        ),
        anything,
        max_size=5,
    )
)
def test_no_field_makes_it_fall_over(shop: Shop, fields: dict[str, Any]) -> None:
    body = json.dumps({"prompt": "\x00", **fields})  # refused at the latest for its prompt: nobody draws here
    answer = shop.client.post(GENERATIONS, content=body, headers={"Authorization": f"Bearer {shop.key}"})
    assert answer.status_code in (400, 404), answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_the_same_key_orders_once(asking: Asking) -> None:
    first = asking.post(drawn=1, idempotency="one", prompt="a red star").json()
    again = asking.post(idempotency="one", prompt="a red star").json()
    assert again["easel"]["ids"] == first["easel"]["ids"]
    assert asking.post(idempotency="one", prompt="another").status_code == 409


def test_a_model_of_unprintable_characters_is_refused(shop: Shop) -> None:
    asked = {"prompt": "a star", "model": "gpt-image\x00"}
    answer = shop.client.post("/v1/images/generations", json=asked, headers={"Authorization": f"Bearer {shop.key}"})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "model"
