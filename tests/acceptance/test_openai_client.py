"""The official `openai` client, as published, against a real server with the starter model."""

import base64
import io
from collections.abc import Iterator

import httpx2
import openai
import pytest
from conftest import Server
from PIL import Image

PROMPT = "a red circle on a blue background"


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=server.key, base_url=f"{server.base_url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def drawn(client: openai.OpenAI) -> bytes:
    """A picture that edits begin from."""
    answer = client.images.generate(prompt=PROMPT, model="easel-starter")
    return bytes_of(answer)


def bytes_of(answer: openai.types.ImagesResponse, index: int = 0) -> bytes:
    assert answer.data
    return base64.b64decode(answer.data[index].b64_json or "")


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def test_a_picture_with_everything_that_may_be_said(client: openai.OpenAI) -> None:
    answer = client.images.generate(
        prompt=PROMPT,
        model="gpt-image-2",
        n=2,
        size="128x128",
        quality="low",
        background="transparent",
        moderation="low",
        output_format="webp",
        output_compression=80,
        style="vivid",
        user="me",
    )
    assert answer.data
    assert len(answer.data) == 2
    assert [opened(bytes_of(answer, index)).format for index in range(2)] == ["WEBP", "WEBP"]
    assert (answer.size, answer.output_format, answer.background) == ("128x128", "webp", "opaque")
    assert answer.usage
    assert answer.usage.output_tokens == 2 * 64
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    said = " ".join((answer.model_extra or {})["easel"]["warnings"])
    assert "gpt-image-2 is not here" in said
    assert "opaque" in said
    assert "style has no effect" in said


def test_a_link(client: openai.OpenAI) -> None:
    answer = client.images.generate(prompt=PROMPT, response_format="url", quality="low", size="128x128")
    assert answer.data
    link = answer.data[0].url
    assert link
    assert opened(httpx2.get(link).content).size == (128, 128)


def test_a_size_that_the_model_does_not_draw_becomes_the_nearest(client: openai.OpenAI) -> None:
    answer = client.images.generate(prompt=PROMPT, size="1536x1024", quality="low")
    width, height = opened(bytes_of(answer)).size
    assert width / height == pytest.approx(1.5, abs=0.1)
    assert answer.size == f"{width}x{height}"


def test_a_stream_shows_the_picture_on_its_way(client: openai.OpenAI) -> None:
    stream = client.images.generate(prompt=PROMPT, stream=True, partial_images=2, output_format="jpeg")
    events = list(stream)
    assert events[-1].type == "image_generation.completed"
    assert events[-1].usage.output_tokens > 0
    partial = [event for event in events if event.type == "image_generation.partial_image"]
    assert [event.partial_image_index for event in partial] == list(range(len(partial)))
    assert len(partial) <= 2
    sizes = {opened(base64.b64decode(event.b64_json)).size for event in events}
    assert len(sizes) == 1
    assert opened(base64.b64decode(events[-1].b64_json)).format == "JPEG"


def test_an_edit_of_what_the_mask_leaves_open(client: openai.OpenAI, drawn: bytes) -> None:
    before = opened(drawn).convert("RGB")
    mask = Image.new("RGBA", before.size, (0, 0, 0, 255))
    half = before.width // 2
    mask.paste((0, 0, 0, 0), (0, 0, half, before.height))
    file = io.BytesIO()
    mask.save(file, format="PNG")
    answer = client.images.edit(
        image=("picture.png", drawn, "image/png"),
        mask=("mask.png", file.getvalue(), "image/png"),
        prompt="a yellow circle on a green background",
        quality="low",
    )
    after = opened(bytes_of(answer)).convert("RGB")
    assert after.size == before.size
    kept = (before.width - 8, 8)
    assert after.getpixel(kept) == before.getpixel(kept)
    assert after.crop((0, 0, half, before.height)).tobytes() != before.crop((0, 0, half, before.height)).tobytes()


def test_an_edit_without_a_mask_and_with_more_images(client: openai.OpenAI, drawn: bytes) -> None:
    answer = client.images.edit(image=[drawn, drawn], prompt=PROMPT, input_fidelity="high", quality="low")
    assert opened(bytes_of(answer)).size == opened(drawn).size
    assert "the first was used" in (answer.model_extra or {})["easel"]["warnings"][0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client's own, of a route that OpenAI gives up
def test_a_variation(client: openai.OpenAI, drawn: bytes) -> None:
    answer = client.images.create_variation(image=drawn, response_format="b64_json")
    assert opened(bytes_of(answer)).size == opened(drawn).size


def test_the_models(client: openai.OpenAI) -> None:
    assert "easel-starter" in [model.id for model in client.models.list()]
    assert client.models.retrieve("easel-starter").owned_by == "easel"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")


def test_errors_are_the_clients_own(client: openai.OpenAI, server: Server) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.images.generate(prompt=PROMPT, model="nobody")
    assert (unknown.value.param, unknown.value.code) == ("model", "model_not_found")
    with pytest.raises(openai.BadRequestError) as wrong:
        client.images.generate(prompt=PROMPT, n=11)
    assert wrong.value.param == "n"
    with pytest.raises(openai.BadRequestError) as no_picture:
        client.images.edit(image=b"no picture", prompt=PROMPT)
    assert no_picture.value.param == "image"
    with (
        openai.OpenAI(api_key="sk-nobody", base_url=f"{server.base_url}/v1", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        stranger.images.generate(prompt=PROMPT)
    assert refused.value.code == "invalid_api_key"


@pytest.mark.anyio
async def test_the_asynchronous_client(server: Server) -> None:
    async with openai.AsyncOpenAI(api_key=server.key, base_url=f"{server.base_url}/v1", max_retries=0) as client:
        answer = await client.images.generate(prompt=PROMPT, size="128x128", quality="low")
    assert opened(bytes_of(answer)).size == (128, 128)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
