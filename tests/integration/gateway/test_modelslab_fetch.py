"""Fetch in all its forms, and the small routes."""

import json
from typing import Any

import pytest
from shop import Shop

from easel.accounts.keys import create_key
from easel.accounts.queries import create_account
from easel.gateway.dialects.modelslab.paths import FETCH, MODEL_LIST

FETCH_ID = "/api/v6/images/fetch/{}"


def fetch_in_every_form(shop: Shop, generation_id: object) -> list[dict[str, Any]]:
    key = {"key": shop.key}
    answers = [
        shop.client.post(FETCH_ID.format(generation_id), json=key),
        shop.client.get(FETCH_ID.format(generation_id), params=key),
        shop.client.get(FETCH_ID.format(generation_id), headers=key),
        *(shop.client.post(path, json={**key, "request_id": generation_id}) for path in FETCH),
        *(shop.client.post(path, json={**key, "request_id": str(generation_id)}) for path in FETCH),
    ]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


def test_done(shop: Shop) -> None:
    submitted = shop.submit(samples=2).json()
    generation_id = shop.draw()
    for answer in fetch_in_every_form(shop, generation_id):
        assert answer["status"] == "success"
        assert answer["id"] == generation_id
        assert answer["output"] == submitted["future_links"]


def test_still_processing(shop: Shop) -> None:
    generation_id = shop.submit().json()["id"]
    for answer in fetch_in_every_form(shop, generation_id):
        assert answer["status"] == "processing"
        assert answer["message"] == answer["messege"] == "try again later."
        assert answer["output"] == []
        assert answer["eta"] > 0


def test_unknown(shop: Shop, subtests: pytest.Subtests) -> None:
    for unknown in (999, 0, -1, "2", 2**63 - 1, "abc", "1.5", "../x", "%00", "\uff11"):
        with subtests.test(unknown=unknown):
            answer = shop.post("/api/v6/images/fetch", request_id=unknown)
            assert (answer.status_code, answer.json()["status"]) == (200, "failed")
            assert answer.json()["message"] == "Request not found"


def test_what_cannot_be_an_id(shop: Shop, subtests: pytest.Subtests) -> None:
    for wrong in (2**63, 1.5, float("nan"), [1], {}, True, "x" * 300):
        with subtests.test(wrong=wrong):
            body = json.dumps({"key": shop.key, "request_id": wrong})
            answer = shop.client.post("/api/v6/images/fetch", content=body)
            assert (answer.status_code, answer.json()["status"]) == (400, "error")
            assert answer.json()["message"].startswith("request_id ")


def test_unknown_in_the_path(shop: Shop, subtests: pytest.Subtests) -> None:
    for unknown in ("999", "0", "-1", str(2**63), "9" * 500, "abc", "%00"):
        with subtests.test(unknown=unknown):
            answer = shop.post(FETCH_ID.format(unknown))
            assert (answer.status_code, answer.json()["message"]) == (200, "Request not found")


def test_failed(shop: Shop) -> None:
    shop.submit()
    for answer in fetch_in_every_form(shop, shop.draw(error="The picture came out as noise.")):
        assert answer["status"] == "failed"
        assert answer["message"] == "Failed, Try Again"
        assert "noise" in answer["tip"]


def test_cancelled(shop: Shop) -> None:
    generation_id = shop.submit().json()["id"]
    shop.cancel(generation_id)
    assert shop.post(FETCH_ID.format(generation_id)).json()["tip"] == "The request was cancelled; nothing was charged."


def test_somebody_elses_request_is_unknown(shop: Shop) -> None:
    generation_id = shop.submit().json()["id"]
    with shop.services.database.transaction() as session:
        other = create_account(session, shop.clock, "Bob")
        _, key = create_key(session, shop.clock, other.id, "test")
    answer = shop.client.post(FETCH_ID.format(generation_id), json={"key": key})
    assert answer.json()["message"] == "Request not found"


def test_fetch_without_an_id(shop: Shop) -> None:
    answer = shop.post("/api/v6/images/fetch")
    assert answer.status_code == 400
    assert answer.json()["message"] == "request_id is required"


def test_without_a_key(shop: Shop, subtests: pytest.Subtests) -> None:
    for path in (*FETCH, *MODEL_LIST, "/api/v6/images/fetch/1", "/api/wallet_balance"):
        with subtests.test(path):
            answer = shop.client.post(path)
            assert (answer.status_code, answer.json()["message"]) == (401, "API key required")


def test_wallet_balance(shop: Shop) -> None:
    shop.submit()
    answer = shop.post("/api/wallet_balance")
    assert answer.json() == {"status": "success", "data": {"balance": 0.9953, "currency": "USD"}}


def test_model_list_is_a_bare_array(shop: Shop) -> None:
    models = {model["model_id"]: model for model in shop.post("/api/v4/dreambooth/model_list").json()}
    assert models["easel-starter"]["status"] == "model_ready"
    assert models["stable-diffu"]["status"] == "not_installed"
