"""Refunds, plans that are paid for, payments from outside, and which key asked for a generation."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

# The hold's row is locked first, so that two refunds of one hold see each other.
GUARD_REFUND = """
CREATE FUNCTION refund_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    taken bigint;
    given bigint;
BEGIN
    SELECT captured INTO taken FROM holds WHERE id = NEW.hold_id FOR UPDATE;
    SELECT coalesce(sum(amount), 0) INTO given FROM refunds WHERE hold_id = NEW.hold_id;
    IF given + NEW.amount > taken THEN
        RAISE EXCEPTION 'hold % took %, and % of it would be given back', NEW.hold_id, taken, given + NEW.amount
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER refunds_guard BEFORE INSERT ON refunds FOR EACH ROW EXECUTE FUNCTION refund_guard();
CREATE TRIGGER refunds_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON refunds
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER plan_changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON plan_changes
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER payment_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""


def account() -> sa.Column[int]:
    return sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "refunds",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("hold_id", sa.BigInteger, sa.ForeignKey("holds.id"), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.UniqueConstraint("key", name="uq_refunds_key"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
    )
    op.create_index("ix_refunds_hold_id", "refunds", ["hold_id"])
    op.create_table(
        "plan_changes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        account(),
        sa.Column("from_plan", sa.Text, nullable=False),
        sa.Column("to_plan", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_plan_changes_account_id", "plan_changes", ["account_id"])
    op.create_table(
        "plan_periods",
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("begins_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("renews", sa.Boolean, nullable=False),
    )
    op.create_index("ix_plan_periods_ends_at", "plan_periods", ["ends_at"])
    op.create_table(
        "low_balances",
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("told_at", TIME, nullable=False),
    )
    op.create_table(
        "top_ups",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False),
        account(),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="open"),
        sa.Column("session_id", sa.Text),
        sa.Column("payment_intent", sa.Text),
        sa.Column("taken_back", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("paid_at", TIME),
        sa.UniqueConstraint("uuid", name="uq_top_ups_uuid"),
        sa.UniqueConstraint("session_id", name="uq_top_ups_session_id"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_top_ups_amount")),
        sa.CheckConstraint("state IN ('open', 'paid', 'failed')", name=op.f("ck_top_ups_state")),
        sa.CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name=op.f("ck_top_ups_paid")),
        sa.CheckConstraint("taken_back BETWEEN 0 AND amount", name=op.f("ck_top_ups_taken_back")),
    )
    op.create_index("ix_top_ups_account_id_id", "top_ups", ["account_id", "id"])
    op.create_index("ix_top_ups_payment_intent", "top_ups", ["payment_intent"])
    op.create_table(
        "payment_events",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("top_up_id", sa.BigInteger, sa.ForeignKey("top_ups.id")),
        sa.Column("received_at", TIME, nullable=False),
    )
    op.execute(GUARD_REFUND)
    op.add_column("generations", sa.Column("api_key_id", sa.BigInteger, sa.ForeignKey("api_keys.id")))
    op.add_column("generations", sa.Column("per_picture", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("generations", sa.Column("included", sa.BigInteger, nullable=False, server_default="0"))
    # Until now every picture of a generation cost the same.
    op.execute("UPDATE generations SET per_picture = quoted / greatest((request->>'samples')::bigint, 1)")


def downgrade() -> None:
    for column in ("included", "per_picture", "api_key_id"):
        op.drop_column("generations", column)
    for table in ("payment_events", "top_ups", "low_balances", "plan_periods", "plan_changes", "refunds"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refund_guard()")
