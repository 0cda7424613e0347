"""Spending caps of keys, and which key asked for a hold."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

GUARD = """
CREATE OR REPLACE FUNCTION hold_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'held' THEN
            RAISE EXCEPTION 'a hold starts as held' USING ERRCODE = 'restrict_violation';
        END IF;
    ELSIF OLD.state <> 'held' OR NEW.state = 'held' OR ({new}) IS DISTINCT FROM ({old})
    THEN
        RAISE EXCEPTION 'hold %: % -> % is no legal move', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
"""

KEPT = ("id", "key", "account_id", "amount")
"""What of a hold never changes."""

# What was ended before is no longer to be changed; but its key was known to the generation.
BACKFILL = (
    "ALTER TABLE holds DISABLE TRIGGER holds_guard",
    "UPDATE holds SET api_key_id = generations.api_key_id FROM generations"
    " WHERE generations.hold_id = holds.id AND generations.api_key_id IS NOT NULL",
    "ALTER TABLE holds ENABLE TRIGGER holds_guard",
)


def upgrade() -> None:
    op.create_table(
        "spending_caps",
        sa.Column("api_key_id", sa.BigInteger, sa.ForeignKey("api_keys.id"), primary_key=True),
        sa.Column("total", sa.BigInteger),
        sa.Column("monthly", sa.BigInteger),
        sa.CheckConstraint("total >= 0 AND monthly >= 0", name=op.f("ck_spending_caps_amounts")),
        sa.CheckConstraint("num_nonnulls(total, monthly) > 0", name=op.f("ck_spending_caps_some")),
    )
    op.add_column("holds", sa.Column("api_key_id", sa.BigInteger, sa.ForeignKey("api_keys.id")))
    for statement in BACKFILL:
        op.execute(statement)
    op.create_index(
        "ix_holds_api_key_id_created_at",
        "holds",
        ["api_key_id", "created_at"],
        postgresql_where=sa.text("api_key_id IS NOT NULL AND amount > 0"),
    )
    op.execute(_guard(*KEPT, "api_key_id"))


def downgrade() -> None:
    op.execute(_guard(*KEPT))
    op.drop_column("holds", "api_key_id")
    op.drop_table("spending_caps")


def _guard(*kept: str) -> str:
    return GUARD.format(new=", ".join(f"NEW.{name}" for name in kept), old=", ".join(f"OLD.{name}" for name in kept))
