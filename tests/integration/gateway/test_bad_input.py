"""Bad input: the contract's error, a sentence that says what to change, nothing charged, and the server stays up."""

import json
import re
from typing import Any, cast
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop import MONEY, TEXT2IMG, Shop

from easel.accounts.queries import get_account
from easel.billing import ledger
from easel.domain.money import Micros
from easel.gateway.dialects.modelslab import loading, pictures, utilities
from easel.gateway.dialects.modelslab.deeds import DEEDS, KEEPS
from easel.gateway.dialects.modelslab.listing import Search
from easel.gateway.dialects.modelslab.paths import DOORS
from easel.gateway.dialects.modelslab.schemas import Fetch, Inpaint, ModelNamed, Pictured
from easel.gateway.dialects.modelslab.unserved import Unserved

NAN, INFINITY = float("nan"), float("inf")


def assert_refused(shop: Shop, answer: Any, status: int, message: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, "error")
    assert message in body["message"]
    assert body["messege"] == body["message"]
    assert shop.money == (MONEY, 0)
    assert shop.client.get("/readyz").status_code == 200, "the server is still up"


WRONG_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"prompt": None}, "prompt is required"),
    ({"prompt": ""}, "prompt is required"),
    ({"prompt": " \n"}, "prompt is required"),
    ({"prompt": 5}, "prompt must be a string"),
    ({"prompt": ["a"]}, "prompt must be a string"),
    ({"prompt": "a" * 1_000_000}, "prompt must be at most"),
    ({"prompt": "a\x00b"}, "prompt holds a character"),
    ({"prompt": "a\x07b"}, "prompt must not contain control characters"),
    ({"negative_prompt": "a" * 1_000_000}, "negative_prompt must be at most"),
    ({"model_id": "no-such-model"}, "Model not found: no-such-model"),
    ({"model_id": {"a": 1}}, "model_id must be a string"),
    ({"model_id": "stable-diffu"}, "easel models install stable-diffu"),
    ({"model_id": "2-v1"}, "easel models install 2-v1"),
    ({"width": 0}, "width must be between 128 and 512"),
    ({"width": -128}, "width must be between"),
    ({"width": 10**15}, "width must be between"),
    ({"width": 10**300}, "width is too large a number"),
    ({"width": 129}, "width must be divisible by 16"),
    ({"height": "100000"}, "height must be between"),
    ({"height": 12.5}, "height must be a whole number"),
    ({"height": True}, "height must be a whole number"),
    ({"samples": 5}, "samples must be between 1 and 4"),
    ({"samples": 0}, "samples must be between 1 and 4"),
    ({"samples": "many"}, "samples must be a whole number"),
    ({"num_inference_steps": 0}, "num_inference_steps must be between"),
    ({"steps": 10_000}, "num_inference_steps must be between"),
    ({"guidance_scale": NAN}, "guidance_scale must be a number"),
    ({"guidance_scale": "NaN"}, "guidance_scale must be a number"),
    ({"guidance_scale": INFINITY}, "guidance_scale must be a number"),
    ({"guidance_scale": -INFINITY}, "guidance_scale must be a number"),
    ({"guidance_scale": 1e300}, "guidance_scale must be between"),
    ({"guidance_scale": -1}, "guidance_scale must be between"),
    ({"seed": NAN}, "seed must be a whole number"),
    ({"seed": -2}, "seed must be between 0 and 4294967295"),
    ({"seed": 2**32}, "seed must be between 0 and 4294967295"),
    ({"seed": 2**70}, "seed is too large a number"),
    ({"temp": "perhaps"}, "temp must be yes or no"),
    ({"webhook": "not a url"}, "webhook must be an address"),
    ({"webhook": "http://127.0.0.1:9/hook"}, "127.0.0.1 leads to a private or local address"),
    ({"webhook": "http://2130706433/"}, "webhook is no usable address"),
    ({"webhook": "https://[::ffff:10.0.0.1]/"}, "webhook is no usable address"),
    ({"webhook": "http://localhost/"}, "webhook is no usable address"),
    ({"track_id": "x" * 1000}, "track_id must be at most"),
    ({"lora_model": "2-v1"}, "easel models install 2-v1"),
    ({"lora_model": "nobody-has-this"}, "Model not found: nobody-has-this"),
    ({"lora_model": "easel-starter"}, "is a checkpoint and not a LoRA"),
    ({"lora_model": "2-v1", "lora_strength": "much"}, "lora_strength must be a number"),
    ({"lora_model": "2-v1", "lora_strength": "0.5,0.6"}, "lora_strength has 2 numbers, and lora_model names 1"),
    ({"vae": "easel-starter"}, "vae names easel-starter, which is a checkpoint and not a VAE"),
    ({"ip_adapter_image": "https://x.example/a.png"}, "ip_adapter_image is not available yet"),
]


def test_a_wrong_field_is_named(shop: Shop, subtests: pytest.Subtests) -> None:
    for fields, message in WRONG_FIELDS:
        with subtests.test(message):
            body = json.dumps({"key": shop.key, "prompt": "a red star", **fields})  # writes NaN as clients do
            assert_refused(shop, shop.client.post(TEXT2IMG, content=body), 400, message)


def test_a_missing_key(shop: Shop, subtests: pytest.Subtests) -> None:
    for key in ("", None):
        with subtests.test(key=key):
            answer = shop.client.post(TEXT2IMG, json={"key": key, "prompt": "a red star"})
            assert_refused(shop, answer, 401, "API key required")


