"""What headers say of an order, through the door of a dialect."""

from datetime import timedelta

import pytest
from shop import TEXT2IMG, Shop

from easel.generations.janitor import recover
from easel.jobs.queue import count_unfinished

ASKED = {"prompt": "a red star", "instant_response": "yes", "seed": 1}


def submit(shop: Shop, key: str | None = None, **fields: object) -> tuple[int, dict[str, object]]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = shop.client.post(TEXT2IMG, json={"key": shop.key, **ASKED, **fields}, headers=headers)
    return answer.status_code, answer.json()


class TestIdempotencyKey:
    def test_the_same_request_is_one_order_and_its_state_is_the_present_one(self, shop: Shop) -> None:
        _, first = submit(shop, "k")
        _, second = submit(shop, "k")
        assert first["id"] == second["id"]
        assert (first["status"], second["status"]) == ("processing", "processing")
        shop.draw()
        _, third = submit(shop, "k")
        assert (third["status"], third["id"]) == ("success", first["id"])
        with shop.services.database.transaction() as session:
            assert count_unfinished(session, shop.account_id) == 0

    def test_another_request_is_refused_in_the_dialects_shape(self, shop: Shop) -> None:
        submit(shop, "k")
        status, answer = submit(shop, "k", seed=2)
        assert (status, answer["status"]) == (409, "error")
        assert "Idempotency-Key" in str(answer["message"])
        assert answer["message"] == answer["messege"]

    def test_a_form_and_json_in_another_order_ask_the_same(self, shop: Shop) -> None:
        _, first = submit(shop, "k", seed="1")
        form = {"seed": "1", "instant_response": "yes", "prompt": "a red star"}
        headers = {"Idempotency-Key": "k", "X-API-Key": shop.key}
        second = shop.client.post(TEXT2IMG, data=form, headers=headers).json()
        assert first["id"] == second["id"]

    def test_another_path_asks_something_else(self, shop: Shop) -> None:
        submit(shop, "k")
        headers = {"Idempotency-Key": "k"}
        answer = shop.client.post("/api/v3/dreambooth", json={"key": shop.key, **ASKED}, headers=headers)
        assert answer.status_code == 409

    def test_an_unfit_key_is_refused(self, shop: Shop) -> None:
        status, answer = submit(shop, "x" * 300)
        assert status == 400
        assert "Idempotency-Key must be" in str(answer["message"])


class TestMaxWait:
    def ordered(self, shop: Shop, **headers: str) -> int:
        answer = shop.client.post(TEXT2IMG, json={"key": shop.key, **ASKED}, headers=headers)
        assert answer.status_code == 200, answer.json()
        return answer.json()["id"]

    def fetched(self, shop: Shop, number: int) -> dict[str, object]:
        return shop.post(f"/api/v6/images/fetch/{number}").json()

    def test_a_request_nobody_could_draw_in_time_fails_and_costs_nothing(self, shop: Shop) -> None:
        before = shop.money
        number = self.ordered(shop, **{"Easel-Max-Wait": "60"})
        patient = self.ordered(shop)
        shop.clock.advance(timedelta(seconds=60))
        recover(shop.services.database, shop.clock)
        answer = self.fetched(shop, number)
        assert answer["status"] == "failed"
        assert "in the time that this request was to wait" in str(answer["tip"])
        assert self.fetched(shop, patient)["status"] == "processing"
        shop.clock.advance(shop.services.max_wait)
        recover(shop.services.database, shop.clock)
        assert self.fetched(shop, patient)["status"] == "failed"
        assert shop.money == before

    def test_what_is_being_drawn_is_finished(self, shop: Shop) -> None:
        self.ordered(shop, **{"Easel-Max-Wait": "1"})
        number = shop.draw()  # which takes two seconds
        recover(shop.services.database, shop.clock)
        assert self.fetched(shop, number)["status"] == "success"

    @pytest.mark.parametrize("said", ["0", "-1", "1.5", "x", "", "9" * 20, "604801"])
    def test_a_strange_number_is_refused(self, shop: Shop, said: str) -> None:
        answer = shop.client.post(TEXT2IMG, json={"key": shop.key, **ASKED}, headers={"Easel-Max-Wait": said})
        assert answer.status_code == 400
        assert "from 1 to 604800" in answer.json()["message"]
