"""MCP on the wire: who may come in, what tools answer, and what they refuse. The official client is in acceptance."""

import base64
import io
import json
from typing import Any

from PIL import Image
from shop import Shop

from easel.accounts.keys import create_key
from easel.accounts.tables import Scope
from easel.billing import caps
from easel.domain.money import Micros
from easel.generations.queries import get_view

BOTH = "application/json, text/event-stream"


def post(shop: Shop, method: str, params: dict[str, Any], path: str = "/mcp", **headers: str) -> Any:
    sent = {"accept": BOTH, "authorization": f"Bearer {shop.key}", **headers}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return shop.client.post(path, json=body, headers={name: value for name, value in sent.items() if value})


def result(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    [data] = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    return json.loads(data)["result"]


def call(shop: Shop, tool: str, **arguments: Any) -> Any:
    return result(post(shop, "tools/call", {"name": tool, "arguments": arguments}))


def refusal(shop: Shop, tool: str, **arguments: Any) -> str:
    answer = call(shop, tool, **arguments)
    assert answer["isError"]
    return answer["content"][0]["text"]


def png(colour: str = "red", mode: str = "RGB") -> str:
    file = io.BytesIO()
    Image.new(mode, (128, 128), colour).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


class TestTheDoor:
    def test_a_key_is_needed(self, shop: Shop) -> None:
        answer = post(shop, "tools/list", {}, authorization="")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        said = {"code": -32600, "message": "Authentication required. Please provide a valid API key."}
        assert answer.json() == {"jsonrpc": "2.0", "id": None, "error": said}

    def test_an_unknown_key_is_refused(self, shop: Shop) -> None:
        answer = post(shop, "tools/list", {}, authorization="Bearer nobody")
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Invalid API key")

    def test_a_key_comes_in_a_header_of_its_own_too(self, shop: Shop) -> None:
        answer = post(shop, "tools/list", {}, "/mcp/v7/", authorization="", **{"x-api-key": shop.key})
        assert len(result(answer)["tools"]) == 9

    def test_pages_of_other_origins_are_refused(self, shop: Shop) -> None:
        for origin in ("https://elsewhere.test", "http://easel.test", "http://localhost.elsewhere", "x", "http://["):
            answer = post(shop, "tools/list", {}, origin=origin)
            assert answer.status_code == 403, origin
            assert "EASEL_PUBLIC_URL" in answer.json()["error"]["message"]
        for origin in ("http://localhost:6274", "http://127.0.0.1:8000", "http://[::1]:1"):
            assert post(shop, "tools/list", {}, origin=origin).status_code == 200, origin

    def test_only_post(self, shop: Shop) -> None:
        answer = shop.client.get("/mcp", headers={"authorization": f"Bearer {shop.key}"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

    def test_what_is_no_request_is_refused(self, shop: Shop) -> None:
        headers = {"accept": BOTH, "authorization": f"Bearer {shop.key}", "content-type": "application/json"}
        for body in (b"{", b"[]", b"[" * 10_000, b"\xff", b'{"jsonrpc": "2.0", "id": 1}'):
            assert shop.client.post("/mcp", content=body, headers=headers).status_code == 400, body[:20]


class TestTools:
    def test_each_has_schemas_and_says_whether_it_changes_anything(self, shop: Shop) -> None:
        tools = {tool["name"]: tool for tool in result(post(shop, "tools/list", {}))["tools"]}
        assert tools["text_to_image"]["inputSchema"]["required"] == ["prompt"]
        assert tools["inpaint"]["inputSchema"]["required"] == ["init_image", "mask_image"]
        assert tools["fetch"]["outputSchema"]["properties"]["pictures"]
        changing = {name for name, tool in tools.items() if not tool["annotations"]["readOnlyHint"]}
        assert changing == {"text_to_image", "image_to_image", "inpaint", "cancel"}

    def test_models_are_found(self, shop: Shop) -> None:
        told = call(shop, "list-models", search="EASEL starter", kind="checkpoint")["structuredContent"]
        assert [(model["model_id"], model["price"]) for model in told["models"]] == [("easel-starter", 0.0047)]
        everything = call(shop, "list_models", installed=False, limit=1)["structuredContent"]
        assert len(everything["models"]) == 1 < everything["total"]

    def test_a_model_is_described(self, shop: Shop) -> None:
        told = call(shop, "describe_model", model_id="easel-starter")["structuredContent"]
        assert told["limits"]["max_samples"] >= 1
        assert told["installed"]

    def test_a_quote_spends_nothing(self, shop: Shop) -> None:
        before = shop.money
        told = call(shop, "quote", samples=2)["structuredContent"]
        assert (told["cost"], told["can_be_ordered"], told["key"]) == (0.0094, True, None)
        assert shop.money == before

    def test_a_shape_becomes_a_size(self, shop: Shop) -> None:
        told = call(shop, "quote", aspect_ratio="2:1")["structuredContent"]
        assert told["width"] > told["height"]
        assert "not both" in refusal(shop, "quote", aspect_ratio="2:1", width=128)

    def test_the_money(self, shop: Shop) -> None:
        shop.submit()
        told = call(shop, "wallet_balance")["structuredContent"]
        assert (told["balance"], told["reserved"]) == (0.9953, 0.0047)

    def test_a_picture_is_ordered_and_fetched(self, shop: Shop) -> None:
        ordered = call(shop, "text_to_image", prompt="a red star", seed=7, wait=0)["structuredContent"]
        assert ordered["state"] == "queued"
        assert shop.draw() == ordered["id"]
        answer = call(shop, "fetch", id=ordered["id"])
        told = answer["structuredContent"]
        assert (told["state"], told["cost"], told["pictures"][0]["seed"]) == ("done", 0.0047, 7)
        text, image, link = answer["content"]
        assert "cost $0.0047" in text["text"]
        assert (image["type"], image["mimeType"]) == ("image", "image/png")
        assert link["uri"] == told["pictures"][0]["url"]
        assert shop.client.get(link["uri"]).content == base64.b64decode(image["data"])

    def test_a_failure_is_an_error_with_its_sentence(self, shop: Shop) -> None:
        number = call(shop, "text_to_image", prompt="a red star", wait=0)["structuredContent"]["id"]
        shop.draw(error="The weights are broken.")
        assert refusal(shop, "fetch", id=number) == f"Request {number} failed and cost nothing: The weights are broken."

    def test_a_request_is_cancelled(self, shop: Shop) -> None:
        number = call(shop, "text_to_image", prompt="a red star", wait=0)["structuredContent"]["id"]
        assert call(shop, "cancel", id=number)["structuredContent"]["state"] == "cancelled"
        assert shop.money[1] == 0

    def test_an_order_that_is_repeated_is_one(self, shop: Shop) -> None:
        asked = {"prompt": "a red star", "idempotency_key": "mine"}
        ids = {call(shop, "text_to_image", **asked, wait=wait)["structuredContent"]["id"] for wait in (0, 0.1)}
        assert len(ids) == 1
        assert "another request" in refusal(shop, "text_to_image", prompt="a star", idempotency_key="mine", wait=0)

    def test_pictures_to_begin_from(self, shop: Shop) -> None:
        told = call(shop, "inpaint-image", init_image=png(), mask_image=png("white", "L"), prompt="a star", wait=0)
        assert told["structuredContent"]["state"] == "queued"
        told = call(shop, "image_to_image", init_image=f"data:image/png;base64,{png()}", prompt="a star", wait=0)
        assert told["structuredContent"]["state"] == "queued"

    def test_a_large_picture_is_shown_small(self, shop: Shop) -> None:
        ordered = call(shop, "text_to_image", prompt="a red star", wait=0)["structuredContent"]
        shop.draw()
        with shop.services.database.transaction() as session:
            [key] = get_view(session, shop.clock, shop.account_id, ordered["id"]).artifact_keys
        file = io.BytesIO()
        Image.effect_noise((1024, 512), 90).convert("RGB").save(file, format="PNG")
        shop.services.blobs.put(key, file.getvalue())
        _, image, _ = call(shop, "fetch", id=ordered["id"])["content"]
        small = Image.open(io.BytesIO(base64.b64decode(image["data"])))
        assert (small.format, small.size, image["mimeType"]) == ("JPEG", (512, 256), "image/jpeg")


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("draw", {}, "There is no tool draw; there are list_models,"),
    ("text_to_image", {}, "prompt is required"),
    ("text_to_image", {"prompt": "x", "feature": "imagen"}, "feature is not taken; this tool takes"),
    ("text_to_image", {"prompt": "x", "samples": 0}, "samples: Input should be greater than or equal to 1"),
    ("text_to_image", {"prompt": "x", "width": 7}, "width must be between"),
    ("text_to_image", {"prompt": "x", "model_id": "nobody"}, "Model not found: nobody"),
    ("text_to_image", {"prompt": "x\x00"}, "prompt must not contain control characters"),
    ("text_to_image", {"prompt": "x", "webhook": "http://127.0.0.1/"}, "webhook"),
    ("image_to_image", {"init_image": "?"}, "init_image is neither an address"),
    ("image_to_image", {"init_image": "http://127.0.0.1:1/x.png"}, "Unable to fetch image"),
    ("image_to_image", {"init_image": "eA=="}, "init_image"),
    ("fetch", {"id": 10**30}, "Request not found"),
    ("cancel", {"id": 1}, "Request not found"),
]


class TestRefusals:
    def test_each_says_what_to_change(self, shop: Shop) -> None:
        for tool, arguments, sentence in REFUSED:
            assert sentence in refusal(shop, tool, **arguments), (tool, arguments)
        assert shop.money[1] == 0

    def test_a_key_that_may_only_look_orders_nothing(self, shop: Shop) -> None:
        with shop.services.database.transaction() as session:
            _, shop.key = create_key(session, shop.clock, shop.account_id, "watcher", [Scope.READ])
        assert "needs generate" in refusal(shop, "text_to_image", prompt="x", wait=0)

    def test_a_key_that_may_only_order_comes_in(self, shop: Shop) -> None:
        with shop.services.database.transaction() as session:
            _, shop.key = create_key(session, shop.clock, shop.account_id, "maker", [Scope.GENERATE])
        assert call(shop, "text_to_image", prompt="x", wait=0)["structuredContent"]["state"] == "queued"
        assert "needs read" in refusal(shop, "wallet_balance")

    def test_a_cap_is_told_and_holds(self, shop: Shop) -> None:
        with shop.services.database.transaction() as session:
            key, shop.key = create_key(session, shop.clock, shop.account_id, "agent")
            caps.set_cap(session, key.id, total=Micros(5000), monthly=None)
        assert not call(shop, "text_to_image", prompt="x", wait=0)["isError"]
        told = call(shop, "quote")["structuredContent"]
        assert not told["can_be_ordered"]
        assert told["obstacle"].startswith("This key may spend $0.005 in all, and has $0.0003 left")
        assert refusal(shop, "text_to_image", prompt="x", wait=0) == told["obstacle"]
        spending = call(shop, "wallet_balance")["structuredContent"]["key"]
        assert spending == {"cap": 0.005, "monthly_cap": None, "spent": 0.0047, "left": 0.0003}
