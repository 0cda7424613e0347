"""ModelsLab's own Python client, as published, and the requests of older ones, against a real server."""

import asyncio
import http.client
import json
import urllib.request
import warnings
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from pydantic import PydanticDeprecatedSince20

with warnings.catch_warnings(action="ignore", category=PydanticDeprecatedSince20):
    from modelslab_py.core.apis.community import Community
    from modelslab_py.core.apis.realtime import Realtime
    from modelslab_py.core.client import Client
    from modelslab_py.schemas.community import Image2Image, Inpainting, Text2Image
    from modelslab_py.schemas.realtime import RealtimeImage2ImageSchema, RealtimeText2ImageSchema

# The client is written in pydantic's older words.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")

PNG = b"\x89PNG\r\n\x1a\n"
ASKED = {"prompt": "a large green heart", "model_id": "easel-starter", "num_inference_steps": 4, "seed": 7}


@pytest.fixture
def client(server: Any) -> Client:
    client = Client(server.key, fetch_retry=100, fetch_timeout=1)
    client.base_url = server.base_url + "/api/"
    return client


def download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def test_text_to_image(client: Client) -> None:
    answer = Community(client).text_to_image(Text2Image(**ASKED, samples=2, safety_checker="no"))
    assert answer["status"] == "success"
    assert answer["meta"]["seed"] == 7
    assert [download(link)[:8] for link in answer["output"]] == [PNG, PNG]


def test_fetch(client: Client) -> None:
    community = Community(client)
    submitted = community.text_to_image(Text2Image(**ASKED))
    fetched = community.fetch(str(submitted["id"]))
    assert fetched["status"] == "success"
    assert fetched["output"] == submitted["output"]


def test_realtime(client: Client) -> None:
    asked = RealtimeText2ImageSchema(prompt="a red star", width=128, height=128, num_inference_steps=4, base64=False)
    answer = Realtime(client).text_to_image(asked)
    assert answer["status"] == "success"
    assert Realtime(client).fetch(str(answer["id"]))["status"] == "success"


def test_a_picture_from_a_picture(client: Client) -> None:
    community = Community(client)
    [drawn] = community.text_to_image(Text2Image(**ASKED, width=128, height=128))["output"]
    again = community.image_to_image(Image2Image(**ASKED, init_image=drawn, clip_skip=1))
    assert again["status"] == "success"
    assert again["meta"]["init_image"] == drawn
    patched = community.inpainting(Inpainting(**ASKED, init_image=drawn, mask_image=drawn))
    assert patched["status"] == "success"
    assert download(patched["output"][0])[:8] == PNG
    realtime = RealtimeImage2ImageSchema(prompt="a red star", init_image=drawn, num_inference_steps=4)
    assert Realtime(client).image_to_image(realtime)["status"] == "success"


def test_the_twins_that_wait_for_nobody(client: Client) -> None:
    client.fetch_timeout = 60  # of a request, too, for these

    async def act() -> dict[str, Any]:
        async with client:
            submitted = await Community(client).async_text_to_image(Text2Image(**ASKED, width=128, height=128))
            return await Community(client).async_fetch(str(submitted["id"]))

    assert asyncio.run(act())["status"] == "success"


def test_a_server_of_ones_own(client: Client) -> None:
    server = Community(client, enterprise=True)
    assert server.system_details()["status"] == "ok"
    assert server.clear_cache()["message"] == "Cache cleared successfully"
    assert server.clear_queue()["status"] == "success"
    with pytest.raises(Exception, match=r"status code 403: .*Feature not available"):
        server.restart()


def test_refusals_reach_the_caller(client: Client) -> None:
    with pytest.raises(Exception, match=r"status code 400: .*Model not found: nothing"):
        Community(client).text_to_image(Text2Image(**ASKED | {"model_id": "nothing"}))
    client.api_key = "sk-unknown"
    with pytest.raises(Exception, match=r"status code 401: .*Invalid API key"):
        Community(client).text_to_image(Text2Image(**ASKED))


def test_query_string_and_absolute_request_line(server: Any) -> None:
    """StableDiffusionAPI 0.0.5: no body, the key as a header, and a whole URL where the path belongs."""
    host = urlsplit(server.base_url).netloc
    query = urlencode({"prompt": "a red star", "width": 128, "height": 128, "samples": 1, "steps": 4})
    submitted = post(host, f"/api/v3/text2img?{query}", server.key)
    assert submitted["status"] in ("success", "processing")
    fetched = post(host, f"{server.base_url}/api/v3/fetch/{submitted['id']}", server.key)
    assert fetched["status"] == submitted["status"]


def post(host: str, target: str, key: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request("POST", target, "", {"key": key})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
