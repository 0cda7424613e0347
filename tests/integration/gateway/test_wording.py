"""What becomes of a request's words over HTTP: screened, enhanced, translated."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from shop import MONEY, TEXT2IMG, Shop

from easel.domain.errors import Unavailable
from easel.gateway.app import create_app


def ask(shop: Shop, prompt: str, translator: Callable[[str], str] | None = None, **fields: Any) -> Any:
    """A submit at a gateway with this translator."""
    with TestClient(create_app(replace(shop.services, translator=translator))) as client:
        body = {"key": shop.key, "instant_response": "yes", "prompt": prompt, **fields}
        return client.post(TEXT2IMG, json=body)


def test_sexual_content_with_minors_is_refused_and_costs_nothing(shop: Shop) -> None:
    refused = ask(shop, "n4ked ch1ld")
    assert refused.status_code == 400
    assert "minors" in refused.json()["message"]
    assert shop.money == (MONEY, 0)
    openai = shop.client.post(
        "/v1/images/generations", json={"prompt": "naked child"}, headers={"Authorization": f"Bearer {shop.key}"}
    )
    assert openai.status_code == 400
    assert openai.json()["error"]["param"] == "prompt"


def test_enhanced_prompts_are_what_meta_shows(shop: Shop) -> None:
    meta = ask(shop, "a fox", negative_prompt="cars", enhance_style="line-art").json()["meta"]
    assert meta["prompt"] == "line art of a fox, even black lines, no fill, white background"
    assert meta["negative_prompt"] == "cars, colour, shading, photo, texture"
    assert (meta["enhance_prompt"], meta["enhance_style"]) == ("yes", "line-art")
    assert ask(shop, "a fox", enhance_prompt=True).json()["meta"]["prompt"].startswith("a fox, clear composition")
    assert ask(shop, "a fox").json()["meta"]["prompt"] == "a fox"
    unknown = ask(shop, "a fox", enhance_style="cubismo")
    assert (unknown.status_code, unknown.json()["message"]) == (
        400,
        "enhance_style cubismo is not known; did you mean cubism or cubist or fauvism?",
    )


def test_an_operator_may_enhance_by_default(shop: Shop) -> None:
    with TestClient(create_app(replace(shop.services, enhances_prompts=True))) as client:
        body = {"key": shop.key, "instant_response": "yes", "prompt": "a fox"}
        assert client.post(TEXT2IMG, json=body).json()["meta"]["enhance_prompt"] == "yes"
        plain = client.post(TEXT2IMG, json=body | {"enhance_prompt": "no"}).json()["meta"]
        assert (plain["enhance_prompt"], plain["prompt"]) == ("no", "a fox")


def test_prompts_are_translated_where_somebody_can(shop: Shop) -> None:
    english = {"ein Fuchs": "a fox", "Autos": "cars"}.__getitem__
    meta = ask(shop, "ein Fuchs", english, negative_prompt="Autos", multi_lingual="yes").json()["meta"]
    assert (meta["prompt"], meta["negative_prompt"], meta["multi_lingual"]) == ("a fox", "cars", "yes")
    answer = ask(shop, "ein Fuchs", None, multi_lingual="yes").json()
    assert answer["meta"]["prompt"] == "ein Fuchs"
    assert "no translator is installed" in answer["warning"]


def test_what_a_translation_says_is_screened_too(shop: Shop) -> None:
    assert ask(shop, "something", lambda text: "a naked child", multi_lingual="yes").status_code == 400
    assert ask(shop, "a naked child", lambda text: "a fox", multi_lingual="yes").status_code == 400


def test_nobody_without_a_key_uses_the_translator(shop: Shop) -> None:
    def never(text: str) -> str:
        raise AssertionError(text)

    assert ask(shop, "ein Fuchs", never, multi_lingual="yes", key="ek_nobody").status_code == 401


def test_a_translator_that_is_away_is_said(shop: Shop) -> None:
    def away(text: str) -> str:
        raise Unavailable("The translator does not answer: send the prompt in English, or leave out multi_lingual.")

    answer = ask(shop, "ein Fuchs", away, multi_lingual="yes")
    assert answer.status_code == 503
    assert shop.money == (MONEY, 0)


@pytest.mark.parametrize("style", [["anime"], {"a": 1}, 7])
def test_odd_styles_are_refused_in_the_errors_shape(shop: Shop, style: object) -> None:
    assert ask(shop, "a fox", enhance_style=style).json()["status"] == "error"
