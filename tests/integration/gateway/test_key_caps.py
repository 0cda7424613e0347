"""A key's cap holds in every dialect, and its answer says what to change."""

import pytest
from shop import TEXT2IMG, Shop

from easel.accounts.keys import create_key
from easel.billing import caps
from easel.domain.money import Micros

PICTURE = Micros(4700)


@pytest.fixture
def capped(shop: Shop) -> Shop:
    """A shop whose key may pay for one picture."""
    with shop.services.database.transaction() as session:
        key, shop.key = create_key(session, shop.clock, shop.account_id, "agent")
        caps.set_cap(session, key.id, total=PICTURE, monthly=None)
    return shop


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (TEXT2IMG, {"instant_response": "yes"}),
        ("/api/v7/images/text-to-image", {"instant_response": "yes"}),
        ("/v1/images/generations", {}),
        ("/sdapi/v1/txt2img", {}),
    ],
)
def test_one_picture_and_no_more(capped: Shop, path: str, fields: dict[str, str]) -> None:
    capped.client.headers["authorization"] = f"Bearer {capped.key}"
    assert capped.client.post(path, json={"prompt": "a red star", **fields}).status_code in (200, 504)
    refused = capped.client.post(path, json={"prompt": "a red star", **fields})
    assert refused.status_code == 402
    assert "has $0.00 left; this costs $0.0047. Ask for fewer pictures, or have the key's cap raised" in refused.text
    assert capped.money[1] == PICTURE


def test_several_pictures_count_as_several(capped: Shop) -> None:
    assert capped.submit(samples=2).status_code == 402
    assert capped.money[1] == 0


def test_the_balance_says_what_is_left(capped: Shop) -> None:
    capped.submit()
    answer = capped.post("/api/wallet_balance").json()
    assert answer["key"] == {"cap": 0.0047, "monthly_cap": None, "left": 0.0}
