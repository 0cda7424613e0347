"""What operators did, and models that they took off offer."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_actions",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("operator_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id")),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_operator_actions_account_id_id", "operator_actions", ["account_id", "id"])
    op.add_column("models", sa.Column("withdrawn", sa.Text))


def downgrade() -> None:
    op.drop_column("models", "withdrawn")
    op.drop_table("operator_actions")
