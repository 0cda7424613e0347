"""What a client has set for itself, by key."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_options",
        sa.Column(
            "api_key_id",
            sa.BigInteger,
            sa.ForeignKey("api_keys.id", name="fk_key_options_api_key_id_api_keys"),
            primary_key=True,
        ),
        sa.Column("dialect", sa.Text, primary_key=True),
        sa.Column("options", postgresql.JSONB, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("key_options")
