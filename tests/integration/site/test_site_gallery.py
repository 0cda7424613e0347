"""One's own pictures: found, shown to others, deleted."""

import io
import re
from html import unescape
from typing import Any

import pytest
from house import STARTER, House
from PIL import Image

from easel.accounts.tables import Account
from easel.artifacts.store import artifacts_of
from easel.artifacts.thumbnails import thumbhash_of
from easel.generations.audit import audit
from easel.generations.queries import get_view

PICTURES = "/account/pictures"


@pytest.fixture
def inside(house: House, ada: Account) -> House:
    house.sign_in(ada)
    return house


def draw(house: House, prompt: str = "a red star", **typed: str) -> int:
    generation_id = house.ordered(prompt=prompt, **typed)
    house.finish(house.start())
    with house.services.database.transaction() as session:
        keys = [one.key for one in artifacts_of(session, generation_id)]
    for key in keys:
        file = io.BytesIO()
        Image.new("RGB", (128, 128), "tomato").save(file, "PNG")
        house.services.blobs.put(key, file.getvalue())
    return generation_id


def shown(house: House, **asked: Any) -> list[str]:
    """The prompts on the page, in turn."""
    page = house.browser.get(PICTURES, params=asked).text
    return [unescape(prompt) for prompt in re.findall(r'<p class="prompt"[^>]*>([^<]*)</p>', page)]


def act(house: House, generation_id: int, what: str, index: int = 0, **typed: str) -> Any:
    to = f"/generations/{generation_id}/pictures/{index}/{what}"
    return house.send("/account/profile", to, **({"then": PICTURES} | typed))


def exists(house: House, generation_id: int, index: int = 0) -> bool:
    return house.browser.get(f"{PICTURES}/{generation_id}/{index}.webp").status_code == 200


class TestFinding:
    def test_the_newest_stand_first_and_only_ones_own(self, inside: House, grace: Account, ada: Account) -> None:
        draw(inside, "first")
        draw(inside, "<b>second")
        inside.sign_in(grace)
        draw(inside, "hers")
        assert shown(inside) == ["hers"]
        inside.sign_in(ada)
        assert shown(inside) == ["<b>second", "first"]

    @pytest.mark.parametrize(
        ("q", "found"),
        [("red", ["a red house", "a Red star"]), ("STAR red", ["a Red star"]), ("100%", []), ("_", []), ("", None)],
    )
    def test_by_words_of_the_prompt(self, inside: House, q: str, found: list[str] | None) -> None:
        for prompt in ("a Red star", "a red house", "a blue sea"):
            draw(inside, prompt)
        assert shown(inside, q=q) == (found if found is not None else ["a blue sea", "a red house", "a Red star"])

    def test_many_are_turned_over(self, inside: House) -> None:
        for number in range(13):
            draw(inside, f"number {number}", samples="2")
        assert len(shown(inside)) == 24
        page = inside.browser.get(PICTURES).text
        [older] = re.findall(r'href="\?([^"]*before=\d+)"', page)
        assert shown(inside, **dict(part.split("=") for part in unescape(older).split("&"))) == ["number 0"] * 2

    def test_a_small_copy_is_small_and_ones_own(self, inside: House, grace: Account) -> None:
        generation_id = draw(inside)
        answer = inside.browser.get(f"{PICTURES}/{generation_id}/0.webp")
        assert answer.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(answer.content)).size == (128, 128)
        assert not exists(inside, generation_id, 1)
        inside.sign_in(grace)
        assert not exists(inside, generation_id)

    def test_what_stands_in_its_place_is_on_the_page_where_it_is_known(self, inside: House) -> None:
        old, new = draw(inside, "old"), draw(inside, "new")
        with inside.services.database.transaction() as session:
            [picture] = artifacts_of(session, new)
            picture.thumbhash = thumbhash_of(Image.new("RGB", (128, 128), "tomato"))
        first, second = inside.browser.get(PICTURES).text.split('<a class="view"')[1:]
        assert f"/{new}/0.webp" in first
        assert 'class="blur" src="data:image/webp;base64,' in first
        assert f"/{old}/0.webp" in second
        assert 'class="blur"' not in second


class TestDeleting:
    def test_the_file_goes_and_the_books_stay(self, inside: House, ada: Account) -> None:
        generation_id = draw(inside, samples="2")
        with inside.services.database.transaction() as session:
            keys = [one.key for one in artifacts_of(session, generation_id)]
        assert act(inside, generation_id, "delete").status_code == 200
        assert shown(inside) == ["a red star"]
        link = inside.services.links.path
        assert [inside.browser.get(link(key)).status_code for key in keys] == [404, 200]
        with inside.services.database.transaction() as session:
            assert audit(session) == []
            assert not get_view(session, inside.clock, ada.id, generation_id).expired
        act(inside, generation_id, "delete", 1)
        with inside.services.database.transaction() as session:
            assert get_view(session, inside.clock, ada.id, generation_id).expired
        assert act(inside, generation_id, "delete", 1).status_code == 404

    def test_a_published_one_goes_from_its_page_too(self, inside: House) -> None:
        generation_id = draw(inside)
        act(inside, generation_id, "publish")
        page = inside.browser.get(STARTER).text
        [copy] = set(re.findall(r'"(/files/[^"]+showcase/[0-9a-f]+\.webp)"', page))
        assert inside.browser.get(copy).status_code == 200
        act(inside, generation_id, "delete")
        assert inside.browser.get(copy).status_code == 404
        assert copy not in inside.browser.get(STARTER).text

    def test_anothers_stays(self, inside: House, ada: Account, grace: Account) -> None:
        generation_id = draw(inside)
        inside.sign_in(grace)
        draw(inside)
        assert act(inside, generation_id, "delete").status_code == 404
        inside.sign_in(ada)
        assert exists(inside, generation_id)

    def test_a_form_of_another_site_deletes_nothing(self, inside: House) -> None:
        generation_id = draw(inside)
        answer = inside.browser.post(f"/generations/{generation_id}/pictures/0/delete", data={"csrf": "guessed"})
        assert answer.status_code == 401
        assert exists(inside, generation_id)


def test_publishing_leads_back_to_where_one_was(inside: House) -> None:
    generation_id = draw(inside)
    answer = act(inside, generation_id, "publish", then=f"{PICTURES}?q=red")
    assert str(answer.url).endswith(f"{PICTURES}?q=red")
    assert "published" in answer.text
    assert "Unpublish" in act(inside, generation_id, "publish").text
    assert ">published<" not in act(inside, generation_id, "unpublish").text
