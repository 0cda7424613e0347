"""Numbers, places in the queue and prices, as people read them."""

from datetime import datetime, timedelta, timezone

import pytest

from easel.billing.plans import PLANS
from easel.domain.money import Micros
from easel.site.describe import price_line
from easel.site.words import ahead, browser, moment, number, seconds, with_code

PRICE = Micros(4700)


@pytest.mark.parametrize(
    ("value", "read"), [(0.04, "0.0 s"), (3.24, "3.2 s"), (12.4, "12 s"), (60, "1 min"), (72.3, "1 min 12 s")]
)
def test_seconds(value: float, read: str) -> None:
    assert seconds(value) == read


@pytest.mark.parametrize(("value", "read"), [(4.0, "4"), (7.5, "7.5"), (20, "20")])
def test_numbers_say_no_more_than_needed(value: float, read: str) -> None:
    assert number(value) == read


@pytest.mark.parametrize(
    ("others", "read"),
    [
        (None, "You are next."),
        (0, "You are next."),
        (1, "One request is ahead of you."),
        (3, "3 requests are ahead of you."),
    ],
)
def test_places_in_the_queue(others: int | None, read: str) -> None:
    assert ahead(others) == read


def test_the_price_of_a_picture() -> None:
    assert price_line(None, PRICE, 1) == "Will cost $0.0047"
    assert price_line(PLANS["pay-as-you-go"], PRICE, 1) == "Will cost $0.0047"


def test_the_price_of_several_pictures() -> None:
    assert price_line(PLANS["standard"], PRICE, 4) == "Will cost $0.0188, $0.0047 a picture"
    assert price_line(PLANS["standard"], PRICE, 4, 3) == "Will cost $0.0047, $0.0047 a picture"
    assert price_line(PLANS["standard"], PRICE, 4, 9) == "Will cost nothing: 9 of this month's pictures are left"


def test_a_plan_that_costs_nothing_a_picture_says_so() -> None:
    line = price_line(PLANS["premium"], PRICE, 4)
    assert line == "Free on your Premium plan; $0.0047 a picture pay as you go"
    assert "up to 20 pictures a day" in price_line(PLANS["free"], PRICE, 1)


def test_commands_stand_out_and_the_rest_stays_text() -> None:
    assert with_code("run `easel <serve>` & <b>") == "run <code>easel &lt;serve&gt;</code> &amp; &lt;b&gt;"


@pytest.mark.parametrize(
    ("agent", "read"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) Version/19.0 Safari/605.1", "Safari on macOS"),
        ("curl/8.0", "Another program"),
        ("", "Another program"),
    ],
)
def test_a_browser_is_told_from_others(agent: str, read: str) -> None:
    assert browser(agent) == read


def test_a_moment_is_told_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 11, 5, 1, 30, tzinfo=there)) == "4 Nov 2026, 23:30 UTC"
