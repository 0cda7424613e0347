"""Pictures are shown when their owner says so, with what they were drawn from, until they are taken down."""

import io
import re
from html import unescape

from house import STARTER, House
from PIL import Image

from easel.accounts.queries import get_account
from easel.accounts.tables import Account
from easel.artifacts.store import artifacts_of
from easel.generations.showcase import published

PROMPT = "<b>a star</b>\n# and `more`"


def drawn(house: House, **typed: str) -> int:
    """A generation of the visitor whose one picture is a real one."""
    generation = house.ordered(prompt=PROMPT, seed="41", **typed)
    house.finish(house.start())
    with house.services.database.transaction() as session:
        [picture] = artifacts_of(session, generation)
        file = io.BytesIO()
        Image.new("RGB", (128, 96), "tomato").save(file, "PNG")
        house.services.blobs.put(picture.key, file.getvalue())
    return generation


def move(house: House, generation: int, verb: str, index: int = 0) -> int:
    path = f"/generations/{generation}/pictures/{index}/{verb}"
    return int(house.browser.post(path, data={"csrf": house.csrf()}).status_code)


def is_shown(house: House) -> bool:
    return "&lt;b&gt;a star&lt;/b&gt;" in house.browser.get(STARTER).text.partition('id="showcase"')[2]


def test_a_published_picture_is_shown_with_its_prompt(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = drawn(house)
    assert not is_shown(house)
    assert move(house, generation, "publish") == 200
    assert move(house, generation, "publish") == 200  # a second click
    text = house.browser.get(STARTER).text.partition('id="showcase"')[2]
    assert text.count("&lt;b&gt;a star&lt;/b&gt;") > 0
    assert "<b>a star" not in text
    pictures = {link for link in re.findall(r'(?:src|href)="(/files/[^"]*)"', text)}
    assert len(pictures) == 2
    assert all(house.browser.get(unescape(link)).headers["content-type"] == "image/webp" for link in pictures)
    [again] = re.findall(r'href="([^"]*\?prompt=%3Cb%3E[^"]*)"', text)
    form = house.browser.get(unescape(again)).text
    assert re.search(r'name="seed"[^>]*value="41"', form)
    twin = house.browser.get(f"{STARTER}.md").text
    assert (
        "- ``<b>a star</b> # and `more` ``, seed 41: " in twin or "`` <b>a star</b> # and `more` ``, seed 41: " in twin
    )
    assert move(house, generation, "unpublish") == 200
    assert not is_shown(house)
    assert all(house.browser.get(unescape(link)).status_code == 404 for link in pictures)


def test_nobody_publishes_what_is_not_theirs(house: House, ada: Account, grace: Account) -> None:
    house.sign_in(ada)
    generation = drawn(house)
    assert move(house, generation, "publish", index=3) == 404
    house.sign_in(grace)
    assert move(house, generation, "publish") == 404
    assert house.browser.post(f"/generations/{generation}/pictures/0/publish", data={"csrf": "x"}).status_code == 401
    with house.services.database.transaction() as session:
        assert published(session, generation) == frozenset()


def test_an_operator_takes_down_what_others_may_not(house: House, ada: Account, grace: Account) -> None:
    house.sign_in(ada)
    generation = drawn(house)
    move(house, generation, "publish")
    house.sign_in(grace)
    assert move(house, generation, "unpublish") == 404
    assert is_shown(house)
    with house.services.database.transaction() as session:
        get_account(session, grace.id).role = "admin"
    assert move(house, generation, "unpublish") == 200
    assert not is_shown(house)


def test_what_is_kept_for_a_day_is_not_shown(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = drawn(house)
    with house.services.database.transaction() as session:
        [picture] = artifacts_of(session, generation)
        picture.expired_at = house.clock.now()
    assert move(house, generation, "publish") == 409


def test_a_card_shows_what_the_model_draws_and_what_stands_there_before(house: House) -> None:
    text = house.browser.get("/models").text
    card = text[text.index('<li class="card">') :].partition("</li>")[0]
    assert 'src="data:image/webp;base64,' in card
    assert 'loading="lazy"' in card
    [thumbnail] = re.findall(r'src="(/static/showcase/[^"]*)"', card)
    assert Image.open(io.BytesIO(house.browser.get(thumbnail).content)).size == (256, 256)
