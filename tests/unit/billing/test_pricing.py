"""Plans and prices: pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.billing.plans import PLANS, Plan, plan_named
from easel.billing.pricing import quote
from easel.domain.errors import InvalidRequest
from easel.domain.money import Micros

PRICE = Micros(4700)


class TestPlans:
    @pytest.mark.parametrize(("name", "limit"), [("free", 5), ("pay-as-you-go", 5), ("standard", 10), ("premium", 15)])
    def test_each_has_its_queue(self, name: str, limit: int) -> None:
        assert plan_named(name).queue_limit == limit

    def test_each_is_found_under_its_own_name(self) -> None:
        assert all(plan_named(name).name == name for name in PLANS)

    @pytest.mark.parametrize("name", ["", "gold", "Premium", "\x00"])
    def test_an_unknown_one_is_refused_with_those_there_are(self, name: str) -> None:
        with pytest.raises(InvalidRequest, match="choose one of free, pay-as-you-go, standard, premium") as refusal:
            plan_named(name)
        assert refusal.value.field == "plan"

    def test_nobody_changes_them(self) -> None:
        with pytest.raises(TypeError):
            PLANS["free"] = Plan(name="free", title="Free", queue_limit=1000)  # pyright: ignore[reportIndexIssue]


class TestQuote:
    @pytest.mark.parametrize(
        ("plan", "samples", "total"),
        [
            ("pay-as-you-go", 1, 4700),
            ("pay-as-you-go", 4, 18_800),
            ("standard", 2, 9400),
            ("premium", 4, 0),
            ("free", 1, 0),
        ],
    )
    def test_is_the_price_of_all_pictures_unless_the_plan_has_them_free(
        self, plan: str, samples: int, total: int
    ) -> None:
        assert quote(plan_named(plan), PRICE, samples).total == total

    @given(price=st.integers(0, 10**12), samples=st.integers(1, 100), plan=st.sampled_from(list(PLANS)))
    def test_the_total_is_what_all_delivered_pictures_cost(self, price: int, samples: int, plan: str) -> None:
        quoted = quote(plan_named(plan), Micros(price), samples)
        assert quoted.total == quoted.per_picture * samples
        assert 0 <= quoted.per_picture <= price


class TestIncludedPictures:
    @given(st.integers(1, 10), st.integers(0, 20), st.integers(0, 10))
    def test_only_pictures_beyond_the_plans_cost(self, samples: int, left: int, delivered: int) -> None:
        price = quote(plan_named("standard"), PRICE, samples, included_left=left)
        delivered = min(samples, delivered)
        assert price.total == PRICE * max(0, samples - left)
        assert price.for_delivered(samples) == price.total
        assert price.for_delivered(delivered) == PRICE * max(0, delivered - left)
