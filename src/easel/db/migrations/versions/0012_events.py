"""Webhooks: bodies as they are sent, a log of every sending, silenced addresses. Idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def _account(table: str, **options: bool) -> sa.Column[int]:
    key = sa.ForeignKey("accounts.id", name=f"fk_{table}_account_id_accounts")
    return sa.Column("account_id", sa.BigInteger, key, **options)


def upgrade() -> None:
    # Text, not JSON: what is sent again must be the same bytes.
    op.alter_column("webhook_deliveries", "body", type_=sa.Text, nullable=True, postgresql_using="body::text")
    op.add_column("webhook_deliveries", sa.Column("generation_id", sa.BigInteger))
    op.create_foreign_key(
        "fk_webhook_deliveries_generation_id_generations",
        "webhook_deliveries",
        "generations",
        ["generation_id"],
        ["id"],
    )
    op.add_column("webhook_deliveries", sa.Column("round_at", TIME))
    op.execute("UPDATE webhook_deliveries SET round_at = created_at")
    op.alter_column("webhook_deliveries", "round_at", nullable=False)
    op.add_column(
        "webhook_deliveries", sa.Column("attempts_before_round", sa.BigInteger, nullable=False, server_default="0")
    )
    op.create_index("ix_webhook_deliveries_generation_id", "webhook_deliveries", ["generation_id"])
    op.create_table(
        "webhook_attempts",
        sa.Column(
            "delivery_id",
            sa.Uuid,
            sa.ForeignKey("webhook_deliveries.id", name="fk_webhook_attempts_delivery_id_webhook_deliveries"),
            primary_key=True,
        ),
        sa.Column("attempt", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("status", sa.BigInteger),
        sa.Column("error", sa.Text),
    )
    op.create_table(
        "webhook_silences",
        _account("webhook_silences", primary_key=True),
        sa.Column("url", sa.Text, primary_key=True),
        sa.Column("since", TIME, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        _account("idempotency_keys", primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_sha256", sa.Text, nullable=False),
        sa.Column(
            "generation_id",
            sa.BigInteger,
            sa.ForeignKey("generations.id", name="fk_idempotency_keys_generation_id_generations"),
            nullable=False,
        ),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    for table in ("idempotency_keys", "webhook_silences", "webhook_attempts"):
        op.drop_table(table)
    for column in ("generation_id", "round_at", "attempts_before_round"):
        op.drop_column("webhook_deliveries", column)
    op.execute("DELETE FROM webhook_deliveries WHERE body IS NULL")
    op.execute("ALTER TABLE webhook_deliveries ALTER COLUMN body TYPE jsonb USING body::jsonb, ALTER body SET NOT NULL")
