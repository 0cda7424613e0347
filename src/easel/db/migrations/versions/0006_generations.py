"""Generations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "generations",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True, start=1000), primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False),
        sa.Column(
            "account_id",
            sa.BigInteger,
            sa.ForeignKey("accounts.id", name="fk_generations_account_id_accounts"),
            nullable=False,
        ),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("request", JSONB, nullable=False),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("temporary", sa.Boolean, nullable=False),
        sa.Column("quoted", sa.BigInteger, nullable=False),
        sa.Column("captured", sa.BigInteger),
        sa.Column(
            "hold_id", sa.BigInteger, sa.ForeignKey("holds.id", name="fk_generations_hold_id_holds"), nullable=False
        ),
        sa.Column("webhook", sa.Text),
        sa.Column("track_id", JSONB),
        sa.Column("base_url", sa.Text, nullable=False),
        sa.Column("notes", JSONB, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("uuid", name="uq_generations_uuid"),
        sa.CheckConstraint("captured BETWEEN 0 AND quoted", name="ck_generations_never_captures_more_than_quoted"),
    )
    op.create_index("ix_generations_account_id_id", "generations", ["account_id", "id"])


def downgrade() -> None:
    op.drop_table("generations")
