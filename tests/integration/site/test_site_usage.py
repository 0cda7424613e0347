"""Usage as charts and tables, and the log of webhooks."""

import re
from datetime import timedelta
from html import unescape

import pytest
from house import House

from easel.accounts.keys import create_key
from easel.accounts.queries import get_account
from easel.accounts.tables import Account
from easel.domain.request import GenerationDraft
from easel.generations.submit import submit
from easel.webhooks import outbox
from easel.webhooks.outbox import Outcome

USAGE, WEBHOOKS = "/account/usage", "/account/webhooks"


@pytest.fixture
def inside(house: House, ada: Account) -> House:
    house.sign_in(ada)
    return house


def draw(house: House, account: Account, key_name: str | None = None) -> None:
    draft = GenerationDraft(model_id="easel-starter", prompt="a red star", samples=1)
    with house.services.database.transaction() as session:
        key = create_key(session, house.clock, account.id, key_name)[0].id if key_name else None
        account = get_account(session, account.id)
        submit(session, house.clock, account, draft, base_url="http://easel.test", api_key_id=key)
    house.finish(house.start())


def rows_of(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.S)
    return [
        [unescape(re.sub("<[^>]+>", "", cell)).strip() for cell in re.findall(r"<td.*?</td>", row, re.S)]
        for row in rows
    ]


class TestUsage:
    def test_days_models_and_keys_are_summed(self, inside: House, ada: Account, grace: Account) -> None:
        draw(inside, ada)
        draw(inside, grace)  # nobody else's business
        inside.clock.advance(timedelta(days=1))
        draw(inside, ada, "<b>laptop")
        page = inside.browser.get(f"{USAGE}?days=7").text
        assert "2 pictures for $0.0094 in 7 days" in page
        rows = rows_of(page)
        assert [row[1:] for row in rows if row][:3] == [["1", "$0.0047"], ["1", "$0.0047"], ["0", "$0.00"]]
        assert ["easel-starter", "2", "$0.0094"] in rows
        assert ["<b>laptop", "1", "$0.0047"] in rows
        assert ["The site", "1", "$0.0047"] in rows
        assert len(re.findall(r'class="column"[^>]* height="[1-9]', page)) == 2

    @pytest.mark.parametrize("asked", ["days=30&by=cost", "days=999999999&by=weight", "days=&by="])
    def test_any_choice_is_a_page(self, inside: House, ada: Account, asked: str) -> None:
        draw(inside, ada)
        answer = inside.browser.get(f"{USAGE}?{asked}")
        assert answer.status_code == 200
        assert "in 30 days" in answer.text

    def test_without_pictures_it_is_empty(self, inside: House) -> None:
        assert "0 pictures for $0.00 in 30 days" in inside.browser.get(USAGE).text

    def test_as_csv(self, inside: House, ada: Account) -> None:
        draw(inside, ada)
        inside.clock.advance(timedelta(seconds=1))
        lines = inside.browser.get("/account/usage.csv").text.splitlines()
        assert lines[0] == "day,model,key,generations,pictures,cost"
        assert lines[1].endswith(",easel-starter,,1,1,0.0047")


class TestWebhooks:
    def told(self, house: House, account: Account, *, failed: bool = True) -> str:
        """An event that was sent once."""
        with house.services.database.transaction() as session:
            outbox.enqueue(session, house.clock, account.id, "https://receiver.test/hook", {"status": "success"})
        with house.services.database.transaction() as session:
            [event] = outbox.claim_due(session, house.clock, 10)
            outcome = Outcome(500, "it answered <500>", 0.25)
            if failed:
                outbox.mark_failed(session, house.clock, event, outcome, retry_at=None)
            else:
                outbox.mark_delivered(session, house.clock, event, Outcome(200, None, 0.25))
            return str(event.id)

    def test_the_log_says_what_was_sent_and_what_came_of_it(self, inside: House, ada: Account, grace: Account) -> None:
        mine, hers = self.told(inside, ada), self.told(inside, grace)
        page = inside.browser.get(WEBHOOKS).text
        assert "given up: it answered &lt;500&gt;" in page
        assert "1 sending" in page
        assert mine in page
        assert hers not in page
        assert "whsec_" in page

    def test_one_is_sent_again(self, inside: House, ada: Account) -> None:
        event = self.told(inside, ada)
        assert "It is sent again" in inside.send(WEBHOOKS, f"{WEBHOOKS}/{event}/redeliver").text
        with inside.services.database.transaction() as session:
            assert [str(one.id) for one in outbox.claim_due(session, inside.clock, 10)] == [event]

    def test_anothers_is_not(self, inside: House, ada: Account, grace: Account) -> None:
        self.told(inside, ada)
        hers = self.told(inside, grace)
        assert inside.send(WEBHOOKS, f"{WEBHOOKS}/{hers}/redeliver").status_code == 404
        with inside.services.database.transaction() as session:
            assert list(outbox.claim_due(session, inside.clock, 10)) == []

    def test_those_that_nobody_received(self, inside: House, ada: Account) -> None:
        lost, received = self.told(inside, ada), self.told(inside, ada, failed=False)
        page = inside.browser.get(f"{WEBHOOKS}?only=undelivered").text
        assert lost in page
        assert received not in page

    def test_a_long_log_is_turned_over(self, inside: House, ada: Account) -> None:
        events = {self.told(inside, ada) for _ in range(26)}
        first = inside.browser.get(WEBHOOKS).text
        [older] = re.findall(r'href="(\?before=[0-9a-f-]+)"', first)
        rest = inside.browser.get(WEBHOOKS + older).text
        [last] = [event for event in events if f"{event}/redeliver" in rest]
        assert f"{last}/redeliver" not in first
