"""What there is beside drawing: assets, counts, uploads, model lists, and what is refused with a sentence."""

import base64
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from shop import TEXT2IMG, Shop

from easel.accounts.keys import create_key
from easel.accounts.queries import create_account, get_account
from easel.accounts.tables import Role, Scope
from easel.gateway.app import create_app
from easel.gateway.dialects.modelslab.deeds import NOT_HERE, OPERATE
from easel.gateway.dialects.modelslab.paths import ENTERPRISE

AGENTS = "/api/agents/v1/models"


def picture(width: int = 192, height: int = 128) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


def size_at(shop: Shop, link: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(shop.client.get(link).content)).size


@pytest.fixture
def operator(shop: Shop) -> Shop:
    """The same shop, with a key that may do what its account's role may."""
    with shop.services.database.transaction() as session:
        get_account(session, shop.account_id).role = Role.ADMIN
        session.flush()
        return replace(shop, key=create_key(session, shop.clock, shop.account_id, "all", list(Scope))[1])


def test_what_was_drawn_is_listed_and_deleted(shop: Shop) -> None:
    ids = [shop.submit(samples=2).json()["id"] for _ in range(3)]
    for _ in ids:
        shop.draw()
    shop.submit()
    first = shop.post("/api/assets_generated", per_page="2").json()
    assert [asset["id"] for asset in first["data"]] == ids[:0:-1]
    assert [len(asset["output"]) for asset in first["data"]] == [2, 2]
    assert first["pagination"] == {"current_page": 1, "per_page": 2, "total": 3, "last_page": 2, "from": 1, "to": 2}
    last = shop.client.get("/api/v6/assets_generated", params={"key": shop.key, "per_page": 2, "page": 2}).json()
    assert [asset["id"] for asset in last["data"]] == ids[:1]
    assert shop.post("/api/assets_generated", page=10**15).json()["data"] == []

    [gone, _] = last["data"][0]["output"]
    assert shop.post("/api/v3/delete_image", request_id=str(ids[0])).json()["message"] == "image deleted"
    assert shop.client.get(gone).status_code == 404
    fetched = shop.post(f"/api/v6/images/fetch/{ids[0]}").json()
    assert (
        fetched["message"]
        == "These pictures were deleted, on request or because results are kept here for a time only."
    )
    assert shop.post("/api/assets_generated").json()["pagination"]["total"] == 2
    assert shop.post("/api/v3/delete_image", request_id=ids[0]).status_code == 200, "once more changes nothing"


def test_only_ones_own_pictures_are_deleted(shop: Shop) -> None:
    number = shop.submit().json()["id"]
    shop.draw()
    with shop.services.database.transaction() as session:
        other = create_account(session, shop.clock, "Bob")
        _, key = create_key(session, shop.clock, other.id, "test")
    asked = {"key": key, "request_id": number}
    assert shop.client.post("/api/v3/delete_image", json=asked).status_code == 404
    assert shop.client.post("/api/assets_generated", json={"key": key}).json()["data"] == []
    assert shop.post("/api/v3/delete_image", request_id=number, type="video").status_code == 400
    waiting = shop.submit().json()["id"]
    answer = shop.post("/api/v3/delete_image", request_id=waiting)
    assert (answer.status_code, "not finished yet" in answer.json()["message"]) == (409, True)


def test_requests_under_way_are_counted_thirty_times_a_minute(shop: Shop) -> None:
    shop.submit()
    path = "/api/v6/processing/request_count"
    answers = [shop.post(path) for _ in range(31)]
    assert answers[0].json()["processing_count"] == 1
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert answers[-1].json()["retry_after"] >= 1
    shop.clock.advance(timedelta(minutes=1))
    assert shop.post(path).status_code == 200


def test_what_the_plan_gives(shop: Shop) -> None:
    path = "/api/subscribed_products"
    assert shop.post(path).json()["data"]["imagen"]["total_api_call"] is None
    with shop.services.database.transaction() as session:
        get_account(session, shop.account_id).plan = "free"
    shop.submit(samples=4)
    product = shop.client.request("GET", path, json={"key": shop.key}).json()["data"]["imagen"]
    assert product == {"total_api_call": 20, "api_call_remaining": 16, "percentage_used": 20}


def test_the_queue(shop: Shop) -> None:
    assert shop.post("/api/v3/system_load").json() == {"queue_num": 0, "queue_time": 0.0, "status": "ok"}
    number = shop.submit().json()["id"]
    load = shop.post("/api/v3/system_load").json()
    assert (load["queue_num"], load["queue_time"] > 0) == (1, True)
    for prefix in ENTERPRISE:
        assert shop.post(f"{prefix}/system_details").json()["status"] == "ok"
    cleared = shop.post(f"{ENTERPRISE[0]}/clear_queue").json()
    assert cleared["message"] == "Queue cleared, 1 of your requests were cancelled"
    assert (
        shop.post(f"/api/v6/images/fetch/{number}").json()["tip"] == "The request was cancelled; nothing was charged."
    )
    assert shop.post("/api/v5/clear_cache").json()["message"] == "Cache cleared"
    assert shop.client.get("/api/v5/clear_cache", params={"key": shop.key}).json()["message"] == "Cache cleared"


