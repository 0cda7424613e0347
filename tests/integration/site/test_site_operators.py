"""Pages for operators: who may see them, what they do, and that it is written down who did it."""

import re
from typing import Any

import pytest
from house import STARTER, House

from easel.accounts.keys import authenticate, create_key
from easel.accounts.owner import ensure_owner
from easel.accounts.queries import create_account, get_account
from easel.accounts.tables import Account, Role, Scope
from easel.billing.wallets import balance, statement
from easel.domain.errors import NotAllowed
from easel.domain.money import MICROS_PER_DOLLAR
from easel.generations.queries import list_views
from easel.jobs.states import JobState
from easel.jobs.workers import register

PAGES = ("/operator", "/operator/now", "/operator/models", "/operator/accounts", "/operator/ledger", "/operator/log")


@pytest.fixture
def owner(house: House) -> Account:
    with house.services.database.transaction() as session:
        return ensure_owner(session, house.clock)


@pytest.fixture
def office(house: House, owner: Account) -> House:
    """The house with its owner in it."""
    house.sign_in(owner)
    return house


def log_of(house: House) -> list[str]:
    return re.findall(r"<p>(owner [^<]+)</p>", house.browser.get("/operator/log").text)


def act(house: House, account: Account, what: str, **typed: Any) -> Any:
    page = f"/operator/accounts/{account.id}"
    return house.send(page, f"{page}/{what}", **typed)


def now(house: House, account: Account) -> Account:
    with house.services.database.transaction() as session:
        return get_account(session, account.id)


class TestWhoMayLook:
    @pytest.mark.parametrize("page", PAGES)
    def test_a_stranger_is_led_to_the_sign_in(self, house: House, page: str) -> None:
        assert house.browser.get(page).url.path == "/login"

    def test_a_member_sees_nothing_and_does_nothing(self, house: House, ada: Account, grace: Account) -> None:
        house.sign_in(ada)
        for page in (*PAGES, f"/operator/accounts/{grace.id}"):
            answer = house.browser.get(page)
            assert answer.status_code == 403, page
            assert "Grace" not in answer.text
        forms = {
            "accounts/{}/suspend": {},
            "accounts/{}/resume": {},
            "accounts/{}/plan": {"plan": "free"},
            "accounts/{}/role": {"role": "admin"},
            "accounts/{}/credit": {"amount": "5"},
            "accounts/{}/correction": {"direction": "give", "amount": "5", "reason": "why not"},
            "models/price": {"model_id": "easel-starter", "price": "0"},
            "models/withdraw": {"model_id": "easel-starter"},
            "models/offer": {"model_id": "easel-starter"},
            "generations/1/stop": {},
            "ledger": {},
        }
        for path, typed in forms.items():
            for account in (ada, grace):
                answer = house.send("/account/profile", f"/operator/{path.format(account.id)}", **typed)
                assert answer.status_code == 403, path
        assert (now(house, grace).plan, now(house, grace).suspended_at) == ("premium", None)
        with house.services.database.transaction() as session:
            assert balance(session, ada.id) == MICROS_PER_DOLLAR
        assert 'href="/operator"' not in house.browser.get("/account").text

    def test_an_admin_does_not_reach_the_owner(self, house: House, owner: Account) -> None:
        with house.services.database.transaction() as session:
            admin = create_account(session, house.clock, "admin", role=Role.ADMIN)
        house.sign_in(admin)
        assert "Your role does not reach this account" in house.browser.get(f"/operator/accounts/{owner.id}").text
        assert act(house, owner, "suspend").status_code == 403
        assert act(house, owner, "role", role="member").status_code == 403
        assert now(house, owner).suspended_at is None

    @pytest.mark.parametrize("page", PAGES)
    def test_pages_hold_to_the_policy(self, office: House, page: str) -> None:
        answer = office.browser.get(page)
        assert answer.status_code == 200
        assert len(answer.content) < 50_000
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", answer.text)


