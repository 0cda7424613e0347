"""Accounts with money, committed, for tests that use several transactions."""

from collections.abc import Callable

import pytest

from easel.accounts.queries import create_account
from easel.billing import ledger
from easel.db.session import Database
from easel.domain.money import Micros
from easel.kit.clock import SettableClock


@pytest.fixture
def rich(database: Database, clock: SettableClock) -> Callable[[int], int]:
    """Make an account with so many micro-dollars; returns its id."""

    def make(amount: int) -> int:
        with database.transaction() as session:
            account = create_account(session, clock, f"account with {amount}")
            if amount:
                ledger.credit(session, clock, account.id, Micros(amount), f"first:{account.id}")
            return account.id

    return make
