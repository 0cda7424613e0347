"""The official `mcp` client, as published, against a real server with the starter model: all that an agent does."""

import base64
import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import pytest
from conftest import Server
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image

from easel.accounts.keys import create_key
from easel.accounts.queries import create_account
from easel.billing import caps, ledger
from easel.db.session import Database
from easel.domain.money import Micros
from easel.kit.clock import SystemClock

pytestmark = pytest.mark.anyio

PROMPT = "a red circle on a blue background"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def connected(server: Server, key: str, mode: str = "auto") -> AsyncGenerator[Client]:
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=120) as http:
        async with Client(streamable_http_client(f"{server.base_url}/mcp", http_client=http), mode=mode) as client:
            yield client


def picture(result: CallToolResult) -> Image.Image:
    assert not result.is_error, result.content
    [image] = [part for part in result.content if isinstance(part, ImageContent)]
    opened = Image.open(io.BytesIO(base64.b64decode(image.data)))
    opened.load()
    return opened.convert("RGB")


def sentence(result: CallToolResult) -> str:
    assert result.is_error
    [text] = result.content
    assert isinstance(text, TextContent)
    return text.text


async def test_what_an_agent_does(server: Server) -> None:
    async with connected(server, server.key) as client:
        assert len((await client.list_tools()).tools) == 9
        listed = (await client.call_tool("list_models", {"kind": "checkpoint"})).structured_content
        model = listed["models"][0]["model_id"]
        about = (await client.call_tool("describe_model", {"model_id": model})).structured_content
        assert about["limits"]["max_samples"] > 1
        quoted = (await client.call_tool("quote", {"samples": 2})).structured_content
        assert quoted["can_be_ordered"]

        told: list[tuple[float, float | None, str | None]] = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            told.append((progress, total, message))

        asked = {"prompt": PROMPT, "width": 128, "height": 128, "wait": 100}
        drawn = await client.call_tool("text_to_image", {**asked, "seed": 5}, progress_callback=hear)
        assert drawn.structured_content["state"] == "done"
        assert [done for done, _, _ in told] == sorted({done for done, _, _ in told})
        assert any(message and message.startswith("step ") for _, _, message in told)
        assert told[-1][0] == 1.0
        before = picture(drawn)
        assert before.size == (128, 128)
        link = drawn.structured_content["pictures"][0]["url"]
        assert Image.open(io.BytesIO(httpx2.get(link).content)).convert("RGB").tobytes() == before.tobytes()

        changed = await client.call_tool(
            "image_to_image", {"prompt": "a green square", "init_image": link, "strength": 0.9, "wait": 100}
        )
        assert picture(changed).size == before.size

        mask = Image.new("L", before.size, 0)
        mask.paste(255, (0, 0, 64, 128))
        painted = await client.call_tool(
            "inpaint", {"prompt": "a yellow star", "init_image": link, "mask_image": encoded(mask), "wait": 100}
        )
        after = picture(painted)
        assert after.getpixel((120, 8)) == before.getpixel((120, 8))
        assert after.crop((0, 0, 64, 128)).tobytes() != before.crop((0, 0, 64, 128)).tobytes()

        again = await client.call_tool("fetch", {"id": painted.structured_content["id"]})
        assert picture(again).tobytes() == after.tobytes()


async def test_an_older_client(server: Server) -> None:
    """One that begins with `initialize`, as protocols before 2026-07-28 have it."""
    async with connected(server, server.key, mode="legacy") as client:
        told: list[float] = []

        async def hear(progress: float, _: float | None, __: str | None) -> None:
            told.append(progress)

        asked = {"prompt": PROMPT, "width": 128, "height": 128, "wait": 100}
        drawn = await client.call_tool("text-to-image", asked, progress_callback=hear)
        assert picture(drawn).size == (128, 128)
        assert told[-1] == 1.0
        assert "Request not found" in sentence(await client.call_tool("fetch", {"id": 1}))


async def test_a_request_that_is_not_waited_for(server: Server) -> None:
    async with connected(server, server.key) as client:
        ordered = await client.call_tool("text_to_image", {"prompt": PROMPT, "wait": 0})
        assert ordered.structured_content["state"] in ("queued", "running")
        number = ordered.structured_content["id"]
        fetched = await client.call_tool("fetch", {"id": number, "wait": 100})
        assert fetched.structured_content["state"] == "done"
        ended = await client.call_tool("cancel", {"id": number})
        assert ended.structured_content["state"] == "done"


async def test_an_agent_does_not_get_past_its_cap(server: Server) -> None:
    key = capped_key(server)
    async with connected(server, key) as client:
        asked = {"prompt": PROMPT, "width": 128, "height": 128, "wait": 100}
        assert picture(await client.call_tool("text_to_image", asked)).size == (128, 128)
        refused = sentence(await client.call_tool("text_to_image", asked))
        assert refused.startswith("This key may spend $0.005 in all, and has $0.0003 left; this costs $0.0047.")
        balance = (await client.call_tool("wallet_balance", {})).structured_content
        assert balance["key"]["left"] == 0.0003
        _, other_door = server.post("/api/v6/images/text2img", key=key, prompt=PROMPT)
        assert other_door["message"] == refused


async def test_a_stranger(server: Server) -> None:
    refused: BaseException | None = None
    try:
        async with connected(server, "nobody") as client:
            await client.list_tools()
    except Exception as error:  # of one protocol alone, of another in a group
        refused = first(error)
    assert isinstance(refused, MCPError | httpx2.HTTPStatusError)


def capped_key(server: Server) -> str:
    """Of an account that pays, with money enough for much more."""
    database, clock = Database(server.database_url()), SystemClock()
    with database.transaction() as session:
        account = create_account(session, clock, "payer")
        ledger.credit(session, clock, account.id, Micros(1_000_000), key="for the payer")
        key, secret = create_key(session, clock, account.id, "agent")
        caps.set_cap(session, key.id, total=Micros(5000), monthly=None)
    database.close()
    return secret


def first(error: BaseException) -> BaseException:
    return first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def encoded(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()
