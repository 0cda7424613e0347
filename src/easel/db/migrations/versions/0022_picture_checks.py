"""Pictures that somebody asked a worker to check, and which workers can."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "picture_checks",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column(
            "account_id",
            sa.BigInteger,
            sa.ForeignKey("accounts.id", name="fk_picture_checks_account_id_accounts"),
            nullable=False,
        ),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("lease_until", TIME),
        sa.Column("error", sa.Text),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
    )
    op.create_index("ix_picture_checks_account_id_key", "picture_checks", ["account_id", "key"])
    op.create_index("ix_picture_checks_created_at", "picture_checks", ["created_at"])
    op.create_index("ix_picture_checks_open", "picture_checks", ["id"], postgresql_where=sa.text("finished_at IS NULL"))
    op.add_column("workers", sa.Column("checks_pictures", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("workers", "checks_pictures")
    op.drop_table("picture_checks")