def test_an_unknown_key(shop: Shop, subtests: pytest.Subtests) -> None:
    for key in ("sk-nobody-has-this", 5, ["x"], "\x00", "ключ", "x" * 100_000):
        with subtests.test(key=str(key)[:20]):
            answer = shop.client.post(TEXT2IMG, json={"key": key, "prompt": "a red star"})
            assert_refused(shop, answer, 401, "Invalid API key")
            assert "4. Make sure you have valid API key" in answer.json()["tip"]


def test_a_body_that_is_not_json(shop: Shop, subtests: pytest.Subtests) -> None:
    headers = {"content-type": "application/json", "key": shop.key}
    for body in (b"prompt", b'{"prompt": ', b"[]", b"null", b'{"a":' * 50_000, b"\xff\xfe\x00"):
        with subtests.test(body=body[:20]):
            answer = shop.client.post(TEXT2IMG, content=body, headers=headers)
            assert_refused(shop, answer, 400, "Invalid API Request")
            assert answer.json()["tip"].startswith("1. Make sure you are passing Content-Type")


def test_a_body_that_is_too_large(shop: Shop) -> None:
    answer = shop.client.post(TEXT2IMG, content=b"x" * (16 * 1024**2 + 1), headers={"key": shop.key})
    assert_refused(shop, answer, 413, "larger than 16 MiB")


def test_a_wallet_that_is_too_light(shop: Shop) -> None:
    with shop.services.database.transaction() as session:
        hold = ledger.hold(session, shop.clock, shop.account_id, Micros(MONEY - 1), key="nearly all")
        ledger.capture(session, shop.clock, hold, Micros(MONEY - 1))
    answer = shop.submit()
    assert answer.status_code == 402
    assert answer.json()["message"].startswith("Insufficient credits.")
    assert shop.money == (1, 0)


def test_a_queue_that_is_full(shop: Shop) -> None:
    with shop.services.database.transaction() as session:
        get_account(session, shop.account_id).plan = "pay-as-you-go"
    for _ in range(5):
        assert shop.submit().status_code == 200
    held = shop.money
    answer = shop.submit()
    assert answer.status_code == 429
    assert answer.json()["message"] == "Rate limit exceeded. Maximum 5 queued requests allowed."
    assert answer.json()["retry_after"] == 30
    assert answer.headers["retry-after"] == "30"
    assert shop.money == held


PLAIN = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
"""A picture of one pixel."""

VALUE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.integers())
NAMES = [name for schema in (Pictured, Unserved) for name in schema.model_fields if name != "webhook"]


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(fields=st.dictionaries(st.sampled_from([*NAMES, "model", "steps", "junk"]), VALUE, max_size=6))
def test_no_fields_break_the_server(shop: Shop, fields: dict[str, object]) -> None:
    answer = shop.client.post(
        TEXT2IMG, content=json.dumps({"prompt": "a", "instant_response": 1, **fields, "key": shop.key})
    )
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        shop.cancel(answer.json()["id"])
    else:
        assert answer.json()["message"]
    assert shop.money == (MONEY, 0)


PICTURED = (Inpaint, Unserved, Search, Fetch, ModelNamed, utilities.Deleted, utilities.Generated, utilities.Screened)
KEPT = (pictures.Cropped, pictures.Uploaded, pictures.Enlarged, loading.LoadModel)
ALL_NAMES = sorted({name for schema in (*PICTURED, *KEPT) for name in schema.model_fields} - {"webhook"})
PATHS = [
    *(door.path for door in DOORS),
    *(path for keep in KEEPS for path in keep.paths),
    *(path.replace("{id}", "x") for deed in DEEDS for path in deed.paths),
    "/api/v6/images/fetch",
]
ANYTHING = (
    VALUE | st.just(PLAIN) | st.sampled_from(["http://127.0.0.1:9/", "http://[", "data:image/png;base64,", "1e3"])
)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(path=st.sampled_from(PATHS), fields=st.dictionaries(st.sampled_from(ALL_NAMES), ANYTHING, max_size=6))
def test_no_fields_break_any_route(shop: Shop, path: str, fields: dict[str, object]) -> None:
    body = json.dumps({"prompt": "a", "init_image": PLAIN, "mask_image": PLAIN, **fields, "key": shop.key})
    answer = shop.client.post(path, content=body)
    assert answer.status_code in (200, 400, 403, 404, 409, 429)
    said = answer.json()
    if answer.status_code != 200:
        assert (said["status"], bool(said["message"])) == ("error", True)
    elif isinstance(said, dict) and said.get("status") == "processing" and "meta" in said:
        shop.cancel(said["id"])
    assert shop.money == (MONEY, 0)


DIALECTS = ("/api/", "/v1/", "/sdapi/", "/controlnet/", "/internal/", "/files/")
PART = st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20) | st.sampled_from(
    ["1", "-1", "0", "1e3", "9" * 30, "easel-starter", "..", "%00", "\x00", "a/b", "inputs/x.png.base64"]
)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    number=st.integers(0, 10_000),
    part=PART,
    query=st.dictionaries(st.sampled_from([*ALL_NAMES, "junk"]), PART, max_size=6),
)
def test_no_path_and_no_query_break_a_get(shop: Shop, number: int, part: str, query: dict[str, str]) -> None:
    app = cast(FastAPI, shop.client.app)
    gets = sorted(
        route.path
        for route in app.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and route.path.startswith(DIALECTS)
    )
    assert len(gets) > 60
    path = re.sub("{[^}]+}", lambda _: quote(part, safe=""), gets[number % len(gets)])
    answer = shop.client.get(path, params=query, headers={"Authorization": f"Bearer {shop.key}"})
    assert answer.status_code in (200, 400, 403, 404, 405, 409, 422, 429), (path, answer.text)
    assert shop.money == (MONEY, 0)
