"""The ledger, and the rules that the database keeps by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

ADD_TO_BALANCE = """
CREATE FUNCTION ledger_add_to_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallets SET balance = balance + NEW.amount WHERE id = NEW.wallet_id AND balance IS NOT NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entries_add_to_balance AFTER INSERT ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_add_to_balance();
"""

# Depth 1 is this trigger on its own; depth 2 means that the one above called it.
GUARD_BALANCE = """
CREATE FUNCTION wallet_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.balance <> 0 THEN
            RAISE EXCEPTION 'a wallet starts empty' USING ERRCODE = 'restrict_violation';
        END IF;
    ELSIF pg_trigger_depth() < 2
        OR (NEW.id, NEW.account_id, NEW.kind) IS DISTINCT FROM (OLD.id, OLD.account_id, OLD.kind)
    THEN
        RAISE EXCEPTION 'a balance changes by ledger entries only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER wallets_guard BEFORE INSERT OR UPDATE ON wallets
    FOR EACH ROW EXECUTE FUNCTION wallet_guard();
"""

APPEND_ONLY = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %: the ledger is only added to', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER wallets_stay BEFORE DELETE OR TRUNCATE ON wallets
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER holds_stay BEFORE DELETE OR TRUNCATE ON holds
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""

# Deferred: the entries of a transfer are inserted one after the other, and count at commit.
ZERO_SUM = """
CREATE FUNCTION ledger_transfer_sums_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    transfer bigint;
    total numeric;
BEGIN
    IF TG_TABLE_NAME = 'ledger_entries' THEN transfer := NEW.transfer_id; ELSE transfer := NEW.id; END IF;
    SELECT sum(amount) INTO total FROM ledger_entries WHERE transfer_id = transfer;
    IF total IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'ledger transfer % sums to %, not to zero', transfer, coalesce(total::text, 'nothing')
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER ledger_entries_sum_to_zero AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_transfer_sums_to_zero();
CREATE CONSTRAINT TRIGGER ledger_transfers_sum_to_zero AFTER INSERT ON ledger_transfers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_transfer_sums_to_zero();
"""

GUARD_HOLD = """
CREATE FUNCTION hold_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'held' THEN
            RAISE EXCEPTION 'a hold starts as held' USING ERRCODE = 'restrict_violation';
        END IF;
    ELSIF OLD.state <> 'held' OR NEW.state = 'held'
        OR (NEW.id, NEW.key, NEW.account_id, NEW.amount) IS DISTINCT FROM (OLD.id, OLD.key, OLD.account_id, OLD.amount)
    THEN
        RAISE EXCEPTION 'hold %: % -> % is no legal move', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER holds_guard BEFORE INSERT OR UPDATE ON holds
    FOR EACH ROW EXECUTE FUNCTION hold_guard();
"""

HOUSE = "INSERT INTO wallets (kind) VALUES ('cash'), ('revenue'), ('grants')"


def upgrade() -> None:
    _create_tables()
    for statements in (ADD_TO_BALANCE, GUARD_BALANCE, APPEND_ONLY, ZERO_SUM, GUARD_HOLD, HOUSE):
        op.execute(statements)


def _create_tables() -> None:
    op.create_table(
        "wallets",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id")),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("balance", sa.BigInteger),
        sa.UniqueConstraint(
            "account_id", "kind", name="uq_wallets_account_id_kind", postgresql_nulls_not_distinct=True
        ),
        sa.CheckConstraint(
            "CASE WHEN account_id IS NULL THEN kind IN ('cash', 'revenue', 'grants') AND balance IS NULL"
            " ELSE kind IN ('available', 'reserved') AND balance IS NOT NULL END",
            name=op.f("ck_wallets_kind"),
        ),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_wallets_no_overdraft")),
    )
    op.create_table(
        "ledger_transfers",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("memo", sa.Text),
        sa.Column("created_at", TIME, nullable=False),
        sa.UniqueConstraint("key", name="uq_ledger_transfers_key"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("transfer_id", sa.BigInteger, sa.ForeignKey("ledger_transfers.id"), primary_key=True),
        sa.Column("wallet_id", sa.BigInteger, sa.ForeignKey("wallets.id"), primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entries_amount")),
    )
    op.create_index("ix_ledger_entries_wallet_id", "ledger_entries", ["wallet_id", "transfer_id"])
    op.create_table(
        "holds",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("captured", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("state", sa.Text, nullable=False, server_default="held"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.UniqueConstraint("key", name="uq_holds_key"),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_holds_amount")),
        sa.CheckConstraint(
            "captured BETWEEN 0 AND amount AND (captured = 0 OR state = 'captured')", name=op.f("ck_holds_captured")
        ),
        sa.CheckConstraint("state IN ('held', 'captured', 'released')", name=op.f("ck_holds_state")),
        sa.CheckConstraint("(state = 'held') = (ended_at IS NULL)", name=op.f("ck_holds_ended")),
    )
    op.create_index("ix_holds_account_id_held", "holds", ["account_id"], postgresql_where=sa.text("state = 'held'"))


def downgrade() -> None:
    for table in ("holds", "ledger_entries", "ledger_transfers", "wallets"):
        op.drop_table(table)
    for function in (
        "ledger_add_to_balance",
        "wallet_guard",
        "ledger_refuse_change",
        "ledger_transfer_sums_to_zero",
        "hold_guard",
    ):
        op.execute(f"DROP FUNCTION {function}()")
