"""easel accounts, easel keys and easel ledger."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from easel.accounts.keys import authenticate
from easel.accounts.recovery import finish_reset
from easel.accounts.sign_in import redeem_sign_in_token
from easel.accounts.tables import Scope
from easel.db.session import Database
from easel.domain.errors import NotAuthenticated
from easel.kit.clock import SettableClock
from easel.webhooks.deliver import account_secret

Easel = Callable[..., str]


class TestAccounts:
    def test_an_account_is_created_and_listed(self, easel: Easel) -> None:
        assert "ann, plan standard" in easel("accounts", "create", "ann", "--email", "ann@x.org", "--plan", "standard")
        line = next(line for line in easel("accounts", "list").splitlines() if "ann" in line)
        for word in ("ann@x.org", "member", "standard", "$0.00"):
            assert word in line

    def test_nobody_becomes_a_second_owner(self, easel: Easel) -> None:
        assert "has one owner" in easel("accounts", "create", "eve", "--role", "owner")

    def test_an_unknown_plan_is_refused_and_no_account_is_made(self, easel: Easel) -> None:
        assert "choose one of free" in easel("accounts", "create", "ann", "--plan", "gold")
        assert "ann" not in easel("accounts", "list")

    def test_a_sign_in_link_is_for_the_owner_unless_somebody_is_named(
        self, easel: Easel, database: Database, clock: SettableClock
    ) -> None:
        easel("accounts", "create", "ann")
        roles: list[str] = []
        for named in ((), ("ann",)):
            token = easel("accounts", "sign-in", *named).strip().rpartition("token=")[2]
            with database.transaction() as session:
                roles.append(redeem_sign_in_token(session, clock, token).role)
        assert roles == ["owner", "member"]

    def test_a_reset_link_sets_a_password_once(self, easel: Easel, database: Database, clock: SettableClock) -> None:
        easel("accounts", "create", "ann")
        printed = easel("accounts", "reset-link", "ann").strip()
        assert printed.startswith("Choose a new password: http://127.0.0.1:8000/reset?token=")
        token = printed.rpartition("token=")[2]
        with database.transaction() as session:
            assert finish_reset(session, clock, token, "a hash").name == "ann"
        with database.transaction() as session, pytest.raises(NotAuthenticated):
            finish_reset(session, clock, token, "another")

    def test_a_webhook_secret_is_the_owners_unless_somebody_is_named(
        self, easel: Easel, database: Database, tmp_path: Path
    ) -> None:
        easel("accounts", "create", "ann")
        printed = [easel("accounts", "webhook-secret", *named) for named in ((), ("ann",))]
        secret = (tmp_path / "data" / "secret").read_text()
        with database.transaction() as session:
            ids = session.execute(text("SELECT id FROM accounts ORDER BY role DESC")).scalars().all()
        assert printed == [f"Webhook secret: {account_secret(secret, id)}\n" for id in ids]

    def test_money_is_credited(self, easel: Easel) -> None:
        easel("accounts", "create", "ann")
        assert easel("accounts", "credit", "ann", "10") == "ann can spend $10.00\n"
        assert easel("accounts", "credit", "ann", "0.0047") == "ann can spend $10.0047\n"

    def test_a_payment_with_a_key_is_booked_once(self, easel: Easel) -> None:
        easel("accounts", "create", "ann")
        for _ in range(2):
            assert easel("accounts", "credit", "ann", "10", "--key", "bank:1") == "ann can spend $10.00\n"
        assert "already booked" in easel("accounts", "credit", "ann", "11", "--key", "bank:1")

    @pytest.mark.parametrize("amount", ["-5", "0", "1e30", "NaN", "ten", "0.0000001"])
    def test_what_is_no_payment_is_refused(self, easel: Easel, amount: str) -> None:
        easel("accounts", "create", "ann")
        assert re.search(r"amount must be from|is no (amount|whole number)", easel("accounts", "credit", "ann", amount))
        assert "$0.00 │" in easel("accounts", "list")

    def test_nobody_is_credited_by_mistake(self, easel: Easel) -> None:
        assert "There is no account bob" in easel("accounts", "credit", "bob", "10")

    def test_a_plan_is_changed(self, easel: Easel) -> None:
        easel("accounts", "create", "ann")
        assert easel("accounts", "plan", "ann", "premium") == "ann is on the plan Premium: 15 requests may be queued\n"
        assert "choose one of" in easel("accounts", "plan", "ann", "gold")

    def test_an_account_is_suspended_and_resumed(self, easel: Easel) -> None:
        easel("accounts", "create", "ann")
        assert "ann is suspended; open the account again with" in easel("accounts", "suspend", "ann")
        assert "member, suspended" in easel("accounts", "list")
        assert easel("accounts", "resume", "ann") == "ann may work again\n"
        assert "suspended" not in easel("accounts", "list")

    def test_the_owner_is_not_suspended(self, easel: Easel) -> None:
        easel("keys", "create", "makes the owner")
        assert "may not do this to the owner" in easel("accounts", "suspend", "owner")

    def test_a_role_is_changed(self, easel: Easel) -> None:
        easel("accounts", "create", "ann")
        assert easel("accounts", "role", "ann", "admin") == "ann is an admin now\n"
        assert "admin" in easel("accounts", "list")
        assert "has one owner" in easel("accounts", "role", "ann", "owner")


class TestKeys:
    def test_a_key_says_what_it_may_be_used_for(self, easel: Easel) -> None:
        easel("keys", "create", "--name", "watcher", "--scope", "read")
        easel("keys", "create", "everything", "--scope", "read", "--scope", "admin", "--scope", "generate")
        easel("accounts", "create", "ann")
        assert re.search(r"watcher +│ easel_\w+ +│ read +│", easel("keys", "list"))
        assert "generate, read, admin" in easel("keys", "list")
        assert "Only keys of an owner or admin" in easel("keys", "create", "x", "--account", "ann", "--scope", "admin")

    def test_a_key_is_shown_once_and_works_until_it_is_revoked(
        self, easel: Easel, database: Database, clock: SettableClock
    ) -> None:
        easel("accounts", "create", "ann")
        secret = re.fullmatch(r"API key: (easel_\S{43})\n", easel("keys", "create", "laptop", "--account", "ann"))
        assert secret
        with database.transaction() as session:
            assert authenticate(session, clock, secret[1], Scope.READ).account.name == "ann"
        listed = easel("keys", "list", "--account", "ann")
        assert "laptop" in listed
        assert secret[1] not in listed
        assert easel("keys", "revoke", "1", "--account", "ann") == "Key 1 no longer works\n"
        with database.transaction() as session, pytest.raises(NotAuthenticated):
            authenticate(session, clock, secret[1], Scope.READ)

    def test_a_key_has_caps(self, easel: Easel) -> None:
        easel("keys", "create", "agent", "--cap", "5.00", "--monthly-cap", "1")
        assert re.search(r"\$5.00 in all.*\$1.00 *│", easel("keys", "list"))
        assert easel("keys", "cap", "1", "--total", "0.50") == "Key 1 may spend $0.50 in all\n"
        assert easel("keys", "cap", "1", "--none") == "Key 1 may spend what its account has\n"
        assert "May spend" not in easel("keys", "list")
        assert "Say --total" in easel("keys", "cap", "1")
        assert "A cap is from $0.00" in easel("keys", "create", "agent", "--cap", "-1")
        assert "There is no key 7" in easel("keys", "cap", "7", "--none")

    def test_without_an_account_it_is_the_owners(self, easel: Easel) -> None:
        easel("keys", "create", "laptop")
        assert "laptop" in easel("keys", "list")
        assert "owner" in easel("accounts", "list")

    def test_anothers_key_is_not_revoked(self, easel: Easel) -> None:
        easel("accounts", "create", "ann")
        easel("keys", "create", "laptop")
        assert "There is no key 1 in this account" in easel("keys", "revoke", "1", "--account", "ann")


class TestLedger:
    def test_a_statement_tells_what_happened(self, easel: Easel) -> None:
        easel("accounts", "create", "ann")
        easel("accounts", "credit", "ann", "10", "--memo", "by bank")
        shown = easel("ledger", "statement", "ann")
        for word in ("credit", "$10.00", "by bank", "ann can spend $10.00"):
            assert word in shown

    def test_an_audit_of_sound_books_says_so(self, easel: Easel) -> None:
        assert easel("ledger", "audit").startswith("The ledger is sound")

    def test_an_audit_of_broken_books_fails_with_what_is_wrong(
        self, easel: Easel, database: Database, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with database.transaction() as session:
            session.execute(text("DROP TRIGGER holds_guard ON holds"))
        with pytest.raises(SystemExit) as stopped:
            easel("ledger", "audit")
        assert stopped.value.code == 1
        assert "holds_guard is missing" in capsys.readouterr().err
