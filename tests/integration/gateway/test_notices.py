"""What is mailed without being asked for."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from easel.accounts.queries import create_account, get_account, lock_account
from easel.billing import ledger, subscriptions
from easel.billing.plans import plan_named
from easel.domain.money import MICROS_PER_DOLLAR, Micros
from easel.gateway.notices import tell_of_low_balance
from easel.gateway.services import Services
from easel.generations.janitor import settle
from easel.kit.clock import SettableClock
from easel.kit.mail import Mail, Postman


@dataclass
class KeptMail:
    """A mailer that keeps what it is given."""

    letters: list[Mail] = field(default_factory=list[Mail])

    def send(self, mail: Mail) -> None:
        self.letters.append(mail)


def test_a_low_balance_is_mailed_once_to_whom_it_concerns(services: Services, clock: SettableClock) -> None:
    mailer = KeptMail()
    services = replace(services, postman=Postman(mailer, pauses=()))
    with services.database.transaction() as session:
        ann = create_account(session, clock, "ann", "ann@example.org")
        nameless = create_account(session, clock, "a machine")
        for account in (ann, nameless):
            ledger.credit(session, clock, account.id, Micros(MICROS_PER_DOLLAR // 2), f"first:{account.id}")
    for _ in range(2):
        settle(services.database, clock, partial(tell_of_low_balance, services))
    services.postman.drain()
    (letter,) = mailer.letters
    assert letter.to == "ann@example.org"
    assert "$0.50" in letter.text
    assert "/account/wallet" in letter.text


def test_a_month_that_cannot_be_paid_ends_the_plan(services: Services, clock: SettableClock) -> None:
    fee = plan_named("standard").monthly_fee
    with services.database.transaction() as session:
        account_id = create_account(session, clock, "ann").id
        ledger.credit(session, clock, account_id, fee, "first")
        account = lock_account(session, account_id)
        account.plan = subscriptions.choose(session, clock, account_id, account.plan, "standard").name
    told: list[object] = []
    settle(services.database, clock, told.append)
    with services.database.transaction() as session:
        assert get_account(session, account_id).plan == "standard"
    clock.advance(timedelta(days=32))
    settle(services.database, clock, told.append)
    with services.database.transaction() as session:
        assert get_account(session, account_id).plan == "pay-as-you-go"
