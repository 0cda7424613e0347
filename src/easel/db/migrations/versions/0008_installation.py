"""Whose database this is."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("secret_sha256", sa.Text, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_installation_only_one"),
    )


def downgrade() -> None:
    op.drop_table("installation")
