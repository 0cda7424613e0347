"""What is known of a model's weights: their hash, their size, what they were trained for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("models", sa.Column("sha256", sa.Text))
    op.add_column("models", sa.Column("format", sa.Text))
    op.add_column("models", sa.Column("size_bytes", sa.BigInteger))
    op.add_column("models", sa.Column("parameters", sa.BigInteger))
    op.add_column("models", sa.Column("resolution", sa.BigInteger))
    op.add_column("models", sa.Column("objective", sa.Text))
    op.add_column("models", sa.Column("tags", sa.ARRAY(sa.Text), nullable=False, server_default="{}"))
    op.add_column("models", sa.Column("facts", JSONB, nullable=False, server_default="{}"))


def downgrade() -> None:
    for column in ("facts", "tags", "objective", "resolution", "parameters", "size_bytes", "format", "sha256"):
        op.drop_column("models", column)
