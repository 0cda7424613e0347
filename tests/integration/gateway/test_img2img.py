"""Image to image and inpainting over HTTP: where pictures may come from, and which cannot be had."""

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from receiver import Answer, Receiver
from shop import MONEY, Shop

from easel.accounts.queries import get_account
from easel.artifacts.reading import MOST_BYTES
from easel.gateway.app import create_app
from easel.gateway.dialects.modelslab.paths import DOORS, Operation
from easel.kit.fetch import Fetcher

IMG2IMG = "/api/v6/images/img2img"
INPAINT = "/api/v6/images/inpaint"


def picture(width: int = 192, height: int = 128, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(file, format=format, **options)
    return file.getvalue()


PICTURE = picture()
MASK = picture()
TEXT = base64.b64encode(PICTURE).decode()


@pytest.fixture
def near(shop: Shop) -> Iterator[Shop]:
    """A gateway that may fetch from this machine."""
    services = replace(shop.services, fetcher=Fetcher(allow_private=True, seconds=1.0, max_bytes=MOST_BYTES))
    with TestClient(create_app(services), base_url="http://easel.test") as client:
        yield replace(shop, client=client)


class TestWhereItComesFrom:
    def test_base64(self, shop: Shop, subtests: pytest.Subtests) -> None:
        spellings: dict[str, object] = {
            "bare": TEXT,
            "data URI": f"data:image/png;base64,{TEXT}",
            "lines": f" {TEXT[:80]}\n{TEXT[80:]} ",
            "unpadded": TEXT.rstrip("="),
            "URL alphabet": base64.urlsafe_b64encode(PICTURE).decode(),
            "list": [TEXT, TEXT],
        }
        for name, sent in spellings.items():
            with subtests.test(name):
                answer = shop.post(IMG2IMG, prompt="a red star", init_image=sent, strength="0.5").json()
                meta = answer["meta"]
                assert (meta["W"], meta["H"], meta["strength"]) == (192, 128, 0.5)
                assert shop.client.get(meta["init_image"]).headers["content-type"] == "image/png"
                said = "Of 2 pictures in init_image the first" in answer.get("warning", "")
                assert said == isinstance(sent, list)
                shop.cancel(answer["id"])

    def test_an_address(self, near: Shop, receiver: Receiver) -> None:
        receiver.answer = lambda _: Answer(body=PICTURE)
        address = f"{receiver.url}/photo.png"
        answer = near.post(IMG2IMG, prompt="a red star", init_image=address).json()
        assert answer["meta"]["init_image"] == address
        assert answer["meta"]["W"] == 192

    def test_a_redirect_is_followed(self, near: Shop, receiver: Receiver) -> None:
        there = {"Location": f"{receiver.url}/there"}
        receiver.answer = lambda asked: Answer(body=PICTURE) if asked.path == "/there" else Answer(302, there)
        assert near.post(IMG2IMG, init_image=f"{receiver.url}/here").json()["status"] == "processing"

    def test_a_link_of_ours_needs_no_network(self, shop: Shop) -> None:
        """The fetcher of this gateway would refuse the address."""
        first = shop.post(IMG2IMG, init_image=TEXT).json()["meta"]["init_image"]
        for link in (first, f"{first}.base64", first.replace("http://easel.test", "http://127.0.0.1:8000")):
            assert shop.post(IMG2IMG, init_image=link).json()["meta"]["init_image"] == link

    def test_a_forged_link_of_ours_is_an_address_like_any_other(self, shop: Shop) -> None:
        answer = shop.post(IMG2IMG, init_image="http://127.0.0.1:9/files/0-x/inputs/1.png")
        assert (answer.status_code, answer.json()["status"]) == (400, "error")
        assert "leads to a private or local address" in answer.json()["message"]

    def test_an_uploaded_file(self, shop: Shop) -> None:
        answer = shop.client.post(IMG2IMG, data={"key": shop.key}, files={"init_image": PICTURE}).json()
        assert answer["meta"]["W"] == 192

    def test_a_photograph_is_turned_upright(self, shop: Shop) -> None:
        exif = Image.Exif()
        exif[274] = 6
        sent = base64.b64encode(picture(format="JPEG", exif=exif)).decode()
        meta = shop.post(IMG2IMG, init_image=sent).json()["meta"]
        assert (meta["W"], meta["H"]) == (128, 192)


class TestWhatCannotBeHad:
    def test_addresses_inside(self, shop: Shop, subtests: pytest.Subtests) -> None:
        for host in ("127.0.0.1", "2130706433", "0x7f000001", "[::ffff:10.0.0.1]", "[fe80::1]", "169.254.169.254"):
            with subtests.test(host):
                refused(shop, "leads to a private or local address", init_image=f"http://{host}:9/photo.png")

    def test_a_name_that_leads_inside(self, shop: Shop) -> None:
        """One whose second look-up would answer differently: there is none."""
        answers = iter([["8.8.8.8", "127.0.0.1"], ["8.8.8.8"]])
        services = replace(shop.services, fetcher=Fetcher(resolver=lambda host, port: next(answers)))
        with TestClient(create_app(services)) as client:
            refused(replace(shop, client=client), "private or local", init_image="http://rebinding.example/a.png")

    def test_answers(self, near: Shop, receiver: Receiver, subtests: pytest.Subtests) -> None:
        answers = {
            "HTTP status 404": Answer(404),
            "redirects more than 3 times": Answer(302, {"Location": "/"}),
            "it must begin with http:// or https://": Answer(302, {"Location": "file:///etc/passwd"}),
            "did not answer within 1 seconds": Answer(body=PICTURE, drip_seconds=0.2),
            "could not be reached": Answer(headers={"Content-Length": "5000"}, body=PICTURE),
            "is longer than": Answer(body=b"x" * (MOST_BYTES + 1)),
        }
        for sentence, answer in answers.items():
            with subtests.test(sentence):
                receiver.answer = lambda _, answer=answer: answer
                message = refused(near, sentence, init_image=f"{receiver.url}/a.png")
                assert message.startswith("Unable to fetch image from provided URL (init_image): ")

    def test_what_is_no_picture(self, near: Shop, receiver: Receiver, subtests: pytest.Subtests) -> None:
        """Whatever the header calls it."""
        bodies = {
            "no picture that can be read": b"<html>",
            "an SVG drawing": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "damaged or cut short": picture(format="JPEG")[:-30],
            "is empty": b"",
        }
        for sentence, body in bodies.items():
            with subtests.test(sentence):
                receiver.answer = lambda _, body=body: Answer(headers={"Content-Type": "image/png"}, body=body)
                refused(near, sentence, init_image=f"{receiver.url}/a.png")

    def test_a_bomb(self, shop: Shop) -> None:
        """A header of 50,000 x 50,000 pixels, and nothing of the kind behind it."""
        bomb = PICTURE[:16] + (50_000).to_bytes(4) * 2 + PICTURE[24:]
        refused(shop, "init_image", init_image=base64.b64encode(bomb).decode())
        file = io.BytesIO()
        Image.new("1", (5000, 5000)).save(file, format="PNG")
        refused(shop, "too many pixels", init_image=base64.b64encode(file.getvalue()).decode())

    def test_an_animation(self, shop: Shop) -> None:
        frames = [Image.new("RGB", (128, 128), (shade, 0, 0)) for shade in (0, 90, 180)]
        file = io.BytesIO()
        frames[0].save(file, format="WEBP", save_all=True, append_images=frames[1:])
        refused(shop, "is animated", init_image=base64.b64encode(file.getvalue()).decode())

    def test_fields(self, shop: Shop, subtests: pytest.Subtests) -> None:
        wrong: list[tuple[dict[str, Any], str]] = [
            ({}, "init_image is required"),
            ({"init_image": ""}, "init_image is required"),
            ({"init_image": "null"}, "init_image is required"),
            ({"init_image": []}, "init_image must be an address"),
            ({"init_image": 5}, "init_image must be an address"),
            ({"init_image": {"url": "x"}}, "init_image must be an address"),
            ({"init_image": "a picture of a cat"}, "init_image is"),
            ({"init_image": "http://[::1/"}, "Unable to fetch image"),
            ({"init_image": "ftp://example.org/a.png"}, "init_image is neither an address"),
            ({"init_image": TEXT, "strength": 1.5}, "strength must be between 0 and 1"),
            ({"init_image": TEXT, "strength": "strong"}, "strength must be a number"),
            ({"init_image": TEXT, "model_id": "nothing"}, "Model not found: nothing"),
        ]
        for fields, sentence in wrong:
            with subtests.test(sentence):
                refused(shop, sentence, **fields)

    def test_nothing_is_fetched_for_a_stranger(self, near: Shop, receiver: Receiver) -> None:
        answer = near.client.post(IMG2IMG, json={"key": "sk-nobody", "init_image": receiver.url})
        assert answer.status_code == 401
        assert receiver.received == []

    def test_nothing_is_fetched_for_a_full_queue(self, near: Shop, receiver: Receiver) -> None:
        with near.services.database.transaction() as session:
            get_account(session, near.account_id).plan = "pay-as-you-go"
        for _ in range(5):
            near.submit()
        assert near.post(IMG2IMG, init_image=receiver.url).status_code == 429
        assert receiver.received == []


def test_width_and_height_say_nothing(shop: Shop) -> None:
    answer = shop.post(IMG2IMG, init_image=TEXT, width=512, height=512).json()
    assert (answer["meta"]["W"], answer["meta"]["H"]) == (192, 128)
    assert answer["warning"] == "width and height have no effect here: the picture has the size of init_image."
    assert "warning" not in shop.post(IMG2IMG, init_image=TEXT, width="192", height=128).json()


class TestInpaint:
    def test_the_mask_is_drawn_anew(self, shop: Shop) -> None:
        mask = base64.b64encode(MASK).decode()
        meta = shop.post(INPAINT, prompt="a red star", init_image=TEXT, mask_image=mask, steps=7).json()["meta"]
        assert meta["steps"] == 7
        assert {"init_image", "mask_image", "strength", "outdir"} <= set(meta)

    def test_width_and_height_count(self, shop: Shop) -> None:
        fields = {"init_image": TEXT, "mask_image": base64.b64encode(MASK).decode(), "width": 256, "height": 256}
        meta = shop.post(INPAINT, **fields).json()["meta"]
        assert (meta["W"], meta["H"]) == (256, 256)

    def test_masks_that_are_none(self, shop: Shop, subtests: pytest.Subtests) -> None:
        masks = {
            "mask_image is required": None,
            "mask_image is neither an address": "nonsense!",
            "mask_image is 128x128 and init_image 192x128": base64.b64encode(picture(128, 128)).decode(),
        }
        for sentence, mask in masks.items():
            with subtests.test(sentence):
                answer = shop.post(INPAINT, prompt="a red star", init_image=TEXT, mask_image=mask)
                assert (answer.status_code, answer.json()["status"]) == (400, "error")
                assert sentence in answer.json()["message"]


def test_every_path_takes_a_picture(shop: Shop, subtests: pytest.Subtests) -> None:
    fields = {"prompt": "a red star", "init_image": [TEXT], "mask_image": base64.b64encode(MASK).decode()}
    doors = [door for door in DOORS if door.operation in (Operation.IMG2IMG, Operation.INPAINT)]
    assert len(doors) == 24
    for door in doors:
        with subtests.test(door.path):
            answer = shop.post(door.path, **fields).json()
            assert answer["fetch_result"] == f"http://easel.test{door.fetch}/{answer['id']}"
            assert ("mask_image" in answer["meta"]) == (door.operation is Operation.INPAINT)
            assert ("mask_image is not available here" in answer.get("warning", "")) != ("mask_image" in answer["meta"])
            shop.draw()
            fetched = shop.client.post(answer["fetch_result"], json={"key": shop.key}).json()
            assert fetched["meta"]["seed"] == answer["meta"]["seed"]


def refused(shop: Shop, sentence: str, **fields: Any) -> str:
    answer = shop.post(IMG2IMG, **{"prompt": "a red star", **fields})
    assert (answer.status_code, answer.json()["status"]) == (400, "error"), answer.text
    assert sentence in answer.json()["message"]
    assert shop.money == (MONEY, 0)
    return answer.json()["message"]
