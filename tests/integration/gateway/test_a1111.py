"""AUTOMATIC1111's dialect where no picture need be drawn: shapes, options, whose key it is, errors, bad input."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from asking import Asking
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from shop import MONEY, Shop

from easel.accounts.keys import create_key
from easel.accounts.tables import Scope
from easel.artifacts.encode import encode_png
from easel.catalogue.queries import add_model
from easel.catalogue.tables import Model
from easel.domain.money import Micros
from easel.gateway.app import create_app
from easel.gateway.dialects.automatic1111.lists import LISTS
from easel.gateway.dialects.automatic1111.schemas import Img2Img, Txt2Img
from easel.generations.queries import list_views

TXT2IMG, IMG2IMG = "/sdapi/v1/txt2img", "/sdapi/v1/img2img"
INFOTEXT = "a red star\nSteps: 25, Sampler: DDIM, CFG scale: 4, Seed: 7, Size: 128x128, Model: easel-starter"
BLUE = encode_png(Image.new("RGB", (128, 128), "blue"), INFOTEXT)
INFO_KEYS = """prompt all_prompts negative_prompt all_negative_prompts seed all_seeds subseed all_subseeds
subseed_strength width height sampler_name cfg_scale steps batch_size restore_faces face_restoration_model sd_model_name
sd_model_hash sd_vae_name sd_vae_hash seed_resize_from_w seed_resize_from_h denoising_strength extra_generation_params
index_of_first_image infotexts styles job_timestamp clip_skip is_using_inpainting_conditioning version easel""".split()


def base64_of(size: tuple[int, int], colour: str) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


def opened(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


@pytest.fixture
def asking(shop: Shop) -> Iterator[Asking]:
    with TestClient(
        create_app(replace(shop.services, blocking_wait_seconds=20.0)), base_url="http://easel.test"
    ) as client:
        yield Asking(shop, client, TXT2IMG)


class Client:
    """Calls that draw nothing, in the name of a key."""

    def __init__(self, shop: Shop, key: str) -> None:
        self.client, self.auth = shop.client, ("anybody", key)

    def get(self, name: str, **query: Any) -> Any:
        return self.client.get(f"/sdapi/v1/{name}", params=query, auth=self.auth)

    def post(self, name: str, **fields: Any) -> Any:
        return self.client.post(f"/sdapi/v1/{name}", json=fields, auth=self.auth)


@pytest.fixture
def client(shop: Shop) -> Client:
    return Client(shop, shop.key)


def said(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return json.loads(answer.json()["info"])


def test_the_answer(asking: Asking) -> None:
    answer = asking.post(drawn=2, picture=BLUE, prompt="a red star", batch_size=3, n_iter=2, seed=7)
    info = said(answer)
    assert list(answer.json()) == ["images", "parameters", "info"]
    assert [base64.b64decode(image) for image in answer.json()["images"]] == [BLUE] * 6
    assert list(info) == INFO_KEYS
    assert info["all_seeds"] == [7, 8, 9, 10, 11, 12]
    assert info["all_prompts"] == ["a red star"] * 6
    assert info["infotexts"] == [INFOTEXT] * 6
    assert (info["sampler_name"], info["steps"], info["index_of_first_image"]) == ("DDIM", 25, 0)
    assert answer.json()["parameters"]["batch_size"] == 3
    assert info["easel"]["warnings"] == []


def test_what_is_done_otherwise_is_said(asking: Asking) -> None:
    asked = {"subseed_strength": 0.5, "restore_faces": True, "eta": 0.2, "hr_magic": 1}
    info = said(
        asking.post(
            drawn=1,
            picture=BLUE,
            prompt="x",
            sampler_name="DPM++ SDE Karras",
            width=1000,
            height=500,
            styles=["Line Art", "Anybody's"],
            override_settings={"CLIP_stop_at_last_layers": 2, "sd_lora": "None", "samples_format": "png"},
            **asked,
        )
    )
    assert (info["width"], info["height"], info["clip_skip"]) == (512, 256, 2)
    assert info["sampler_name"] == "DPM++ 2M SDE"
    warnings = " ".join(info["easel"]["warnings"])
    for named in (*asked, "Anybody's", "sd_lora", "DPM++ SDE", "1000x500"):
        assert named in warnings
    assert "Line" not in warnings
    assert info["prompt"] != "x", "the style is in it"


def test_what_clients_always_send_is_no_warning(asking: Asking) -> None:
    neutral = {"subseed": -1, "subseed_strength": 0.0, "seed_resize_from_h": 0, "eta": 1.0, "s_churn": 0, "s_noise": 1}
    info = said(
        asking.post(
            drawn=1,
            picture=BLUE,
            prompt="x",
            sampler_index="Euler a",
            scheduler="automatic",
            hr_upscaler="Latent",
            hr_checkpoint_name=None,
            alwayson_scripts={"ADetailer": {"args": [False]}, "ControlNet": {"args": []}},
            **neutral,
        )
    )
    assert info["easel"]["warnings"] == []


def test_without_images_and_kept_for_a_day(asking: Asking) -> None:
    answer = asking.post(drawn=1, picture=BLUE, prompt="x", send_images=False)
    assert answer.json()["images"] == []
    assert len(said(answer)["infotexts"]) == 1
    asking.post(drawn=1, picture=BLUE, prompt="x", save_images=True)
    with asking.shop.services.database.transaction() as session:
        views = list_views(session, asking.shop.clock, asking.shop.account_id)
    assert [view.temporary for view in views] == [False, True]


def test_several_pictures_to_begin_from_are_drawn_in_turn(asking: Asking) -> None:
    images = [base64_of((64, 64), "red"), "data:image/png;base64," + base64_of((64, 64), "green")]
    answer = asking.post(IMG2IMG, drawn=2, picture=BLUE, prompt="x", init_images=images, seed=5, width=128, height=128)
    assert said(answer)["all_seeds"] == [5, 6]
    assert answer.json()["parameters"]["init_images"] is None
    with asking.shop.services.database.transaction() as session:
        second, first = list_views(session, asking.shop.clock, asking.shop.account_id)
    assert first.request.extras.init_image != second.request.extras.init_image


def test_a_part_is_drawn_at_full_size_and_put_back(asking: Asking) -> None:
    mask = Image.new("L", (400, 200))
    mask.paste(255, (20, 20, 60, 60))
    file = io.BytesIO()
    mask.save(file, format="PNG")
    answer = asking.post(
        IMG2IMG,
        drawn=1,
        picture=BLUE,
        prompt="x",
        init_images=[base64_of((400, 200), "red")],
        mask=base64.b64encode(file.getvalue()).decode(),
        mask_blur=0,
        width=128,
        height=128,
    )
    assert said(answer)["infotexts"] == [INFOTEXT]
    whole = opened(answer.json()["images"][0])
    assert whole.size == (400, 200)
    assert whole.info["parameters"] == INFOTEXT
    assert whole.getpixel((40, 40)) == (0, 0, 255)
    assert whole.getpixel((70, 40)) == (255, 0, 0)


def test_a_failure_costs_nothing(asking: Asking) -> None:
    answer = asking.post(drawn=1, error="No memory.", prompt="x")
    assert answer.status_code == 500
    assert answer.json() == {"error": "HTTPException", "detail": "No memory.", "body": "", "errors": "No memory."}
    assert asking.shop.money == (MONEY, 0)


def test_options_belong_to_their_key(shop: Shop, client: Client) -> None:
    with shop.services.database.transaction() as session:
        _, other_key = create_key(session, shop.clock, shop.account_id, "another program")
    other = Client(shop, other_key)
    assert client.post("options", CLIP_stop_at_last_layers=2, sd_model_checkpoint="Easel Starter").json() is None
    assert client.post("options", samples_format="jpg").json() is None
    mine, theirs = client.get("options").json(), other.get("options").json()
    assert (mine["CLIP_stop_at_last_layers"], mine["samples_format"]) == (2, "jpg")
    assert (theirs["CLIP_stop_at_last_layers"], theirs["samples_format"]) == (1, "png")
    assert mine["sd_model_checkpoint"] == "easel-starter"
    assert client.post("options", sd_lora="x", randn_source="CPU").json() == {
        "warnings": ["Option sd_lora has no effect here."]
    }
    unknown = client.post("options", sd_model_checkpoint="nobody")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "Model not found: nobody")
    wrong = client.post("options", jpeg_quality=1000)
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (422, ["body", "jpeg_quality"])


def test_an_override_is_for_one_request_unless_it_is_said(asking: Asking, client: Client) -> None:
    override = {"override_settings": {"samples_format": "webp"}}
    asking.post(drawn=1, picture=BLUE, prompt="x", **override)
    assert client.get("options").json()["samples_format"] == "png"
    asking.post(drawn=1, picture=BLUE, prompt="x", override_settings_restore_afterwards=False, **override)
    assert client.get("options").json()["samples_format"] == "webp"


def test_tokens_are_merged_as_the_key_or_the_request_says(asking: Asking, client: Client) -> None:
    def drawn(path: str = TXT2IMG, side: int = 512, **fields: Any) -> tuple[float, str]:
        answer = asking.post(path, drawn=1, picture=BLUE, prompt="x", width=side, height=side, **fields)
        with asking.shop.services.database.transaction() as session:
            [view] = list_views(session, asking.shop.clock, asking.shop.account_id, 1)
        return view.request.extras.token_merging, " ".join(said(answer)["easel"]["warnings"])

    begun = {"path": IMG2IMG, "init_images": [base64_of((512, 512), "red")]}
    assert drawn(override_settings={"token_merging_ratio": 0.5, "token_merging_ratio_hr": 0}) == (0.5, "")
    assert drawn() == (0.0, "")
    client.post("options", token_merging_ratio=0.3, token_merging_ratio_img2img=0.4)
    assert client.get("options").json()["token_merging_ratio"] == 0.3
    assert drawn() == (0.3, "")
    assert drawn(**begun) == (0.4, "")
    assert drawn(**begun, override_settings={"token_merging_ratio": 0.2}) == (0.2, "")
    merged, warned = drawn(side=128)
    assert (merged, "token_merging_ratio has no effect on 128x128" in warned) == (0.0, True)
    merged, warned = drawn(side=128, enable_hr=True, hr_scale=4)
    assert (merged, "token_merging" in warned) == (0.3, False), "the second pass is large enough"
    refused = asking.post(prompt="x", override_settings={"token_merging_ratio": 0.95})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "override_settings", "token_merging_ratio"]
    assert client.post("options", token_merging_ratio="much").status_code == 422


def test_progress_and_interrupt(shop: Shop, client: Client) -> None:
    assert client.get("progress").json()["state"]["job_count"] == 0
    waiting = client.post("txt2img", prompt="x", batch_size=6, force_task_id="mine")
    assert waiting.status_code == 504, "nobody draws here, and this server does not wait"
    seen = client.get("progress").json()
    assert list(seen) == ["progress", "eta_relative", "state", "current_image", "textinfo"]
    assert (seen["progress"], seen["current_image"]) == (0.01, None)
    assert (seen["state"]["job"], seen["state"]["job_count"]) == ("scripts_txt2img", 2)
    task = shop.client.post("/internal/progress", json={"id_task": "mine"}, auth=client.auth).json()
    assert (task["queued"], task["active"], task["completed"]) == (True, False, False)
    assert client.post("skip").json() is None
    assert client.get("progress").json()["progress"] == 0.51
    assert client.post("interrupt").json() == {}
    after = client.get("progress").json()
    assert (after["progress"], after["state"]["interrupted"], after["state"]["job_count"]) == (0, True, 0)
    assert shop.money == (MONEY, 0)


def test_another_client_sees_and_stops_nothing_of_it(shop: Shop, client: Client) -> None:
    client.post("txt2img", prompt="x")
    with shop.services.database.transaction() as session:
        other = Client(shop, create_key(session, shop.clock, shop.account_id, "another program")[1])
    other.post("interrupt")
    assert other.get("progress").json()["state"]["job_count"] == 0
    assert client.get("progress").json()["state"]["job_count"] == 1


def test_lists(client: Client) -> None:
    lists = {name: client.get(name).json() for name in LISTS}
    [starter] = lists["sd-models"]
    assert list(starter) == ["title", "model_name", "hash", "sha256", "filename", "config"]
    assert starter["model_name"] == "easel-starter"
    assert [lora["name"] for lora in lists["loras"]] == ["easel-pixelated"]
    assert {"name": "DPM++ 2M", "aliases": ["k_dpmpp_2m"], "options": {}} in lists["samplers"]
    assert "karras" in [one["name"] for one in lists["schedulers"]]
    assert lists["embeddings"] == {"loaded": {}, "skipped": {}}
    assert lists["scripts"] == {"txt2img": ["controlnet"], "img2img": ["controlnet"]}
    assert client.get("nothing").json()["error"] == "HTTPException"


def test_png_info(client: Client) -> None:
    answer = client.post("png-info", image=base64.b64encode(BLUE).decode()).json()
    assert answer["info"] == INFOTEXT
    assert answer["parameters"]["Size-1"] == "128"
    assert client.post("png-info", image=base64_of((4, 4), "red")).json() == {"info": "", "items": {}, "parameters": {}}


def test_extras(client: Client) -> None:
    image = base64.b64encode(BLUE).decode()
    larger = client.post("extra-single-image", image=image, upscaler_1="Lanczos", upscaling_resize=1.5).json()
    assert (opened(larger["image"]).size, opened(larger["image"]).info["parameters"]) == ((192, 192), INFOTEXT)
    same = client.post("extra-single-image", image=image).json()
    assert opened(same["image"]).size == (128, 128)
    assert "None" in same["html_info"]
    batch = client.post(
        "extra-batch-images",
        imageList=[{"data": image, "name": "a"}] * 2,
        upscaler_1="Nearest",
        resize_mode=1,
        upscaling_resize_w=100,
        upscaling_resize_h=50,
    ).json()
    assert [opened(one).size for one in batch["images"]] == [(100, 50)] * 2
    huge = client.post("extra-single-image", image=base64_of((4000, 4000), "red"), upscaler_1="Lanczos")
    assert (huge.status_code, huge.json()["detail"][0]["loc"]) == (422, ["body", "upscaling_resize"])


def test_control_units_become_controls(asking: Asking) -> None:
    with asking.shop.services.database.transaction() as session:
        model = Model(
            model_id="my-canny",
            provider="me",
            kind="controlnet",
            family="sd2",
            name="Canny",
            summary="",
            description="",
        )
        model.licence, model.price, model.defaults, model.limits = "none", Micros(0), {}, {}
        model.weights, model.facts = "/nowhere", {"control_type": "canny"}
        add_model(session, model)
    unit = {"image": base64_of((300, 200), "red"), "module": "canny", "weight": 0.5, "control_mode": 2}
    unit |= {"guidance_end": 0.8, "threshold_a": 30, "resize_mode": "Just Resize"}
    scripts = {"ControlNet": {"args": [unit | {"model": "my-canny [0123abcd]"}, {"enabled": False, "model": "x"}]}}
    answer = asking.post(drawn=1, picture=BLUE, prompt="x", alwayson_scripts=scripts, width=128, height=128)
    assert "threshold_a" in " ".join(said(answer)["easel"]["warnings"])
    with asking.shop.services.database.transaction() as session:
        [view] = list_views(session, asking.shop.clock, asking.shop.account_id)
    [use] = view.request.extras.controls
    assert (use.model_id, use.kind, use.scale, use.end, use.guess) == ("my-canny", "canny", 0.5, 0.8, True)
    lists = asking.client.get("/controlnet/model_list", headers={"X-API-Key": asking.shop.key}).json()
    assert lists == {"model_list": ["my-canny"]}


ERRORS: list[tuple[str, dict[str, Any], int, str | None]] = [
    ("txt2img", {}, 422, "prompt"),
    ("txt2img", {"prompt": "x", "steps": 10_000}, 422, "steps"),
    ("txt2img", {"prompt": "x", "cfg_scale": -1}, 422, "cfg_scale"),
    ("txt2img", {"prompt": "x", "batch_size": 0}, 422, "batch_size"),
    ("txt2img", {"prompt": "x", "n_iter": 1000}, 422, "batch_size"),
    ("txt2img", {"prompt": "x", "width": 0}, 422, "width"),
    ("txt2img", {"prompt": "x", "script_name": "X/Y/Z plot"}, 422, "script_name"),
    ("txt2img", {"prompt": "x", "alwayson_scripts": {"reactor": {"args": ["img", True]}}}, 422, "alwayson_scripts"),
    (
        "txt2img",
        {"prompt": "x", "alwayson_scripts": {"controlnet": {"args": [{"model": "x"}]}}},
        422,
        "alwayson_scripts",
    ),
    ("txt2img", {"prompt": "x", "sampler_name": "nobody"}, 404, None),
    ("txt2img", {"prompt": "x", "scheduler": "nobody"}, 404, None),
    ("txt2img", {"prompt": "x", "override_settings": {"sd_model_checkpoint": "nobody"}}, 404, None),
    ("img2img", {"prompt": "x"}, 422, "init_images"),
    ("img2img", {"prompt": "x", "init_images": []}, 422, "init_images"),
    ("img2img", {"prompt": "x", "init_images": ["!"]}, 422, "init_images"),
    ("img2img", {"prompt": "x", "init_images": ["http://127.0.0.1:9/"]}, 422, "init_images"),
    (
        "img2img",
        {"prompt": "x", "init_images": [base64_of((9, 9), "red")], "mask": base64_of((9, 9), "black")},
        422,
        "mask",
    ),
    ("png-info", {"image": "AAAA"}, 422, "image"),
    ("extra-single-image", {"image": base64_of((9, 9), "red"), "upscaler_1": "R-ESRGAN 4x+"}, 422, "upscaler_1"),
    ("interrogate", {"image": "x"}, 404, None),
]


def test_errors(client: Client, subtests: pytest.Subtests) -> None:
    for path, fields, status, field in ERRORS:
        with subtests.test(path=path, fields=str(fields)[:60]):
            answer = client.post(path, **fields)
            body = answer.json()
            assert answer.status_code == status, answer.text
            assert list(body) == ["error", "detail", "body", "errors"]
            if field:
                assert body["detail"][0]["loc"] == ["body", field]
                assert body["detail"][0]["msg"] == body["errors"]
            else:
                assert body["detail"] == body["errors"]


def test_whose_key_it_is(shop: Shop) -> None:
    def asked(**headers: str) -> int:
        return shop.client.get("/sdapi/v1/options", headers=headers).status_code

    def basic(text: str) -> str:
        return "Basic " + base64.b64encode(text.encode()).decode()

    assert asked(Authorization=f"Bearer {shop.key}") == 200
    assert asked(**{"X-API-Key": shop.key}) == 200
    assert asked(Authorization=basic(f"anybody:{shop.key}")) == 200
    assert asked(Authorization=basic(shop.key)) == 200
    assert asked(Authorization=basic("anybody:wrong")) == 401
    assert asked(Authorization="Basic nonsense!") == 401
    refused = shop.client.get("/sdapi/v1/options")
    assert (refused.status_code, refused.headers["www-authenticate"].split()[0]) == (401, "Basic")
    assert shop.client.get("/internal/ping").json() == {}
    # A browser sends a password that it knows for any page; what a page itself sends proves that it knows the key.
    assert asked(Authorization=basic(f"anybody:{shop.key}"), Origin="https://evil.example") == 403
    assert asked(Authorization=basic(f"anybody:{shop.key}"), Origin="http://easel.test") == 200
    assert asked(Authorization=f"Bearer {shop.key}", Origin="https://app.example") == 200


@pytest.mark.parametrize("scope", [Scope.READ, Scope.GENERATE])
def test_what_a_key_is_good_for(shop: Shop, scope: Scope) -> None:
    with shop.services.database.transaction() as session:
        client = Client(shop, create_key(session, shop.clock, shop.account_id, "narrow", [scope])[1])
    looks, draws = (200, 403) if scope is Scope.READ else (403, 200)
    for name in ("options", "progress", "sd-models"):
        assert client.get(name).status_code == looks
    for name in ("options", "interrupt", "skip"):
        assert client.post(name).status_code == draws
    assert client.post("txt2img", prompt="x").status_code == (403 if scope is Scope.READ else 504)


def test_an_open_server_needs_no_key(shop: Shop) -> None:
    with TestClient(create_app(replace(shop.services, keyless=shop.key)), base_url="http://easel.test") as client:
        assert client.get("/sdapi/v1/options").status_code == 200
        assert client.get("/sdapi/v1/options", headers={"X-API-Key": "wrong"}).status_code == 401
        assert client.get("/sdapi/v1/options", headers={"Origin": "https://evil.example"}).status_code == 403
        assert client.get("/sdapi/v1/options", headers={"Host": "evil.example"}).status_code == 403
        assert client.get("/sdapi/v1/options", headers={"Host": "127.0.0.1:8000"}).status_code == 200
        assert client.post("/api/v6/images/text2img", json={"prompt": "x"}).status_code == 401, "for this API alone"


VALUE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.lists(st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=5), st.floats() | st.text(max_size=3), max_size=2)
)
NAMES = sorted({*Txt2Img.model_fields, *Img2Img.model_fields} - {"prompt"})


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(path=st.sampled_from([TXT2IMG, IMG2IMG]), fields=st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=5))
def test_no_field_makes_it_fall_over(shop: Shop, path: str, fields: dict[str, Any]) -> None:
    body = json.dumps({"prompt": "\x07", **fields})  # refused at the latest for its prompt: nobody draws here
    answer = shop.client.post(path, content=body, headers={"Authorization": f"Bearer {shop.key}"})
    assert answer.status_code in (404, 422), answer.text
    assert list(answer.json()) == ["error", "detail", "body", "errors"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=st.dictionaries(st.text(max_size=9) | st.sampled_from(["sd_vae", "jpeg_quality"]), VALUE, max_size=4))
def test_no_option_makes_it_fall_over(shop: Shop, options: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {shop.key}"}
    answer = shop.client.post("/sdapi/v1/options", content=json.dumps(options), headers=headers)
    assert answer.status_code in (200, 404, 422), answer.text
    assert shop.client.get("/sdapi/v1/options", headers=headers).status_code == 200