class TestPictures:
    def test_a_crop(self, shop: Shop) -> None:
        answer = shop.post("/api/v3/base64_crop", image=f"data:image/png;base64,{picture()}").json()
        assert (answer["status"], answer["messege"]) == ("success", "image uploaded")
        assert size_at(shop, answer["link"]) == (512, 512)
        whole = shop.post("/api/v3/base64_crop", image=picture(), crop="false").json()
        assert size_at(shop, whole["link"]) == (192, 128)

    def test_an_upload_is_a_link_for_a_day_that_may_be_begun_from(self, shop: Shop) -> None:
        for path in ("/api/v6/base64_to_url", "/api/v6/image_editing/base64_to_url"):
            answer = shop.post(path, base64_string=picture()).json()
            assert isinstance(answer["id"], int)
            [link] = answer["output"]
        begun = shop.post("/api/v6/images/img2img", init_image=link).json()
        assert begun["meta"]["W"] == 192
        shop.clock.advance(timedelta(hours=25))
        assert shop.client.get(link).status_code == 403

    def test_an_upload_to_the_server(self, shop: Shop) -> None:
        for prefix in ENTERPRISE:
            answer = shop.post(f"{prefix}/upload_image", base64_image=picture(), image_type="png").json()
            assert size_at(shop, answer["image_url"]) == (192, 128)

    def test_an_enlargement(self, shop: Shop) -> None:
        answer = shop.post("/api/v3/super_resolution", url=picture(), scale="2", model_id="x4plus").json()
        assert size_at(shop, answer["output"]) == (384, 256)
        assert answer["warning"] == "The picture was resampled; x4plus was not used."

    def test_what_is_wrong(self, shop: Shop, subtests: pytest.Subtests) -> None:
        for path, fields, sentence in (
            ("/api/v3/base64_crop", {}, "image is required"),
            ("/api/v3/base64_crop", {"image": "nonsense!"}, "image is neither an address"),
            ("/api/v6/base64_to_url", {"base64_string": "AAAA"}, "no picture that can be read"),
            ("/api/v6/base64_to_url", {"base64_string": "A" * 8_000_000}, "larger than 5 MB"),
            ("/api/v3/super_resolution", {"url": picture(), "scale": 5}, "scale must be between 1 and 4"),
            ("/api/v3/super_resolution", {"url": picture(2000, 2000), "scale": 4}, "which is too large"),
            ("/api/v3/super_resolution", {"url": "http://127.0.0.1:9/"}, "private or local address"),
        ):
            with subtests.test(path, sentence=sentence):
                answer = shop.post(path, **fields)
                assert (answer.status_code, answer.json()["status"]) == (400, "error")
                assert sentence in answer.json()["message"]


def test_a_prompt_is_looked_at(shop: Shop) -> None:
    answer = shop.post("/api/check_nsfw_cp", prompt="a red star").json()
    assert answer == {
        "status": "success", "is_cp": False, "is_nsfw": False,
        "original_prompt": "a red star", "filtered_prompt": "a red star",
    }  # fmt: skip
    assert shop.post("/api/check_nsfw_cp", prompt="a nude woman").json()["is_nsfw"] is True
    assert shop.post("/api/check_nsfw_cp").json()["message"] == "prompt is required"


