"""The ControlNet routes over HTTP: what steers, what is begun from, what is said of it. Nobody draws here."""

import base64
import io
from typing import Any

import pytest
from PIL import Image
from shop import Shop

from easel.catalogue.queries import add_model, mark_installed
from easel.catalogue.tables import Model
from easel.domain.request import GenerationRequest
from easel.gateway.dialects.modelslab.paths import DOORS, Operation
from easel.generations.tables import Generation

PATH = "/api/v6/images/controlnet"
PATHS = [door.path for door in DOORS if door.operation is Operation.CONTROLNET]


def picture(shade: int, width: int = 192, height: int = 128) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 30, 30)).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


INIT, HINT, OTHER = (picture(shade) for shade in (10, 100, 200))


@pytest.fixture(autouse=True)
def controls(shop: Shop) -> None:
    """ControlNets of three types for the default model's family."""
    same: dict[str, Any] = {"provider": "me", "summary": "", "description": "", "licence": "", "price": 1}
    with shop.services.database.transaction() as session:
        for model_id, kind in (("my-canny", "canny"), ("my-pose", "openpose"), ("holes", "inpaint")):
            model = Model(
                model_id=model_id,
                kind="controlnet",
                family="sd2",
                name=model_id,
                source=None,
                defaults={},
                limits={},
                facts={"control_type": kind},
                **same,
            )
            add_model(session, model)
            mark_installed(session, model_id, "/weights")


def order(shop: Shop, **asked: Any) -> tuple[dict[str, Any], GenerationRequest]:
    """The answer, and what the worker is asked for."""
    answer = shop.post(PATH, **{"prompt": "a red star", **asked}).json()
    assert answer["status"] == "processing", answer
    with shop.services.database.transaction() as session:
        generation = session.get(Generation, answer["id"])
        assert generation
        request = GenerationRequest.from_json(generation.request)
    shop.cancel(answer["id"])
    return answer, request


def test_every_path_that_clients_use_is_there() -> None:
    assert {"/api/v5/controlnet", PATH, "/api/v1/enterprise/controlnet", "/api/v1/enterprise/images/controlnet"} <= set(
        PATHS
    )


def test_the_hint_is_made_of_init_image_and_the_picture_begins_from_noise(shop: Shop) -> None:
    answer, request = order(
        shop, controlnet_model="my-canny", controlnet_type="canny", init_image=INIT, controlnet_conditioning_scale="0.6"
    )
    [use] = request.extras.controls
    assert (use.model_id, use.kind, use.scale, use.guess) == ("my-canny", "canny", 0.6, False)
    assert request.extras.init_image is None
    assert (request.width, request.height) == (192, 128)
    meta = answer["meta"]
    assert (meta["controlnet_model"], meta["controlnet_type"]) == ("my-canny", "canny")
    assert (meta["controlnet_conditioning_scale"], meta["auto_hint"], meta["guess_mode"]) == ("0.6", "yes", "no")
    assert meta["control_image"] is None
    assert shop.client.get(meta["init_image"]).status_code == 200
    assert "warning" not in answer


def test_a_control_image_is_the_hint_and_the_picture_begins_from_init_image(shop: Shop) -> None:
    answer, request = order(
        shop, controlnet_model="pose", init_image=INIT, control_image=HINT, strength=0.4, guess_mode="yes"
    )
    [use] = request.extras.controls
    assert (use.model_id, use.kind, use.guess) == ("my-pose", "none", True)
    assert request.extras.init_image not in (None, use.image)
    assert request.extras.strength == 0.4
    meta = answer["meta"]
    assert (meta["auto_hint"], meta["guess_mode"], meta["strength"]) == ("no", "yes", 0.4)
    assert meta["control_image"] != meta["init_image"]


def test_several_have_types_scales_and_images_of_their_own(shop: Shop) -> None:
    answer, request = order(
        shop,
        controlnet_model="canny, my-pose",
        control_image=[HINT, OTHER],
        controlnet_conditioning_scale="0.3,7",
        control_guidance_end=0.5,
        auto_hint="yes",
    )
    first, second = request.extras.controls
    assert (first.model_id, first.kind, first.scale, first.end) == ("my-canny", "canny", 0.3, 0.5)
    assert (second.model_id, second.kind, second.scale) == ("my-pose", "none", 5.0)
    assert first.image != second.image
    assert answer["meta"]["controlnet_conditioning_scale"] == "0.3,5"
    assert "controlnet_conditioning_scale was lowered to 5." in answer["warning"]


def test_an_inpainting_one_reads_the_picture_and_its_mask(shop: Shop) -> None:
    answer, request = order(shop, controlnet_model="inpaint", init_image=INIT, mask_image=HINT, auto_hint=True)
    [use] = request.extras.controls
    assert (use.model_id, use.kind, use.image) == ("holes", "inpaint", request.extras.init_image)
    assert answer["meta"]["mask_image"]


def test_what_has_no_effect_is_said(shop: Shop) -> None:
    answer, _ = order(shop, controlnet_model="canny", init_image=INIT, strength=0.4)
    assert "strength has an effect with init_image and a control_image" in answer["warning"]
    plain = shop.post("/api/v6/images/text2img", prompt="a star", controlnet_model="canny").json()
    assert "controlnet_model is not available here" in plain["warning"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "controlnet_model is required"),
        ({"controlnet_model": "canny"}, "init_image or control_image is required"),
        ({"controlnet_model": "nope", "init_image": INIT}, "Model not found: nope"),
        ({"controlnet_model": "depth", "init_image": INIT}, "No ControlNet of type depth is installed"),
        ({"controlnet_model": "my-pose", "init_image": INIT}, "No hint of type openpose is made of a picture here"),
        ({"controlnet_model": "holes", "init_image": INIT}, "send mask_image"),
        ({"controlnet_model": "canny", "init_image": INIT, "controlnet_type": "canny,tile"}, "send one for each"),
        (
            {"controlnet_model": "canny", "init_image": INIT, "controlnet_conditioning_scale": "1,2"},
            "send one for each",
        ),
        ({"controlnet_model": "canny", "init_image": INIT, "controlnet_conditioning_scale": -1}, "between 0 and 5"),
        ({"controlnet_model": "canny", "init_image": INIT, "prompt": ""}, "prompt is required"),
        (
            {"controlnet_model": "canny", "init_image": INIT, "ip_adapter_image": "x"},
            "ip_adapter_image is not available",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(shop: Shop, asked: dict[str, Any], said: str) -> None:
    answer = shop.post(PATH, **{"prompt": "a red star", **asked})
    assert answer.status_code == 400
    assert said in answer.json()["message"]


def test_guess_mode_may_do_without_a_prompt(shop: Shop) -> None:
    _, request = order(shop, prompt="", controlnet_model="canny", init_image=INIT, guess_mode="yes")
    assert request.prompt == ""