class TestAccounts:
    def test_they_are_found_by_name_mail_and_number(self, office: House, ada: Account, grace: Account) -> None:
        def found(q: str) -> list[str]:
            page = office.browser.get("/operator/accounts", params={"q": q}).text
            return re.findall(r'<a href="/operator/accounts/\d+">(\w+)</a>', page)

        assert found("") == ["owner", "Ada", "Grace"]
        assert found("ad") == ["Ada"]
        assert found(str(grace.id)) == ["Grace"]
        assert found("%") == []

    def test_one_is_suspended_and_opened_again(self, office: House, ada: Account) -> None:
        with office.services.database.transaction() as session:
            _, secret = create_key(session, office.clock, ada.id, "laptop")
        assert "The account is suspended" in act(office, ada, "suspend").text
        with office.services.database.transaction() as session, pytest.raises(NotAllowed):
            authenticate(session, office.clock, secret, Scope.READ)
        assert "may work again" in act(office, ada, "resume").text
        with office.services.database.transaction() as session:
            assert authenticate(session, office.clock, secret, Scope.READ)
        assert log_of(office) == ["owner resumed Ada", "owner suspended Ada"]

    def test_credit_is_booked_once_for_a_form(self, office: House, ada: Account) -> None:
        for _ in range(2):
            assert "The credit is booked." in act(office, ada, "credit", key="k", amount="$5", memo="by <b>bank").text
        with office.services.database.transaction() as session:
            assert balance(session, ada.id) == 6 * MICROS_PER_DOLLAR
            assert statement(session, ada.id)[0].memo == "by <b>bank"
        assert log_of(office) == ["owner credited Ada with $5.00 (by &lt;b&gt;bank)"]

    def test_a_correction_gives_or_takes_once_for_a_form(self, office: House, ada: Account) -> None:
        typed = {"direction": "take", "amount": "0.25", "reason": "  charged   <i>twice "}
        for _ in range(2):
            assert "The correction is booked." in act(office, ada, "correction", key="a", **typed).text
        act(office, ada, "correction", key="b", direction="give", amount="1", reason="sorry")
        with office.services.database.transaction() as session:
            assert balance(session, ada.id) == 1_750_000
            lines = statement(session, ada.id)[:2]
            assert [(line.kind, line.available, line.memo) for line in lines] == [
                ("adjustment", 1_000_000, "sorry"),
                ("adjustment", -250_000, "charged <i>twice"),
            ]
        assert log_of(office) == [
            "owner gave Ada $1.00 as a correction (sorry)",
            "owner took from Ada $0.25 as a correction (charged &lt;i&gt;twice)",
        ]
        office.sign_in(ada)
        assert "charged &lt;i&gt;twice" in office.browser.get("/account/wallet").text

    @pytest.mark.parametrize(
        ("typed", "sentence"),
        [
            ({"amount": "2"}, "The account has $1.00; no more than that can be taken from it"),
            ({"amount": "-1"}, "Amount must be more than nothing"),
            ({"amount": "1", "reason": " "}, "An adjustment needs a reason"),
            ({"amount": "1", "direction": ""}, "Choose whether money is given or taken"),
        ],
    )
    def test_an_unfit_correction_is_said_and_stays_as_typed(
        self, office: House, ada: Account, typed: dict[str, str], sentence: str
    ) -> None:
        answer = act(office, ada, "correction", key="k", **({"direction": "take", "reason": "because"} | typed))
        assert answer.status_code in (402, 422)
        assert sentence in answer.text
        assert f'id="correction" name="amount" type="text" autocomplete="off" value="{typed["amount"]}"' in answer.text
        with office.services.database.transaction() as session:
            assert balance(session, ada.id) == MICROS_PER_DOLLAR
        assert log_of(office) == []

    @pytest.mark.parametrize("amount", ["", "-1", "0", "much", "1e30"])
    def test_an_unfit_amount_is_said(self, office: House, ada: Account, amount: str) -> None:
        answer = act(office, ada, "credit", key="k", amount=amount)
        assert answer.status_code == 422
        with office.services.database.transaction() as session:
            assert balance(session, ada.id) == MICROS_PER_DOLLAR
        assert log_of(office) == []

    def test_plan_and_role_are_set(self, office: House, ada: Account) -> None:
        act(office, ada, "plan", plan="premium")
        act(office, ada, "role", role="admin")
        assert (now(office, ada).plan, now(office, ada).role) == ("premium", "admin")
        assert log_of(office) == ["owner gave Ada the role admin", "owner put Ada from pay-as-you-go on premium"]
        page = office.browser.get(f"/operator/accounts/{ada.id}").text
        assert "owner gave Ada the role admin" in page

    @pytest.mark.parametrize(("what", "typed"), [("plan", {"plan": "gold"}), ("role", {"role": "owner"}), ("role", {})])
    def test_what_cannot_be_is_refused(self, office: House, ada: Account, what: str, typed: dict[str, str]) -> None:
        assert act(office, ada, what, **typed).status_code == 422
        assert (now(office, ada).plan, now(office, ada).role) == ("pay-as-you-go", "member")

    @pytest.mark.parametrize("number", ["999", "9" * 30, "x"])
    def test_an_account_that_is_not_there(self, office: House, number: str) -> None:
        assert office.browser.get(f"/operator/accounts/{number}").status_code == 404