class TestModels:
    def test_search(self, shop: Shop) -> None:
        answer = shop.client.get("/api/v7/models", params={"key": shop.key, "search": "STARTER easel", "limit": 1})
        [model] = answer.json()["data"]
        assert (model["model_id"], model["status"], model["price"]) == ("easel-starter", "model_ready", 0.0047)
        for narrowed in ({"provider": "nobody"}, {"feature": "videofusion"}, {"search": "no such"}, {"tags": "x"}):
            assert shop.post("/api/v7/models", **narrowed).json()["data"] == []
        listed = shop.post("/api/v7/models", sort="desc").json()["data"]
        names = [one["name"].casefold() for one in listed]
        assert names == sorted(names, reverse=True)

    def test_the_agents_envelope(self, shop: Shop) -> None:
        headers = {"Authorization": f"Bearer {shop.key}"}
        for prefix in (AGENTS, "/api/v6/model-search"):
            answer = shop.client.get(prefix, params={"search": "starter"}, headers=headers)
            assert answer.json()["data"][0]["model_id"] == "easel-starter"
            assert answer.json()["error"] is None
            assert answer.json()["meta"]["total"] >= 1
            assert answer.headers["x-ratelimit-remaining"] == "5"
            assert int(answer.headers["x-ratelimit-reset"]) > 0
            assert "imagen" in shop.client.get(f"{prefix}/filters", headers=headers).json()["data"]["feature"]
            providers = shop.client.get(f"{prefix}/providers", headers=headers).json()["data"]
            assert "easel" in {one["name"] for one in providers}
            assert shop.client.get(f"{prefix}/tags", headers=headers).status_code == 200
            detail = shop.client.get(f"{prefix}/easel-starter", headers=headers).json()["data"]
            [first, *_] = detail["endpoint_configurations"]
            assert (first["name"], first["config"]["path"]) == ("text-to-image", "/api/v7/images/text-to-image")
            assert "prompt" in first["parameters"]["properties"]

    def test_errors_of_the_agents_api(self, shop: Shop) -> None:
        for path, key, status, code in (
            (f"{AGENTS}/nothing", shop.key, 404, "not_found"),
            (AGENTS, "sk-nobody", 401, "unauthenticated"),
            (f"{AGENTS}?page=many", shop.key, 400, "validation_error"),
            ("/api/agents/v1/nothing", shop.key, 404, "not_found"),
        ):
            answer = shop.client.get(path, headers={"Authorization": f"Bearer {key}"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
            assert answer.json()["data"] is None

    def test_on_the_server(self, operator: Shop) -> None:
        prefix = ENTERPRISE[0]
        assert operator.post(f"{prefix}/verify_model", model_id="easel-starter").json()["status"] == "success"
        assert operator.post(f"{prefix}/verify_model", model_id="2-v1").status_code == 400
        ids = [model["model_id"] for model in operator.post(f"{prefix}/get_all_models").json()["models"]]
        assert operator.post(f"{prefix}/sync_models").json()["model_list"] == ids
        assert len(operator.post(f"{prefix}/schedulers_list").json()["schedulers"]) == 17
        deleted = operator.post(f"{prefix}/delete_model", model_id="easel-starter").json()
        assert deleted["message"] == "Model deleted on server"
        assert operator.post(f"{prefix}/delete_model", model_id="easel-starter").status_code == 400
        assert operator.submit().status_code == 400
        assert operator.post("/api/v6/images/model_reload", model_id="easel-starter").status_code == 400

    def test_finetune_list_and_reload(self, shop: Shop) -> None:
        assert shop.post("/api/v3/finetune_list").json()["messege"] == "model list"
        answer = shop.post("/api/v4/dreambooth/model_reload", model_id="easel-starter").json()
        assert answer["message"] == "Model easel-starter is installed; its first request loads it."


def test_what_is_not_here_says_where_it_is(operator: Shop) -> None:
    """An operator, who may do everything that is here."""
    did = {"delete_model", "sync_models", "load_model", "load_model_v2", "load_vae"}
    paths = [path for deed in (*OPERATE, *NOT_HERE) for path in deed.paths if path.rsplit("/", 1)[1] not in did]
    assert len(paths) > 30
    for path in paths:
        answer = operator.post(path.replace("{id}", "abc"))
        assert (answer.status_code, answer.json()["status"]) == (403, "error"), path
        assert answer.json()["message"].startswith("Feature not available: "), path
        assert answer.json()["message"] == answer.json()["messege"]


def test_a_member_hears_no_more_than_that(shop: Shop) -> None:
    answer = shop.post(f"{ENTERPRISE[0]}/restart_server")
    assert (answer.status_code, "Feature" in answer.json()["message"]) == (403, False)


def test_what_fields_are_when_they_are_left_out_is_the_installations_to_say(shop: Shop) -> None:
    services = replace(shop.services, modelslab_defaults={"use_karras_sigmas": "yes", "steps": "7"})
    with TestClient(create_app(services)) as client:
        body = {"key": shop.key, "prompt": "a red star", "num_inference_steps": None}
        meta = client.post(TEXT2IMG, json=body).json()["meta"]
        assert (meta["use_karras_sigmas"], meta["steps"]) == ("yes", 7)
        said = client.post(TEXT2IMG, json={**body, "use_karras_sigmas": False, "steps": 9}).json()["meta"]
        assert (said["use_karras_sigmas"], said["steps"]) == ("no", 9)


def test_old_paths_may_answer_errors_with_200(shop: Shop) -> None:
    with TestClient(create_app(replace(shop.services, old_paths_answer_200=True))) as client:
        for path, status in (("/api/v3/text2img", 200), ("/api/v4/dreambooth", 200), (TEXT2IMG, 401)):
            answer = client.post(path, json={"key": "sk-nobody", "prompt": "a red star"})
            assert (answer.status_code, answer.json()["status"]) == (status, "error")
