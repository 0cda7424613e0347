"""Pictures that a request begins from, and what a visitor drew before: taken in, shown again, and nobody else's."""

import io
import re
from typing import Any

import pytest
from house import STARTER, House
from PIL import Image

from easel.accounts.tables import Account
from easel.catalogue.queries import mark_installed
from easel.domain.request import GenerationRequest
from easel.generations.queries import get_view


def png(width: int = 160, height: int = 128, colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def send(house: House, *, to: str = "generations", files: dict[str, bytes] | None = None, **typed: Any) -> Any:
    form = {"csrf": house.csrf(), "prompt": "a red star", **typed}
    sent = {name: (f"{name}.png", data, "image/png") for name, data in (files or {}).items()}
    return house.browser.post(f"{STARTER}/{to}", data=form, files=sent or {"picture_file": ("", b"", "image/png")})


def requested(house: House, account: Account, answer: Any) -> GenerationRequest:
    assert answer.status_code == 200, answer.text
    with house.services.database.transaction() as session:
        return get_view(session, house.clock, account.id, int(answer.url.params["generation"])).request


def drawn(house: House, account: Account) -> int:
    """A generation of the account whose picture is one."""
    generation = house.ordered(size="160x128")
    house.finish(house.start())
    with house.services.database.transaction() as session:
        [key] = get_view(session, house.clock, account.id, generation).artifact_keys
    house.services.blobs.put(key, png())
    return generation


def field(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return found[1]


def test_an_uploaded_picture_and_its_mask_are_drawn_from(house: House, ada: Account) -> None:
    house.sign_in(ada)
    files = {"picture_file": png(), "mask_file": png(80, 64, "white")}
    answer = send(house, files=files, size="picture", strength="0.5", soft_edge="9", prompt="")
    request = requested(house, ada, answer)
    assert (request.width, request.height) == (160, 128)
    assert (request.extras.strength, request.extras.mask_blur) == (0.5, 9)
    assert request.extras.init_image == field(answer.text, "picture")
    assert request.extras.mask_image == field(answer.text, "mask")
    shown = re.findall(r'src="(/files/[^"]*inputs/[^"]*)"', answer.text)
    assert [house.browser.get(address).status_code for address in shown] == [200, 200]


def test_a_refused_form_keeps_the_picture(house: House, ada: Account) -> None:
    house.sign_in(ada)
    refused = send(house, files={"picture_file": png()}, steps="many")
    assert refused.status_code == 422
    key = field(refused.text, "picture")
    assert requested(house, ada, send(house, picture=key)).extras.init_image == key


@pytest.mark.parametrize("data", [b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", b"no picture"])
def test_what_is_no_picture_is_refused_beside_its_field(house: House, ada: Account, data: bytes) -> None:
    house.sign_in(ada)
    refused = send(house, files={"picture_file": data})
    assert refused.status_code == 422
    problem = re.search(r'id="problem-picture"[^>]*>([^<]+)<', refused.text)
    assert problem
    assert "PNG, JPEG or WebP" in problem[1]


def test_a_result_is_begun_from_by_whoever_drew_it_and_nobody_else(house: House, ada: Account, grace: Account) -> None:
    house.sign_in(ada)
    generation = drawn(house, ada)
    page = house.browser.get(f"{STARTER}?generation={generation}&picture={generation}.0").text
    assert field(page, "picture") == f"{generation}.0"
    request = requested(house, ada, send(house, picture=f"{generation}.0", size="picture"))
    assert (request.extras.init_image or "").startswith("inputs/")
    assert house.browser.get(f"/generations/{generation}/thumbnail").headers["content-type"] == "image/webp"
    assert f'href="{STARTER}?generation={generation}"' in page
    house.sign_in(grace)
    refused = send(house, picture=f"{generation}.0")
    assert refused.status_code == 422
    assert "stored no longer" in refused.text
    assert house.browser.get(f"/generations/{generation}/thumbnail").status_code == 404
    assert "/thumbnail" not in house.browser.get(STARTER).text


def test_settings_are_restored_or_refused_with_a_sentence(house: House) -> None:
    text = "a green ring\nNegative prompt: blue\nSteps: 7, Sampler: Euler, CFG scale: 3, Seed: 5, Size: 160x128"
    page = house.browser.post(f"{STARTER}/restored", data={"settings": text}).text
    assert ">a green ring</textarea>" in page
    assert ">blue</textarea>" in page
    assert re.search(r'value="euler" selected', page)
    assert 'value="160x128" checked' in page
    refused = house.browser.post(f"{STARTER}/restored", files={"settings_file": ("a.png", png(), "image/png")})
    assert refused.status_code == 422
    assert "The picture carries no settings" in refused.text


def test_more_than_a_form_may_hold_is_a_sentence(house: House, ada: Account) -> None:
    house.sign_in(ada)
    refused = send(house, files={"picture_file": bytes(17 * 2**20)})
    assert refused.status_code == 413
    assert "larger than 16 MiB" in refused.text


def test_a_lora_is_drawn_with_as_much_as_the_form_says(house: House, ada: Account) -> None:
    house.sign_in(ada)
    with house.services.database.transaction() as session:
        mark_installed(session, "easel-pixelated", "package:easel-pixelated")
    page = "/models/easel/easel-pixelated"
    form = {"csrf": house.csrf(), "prompt": "a star", "lora": "easel-pixelated", "lora_strength": "0.25"}
    request = requested(house, ada, house.browser.post(f"{page}/generations", data=form))
    assert request.model_id == "easel-starter"
    assert [(use.model_id, use.strength) for use in request.extras.adapters] == [("easel-pixelated", 0.25)]