class TestModels:
    def test_a_price_holds_from_now_on(self, office: House) -> None:
        page = office.send("/operator/models", "/operator/models/price", model_id="easel-starter", price="0.01").text
        assert "The price holds from now on" in page
        assert 'value="0.01"' in page
        assert log_of(office) == ["owner priced easel-starter at $0.01 instead of $0.0047"]

    @pytest.mark.parametrize("price", ["", "-1", "free", "0.00000001"])
    def test_an_unfit_price_is_said(self, office: House, price: str) -> None:
        answer = office.send("/operator/models", "/operator/models/price", model_id="easel-starter", price=price)
        assert answer.status_code == 422
        assert log_of(office) == []

    def test_a_model_off_offer_draws_nothing_until_it_is_back(self, office: House) -> None:
        form = {"model_id": "easel-starter"}
        assert "off offer" in office.send("/operator/models", "/operator/models/withdraw", **form).text
        assert office.order().status_code == 422
        assert office.send("/operator/models", "/operator/models/withdraw", **form).status_code == 409
        office.send("/operator/models", "/operator/models/offer", **form)
        assert ">Generate</button>" in office.browser.get(STARTER).text
        assert office.send("/operator/models", "/operator/models/offer", **form).status_code == 409


class TestMachines:
    def test_workers_and_queue_are_shown_as_they_are(self, house: House, ada: Account, owner: Account) -> None:
        with house.services.database.transaction() as session:
            register(session, house.clock, "hand", host="<i>here", pid=7, device="cpu")
        house.sign_in(ada)
        generation_id = house.ordered(prompt="a secret wish")
        house.start()
        house.sign_in(owner)
        page = house.browser.get("/operator").text
        assert "&lt;i&gt;here" in page
        assert f"<td>{generation_id}</td>" in page
        assert ">Ada</a>" in page
        assert "a secret wish" not in page
        assert house.browser.get("/operator/now").text.count("<html") == 0

    def test_a_request_is_stopped(self, house: House, ada: Account, owner: Account) -> None:
        house.sign_in(ada)
        generation_id = house.ordered()
        house.sign_in(owner)
        house.send("/operator/ledger", f"/operator/generations/{generation_id}/stop")
        with house.services.database.transaction() as session:
            [view] = list_views(session, house.clock, ada.id)
            assert (view.state, balance(session, ada.id)) == (JobState.CANCELLED, MICROS_PER_DOLLAR)
        assert log_of(house) == [f"owner stopped request {generation_id}"]
        assert house.send("/operator/ledger", "/operator/generations/999999/stop").status_code == 404


class TestLedger:
    def test_it_sums_up_and_is_audited(self, office: House, ada: Account) -> None:
        page = office.browser.get("/operator/ledger").text
        assert '<p class="amount">$1.00</p><p class="fine">what all accounts may spend' in page
        assert '<p class="amount">-$1.00</p>' in page
        assert "The ledger is sound." in office.send("/operator/ledger").text
