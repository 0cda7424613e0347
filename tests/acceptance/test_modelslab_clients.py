"""Two older official clients, as published, against a real server: modelslab 0.2 and StableDiffusionAPI 0.0.5.

Neither can be told how many steps to take, or takes an answer that comes late: the server's own defaults are few steps.
"""

import base64
import http.client
import inspect
import io
import json
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import StableDiffusionAPI
import StableDiffusionAPI.Community
from modelslab import CommunityModels, EPRealtime, EPTxt2Img, Miscs, TrainModel
from PIL import Image

MODEL = "easel-starter"


@pytest.fixture(scope="module")
def hasty(start_server: Callable[..., Any], new_data_folder: Callable[[], Path]) -> Any:
    return start_server(new_data_folder(), EASEL_MODELSLAB_DEFAULTS='{"steps": "2"}')


def picture(colour: str) -> str:
    file = io.BytesIO()
    Image.new("RGB", (128, 128), colour).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


def size_at(link: str) -> tuple[int, int]:
    with urllib.request.urlopen(link, timeout=60) as answer:
        return Image.open(io.BytesIO(answer.read())).size


class TestModelslab:
    """It sends every field, null where nothing is said, and returns whatever text comes back."""

    @pytest.fixture
    def ask(self, hasty: Any) -> Callable[..., Any]:
        homes = {
            CommunityModels: "/api/v6/images",
            Miscs: "/api/v3",
            TrainModel: "/api/v3",
            EPTxt2Img: "/api/v1/enterprise/txt2img",
            EPRealtime: "/api/v1/enterprise/realtime",
        }

        def ask(part: type[Any], name: str, **said: Any) -> Any:
            client = part()
            client.base_url = hasty.base_url + homes[part]
            method = getattr(client, name)
            return json.loads(method(**{field: None for field in inspect.signature(method).parameters} | said))

        return lambda part, name, **said: ask(part, name, key=hasty.key, **said)

    def test_pictures(self, ask: Callable[..., Any]) -> None:
        asked = {"model_id": MODEL, "prompt": "a red star", "samples": 1}
        drawn = ask(CommunityModels, "txt2img", **asked, width="128", height="128", seed="7", tomesd="yes")
        assert (drawn["status"], drawn["meta"]["seed"], drawn["meta"]["steps"]) == ("success", 7, 2)
        again = ask(CommunityModels, "img2img", **asked, init_image=drawn["output"][0], strength=0.6)
        assert again["status"] == "success"
        assert again["meta"]["init_image"] == drawn["output"][0]
        assert size_at(again["output"][0]) == (128, 128)
        mask = {"init_image": picture("red"), "mask_image": picture("white"), "steps": "3"}
        patched = ask(CommunityModels, "inpaint", **asked, **mask)
        assert (patched["status"], patched["meta"]["steps"]) == ("success", 3)
        assert ask(CommunityModels, "fetch_queued", request_id=drawn["id"])["output"] == drawn["output"]
        assert ask(CommunityModels, "reload_model", model_id=MODEL)["status"] == "success"

    def test_what_is_beside_pictures(self, ask: Callable[..., Any]) -> None:
        assert MODEL in {model["model_id"] for model in ask(Miscs, "dreambooth_model_list")}
        cropped = ask(Miscs, "base64_crop", image=f"data:image/png;base64,{picture('blue')}", crop="true")
        assert size_at(cropped["link"]) == (512, 512)
        assert ask(Miscs, "finetune_list")["messege"] == "model list"
        assert ask(Miscs, "clear_cache")["status"] == "success"
        for part, name, said in (
            (Miscs, "buy_dreambooth_model", {"quantity": "1"}),
            (TrainModel, "fetch_queued", {"training_id": "abc"}),
            (TrainModel, "cancel_training", {"training_id": "abc"}),
        ):
            assert ask(part, name, **said)["messege"].startswith("Feature not available")

    def test_a_server_of_ones_own(self, ask: Callable[..., Any]) -> None:
        assert ask(EPTxt2Img, "verify_model", model_id=MODEL)["message"] == "Model exists on server"
        assert MODEL in {model["model_id"] for model in ask(EPTxt2Img, "get_all_models")["models"]}
        assert len(ask(EPTxt2Img, "schedulers_list")["schedulers"]) == 17
        assert ask(EPTxt2Img, "system_details")["status"] == "ok"
        link = ask(EPTxt2Img, "upload_image", base64_image=picture("green"), image_type="png")["image_url"]
        drawn = ask(EPRealtime, "img2img", prompt="a star", init_image=link, samples=1)
        assert drawn["status"] == "success"
        assert ask(EPRealtime, "fetch_queued", id=drawn["id"])["output"] == drawn["output"]


class TestStableDiffusionAPI:
    """No body, the key as a header, a picture of 512 x 512 at least, and a host that cannot be chosen."""

    @pytest.fixture(autouse=True)
    def at_home(self, hasty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its host is written into its functions, so every name leads to the server under test."""
        here = urlsplit(hasty.base_url)

        class Home(http.client.HTTPConnection):
            def __init__(self, host: str) -> None:
                super().__init__(here.hostname or "", here.port, timeout=120)

        monkeypatch.setattr(http.client, "HTTPSConnection", Home)
        StableDiffusionAPI.Key(hasty.key)

    def test_text_to_image(self, tmp_path: Path) -> None:
        file = tmp_path / "star.png"
        StableDiffusionAPI.Text2Img("a red star", 100, 100, str(file))
        join_all()
        assert size_of(file) == (512, 512)

    def test_a_model_of_the_catalogue(self, tmp_path: Path) -> None:
        file = tmp_path / "heart.png"
        StableDiffusionAPI.Community.Text2Img(MODEL, "a green heart", str(file))
        join_all()
        assert size_of(file) == (512, 512)


def size_of(file: Path) -> tuple[int, int]:
    with Image.open(file) as picture:
        return picture.size


def join_all() -> None:
    """The client draws and downloads on threads, one of which starts the next."""
    while others := [one for one in threading.enumerate() if one.name.startswith("Thread-") and not one.daemon]:
        others[0].join(120)
