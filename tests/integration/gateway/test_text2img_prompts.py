"""The prompt syntax and what goes with a checkpoint, over ModelsLab's wire."""

from typing import Any

import pytest
from shop import MONEY, TEXT2IMG, Shop

from easel.catalogue.queries import add_model
from easel.catalogue.tables import Model


@pytest.fixture(autouse=True)
def installed(shop: Shop) -> None:
    """An embedding and a VAE for the starter's family."""
    with shop.services.database.transaction() as session:
        same: dict[str, Any] = {"provider": "me", "summary": "", "description": "", "licence": "", "source": None}
        for model_id, kind in (("my-style", "embedding"), ("sharp", "vae")):
            about: dict[str, Any] = {"family": "sd2", "name": model_id, "price": 1, "defaults": {}, "limits": {}}
            model = add_model(session, Model(model_id=model_id, kind=kind, **same, **about))
            model.weights = f"/weights/{model_id}.safetensors"


@pytest.mark.parametrize(
    ("fields", "meta"),
    [
        ({}, {"vae": None, "clip_skip": 1}),
        ({"vae": "sharp"}, {"vae": "sharp"}),
        ({"clip_skip": "2"}, {"clip_skip": 2}),
        ({"embeddings_model": "my-style"}, {"embeddings": "my-style"}),
        ({"embeddings": ["my-style"]}, {"embeddings": "my-style"}),
        ({"prompt": "a star, my-style"}, {"embeddings": "my-style"}),
        ({"negative_prompt": "my-style"}, {"embeddings": "my-style"}),
    ],
)
def test_what_goes_with_the_checkpoint_is_drawn_with_and_told(
    shop: Shop, fields: dict[str, Any], meta: dict[str, Any]
) -> None:
    answer = shop.post(TEXT2IMG, **{"prompt": "a star", "instant_response": "yes", **fields}).json()
    assert {name: answer["meta"][name] for name in meta} == meta
    assert "warning" not in answer


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"vae": "my-style"}, "vae names my-style, which is an embedding and not a VAE"),
        ({"embeddings_model": "nobody"}, "Model not found: nobody"),
        ({"clip_skip": 0}, "clip_skip must be between 1 and 12"),
        ({"clip_skip": "deep"}, "clip_skip must be a whole number"),
        ({"prompt": " AND ".join("abcdefghi")}, "prompt has 9 parts joined by AND"),
        ({"prompt": "a AND b:-1", "guidance_scale": 1}, "without guidance"),
        ({"prompt": "(a:1000)"}, "prompt has a weight of 1000"),
        ({"negative_prompt": "(a:1000)"}, "negative_prompt has a weight of 1000"),
        ({"model_id": "sharp"}, "Model sharp is a VAE, which draws nothing by itself"),
    ],
)
def test_what_is_wrong_is_told_and_costs_nothing(shop: Shop, fields: dict[str, Any], sentence: str) -> None:
    answer = shop.post(TEXT2IMG, **{"prompt": "a star", "instant_response": "yes", **fields})
    assert (answer.status_code, answer.json()["status"]) == (400, "error")
    assert sentence in answer.json()["message"]
    assert shop.money == (MONEY, 0)
