"""Fair shares between accounts, deadlines, progress that outlives a page, and results that expire."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

WAITING = sa.text("state = 'queued' AND NOT suspect")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("virtual_start", sa.Float, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("suspect", sa.Boolean, nullable=False, server_default="false"))
    op.add_column("jobs", sa.Column("expires_at", TIME))
    op.add_column("jobs", sa.Column("step", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("steps", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("preview_key", sa.Text))
    op.execute("UPDATE jobs SET suspect = true WHERE state = 'queued' AND attempts > 0")
    # Room on each page for the next version of a row: a step then touches no index.
    op.execute("ALTER TABLE jobs SET (fillfactor = 70)")
    op.drop_index("ix_jobs_queue", "jobs")
    op.create_index(
        "ix_jobs_line",
        "jobs",
        ["kind", sa.text("priority DESC"), "virtual_start", "id"],
        postgresql_where=WAITING,
    )
    op.create_index("ix_jobs_age", "jobs", ["kind", "created_at", "id"], postgresql_where=WAITING)
    op.create_index("ix_jobs_suspect", "jobs", ["kind", "id"], postgresql_where=sa.text("state = 'queued' AND suspect"))
    op.create_index("ix_jobs_expiry", "jobs", ["expires_at"], postgresql_where=sa.text("state = 'queued'"))
    op.create_table(
        "queue_shares",
        sa.Column(
            "account_id",
            sa.BigInteger,
            sa.ForeignKey("accounts.id", name="fk_queue_shares_account_id_accounts"),
            primary_key=True,
        ),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("priority", sa.BigInteger, primary_key=True),
        sa.Column("virtual_finish", sa.Float, nullable=False),
    )
    op.create_index("ix_queue_shares_latest", "queue_shares", ["kind", "priority", "virtual_finish"])
    op.create_index(
        "ix_generations_seconds",
        "generations",
        ["model_id", sa.text("id DESC")],
        postgresql_where=sa.text("seconds IS NOT NULL"),
    )
    op.add_column("artifacts", sa.Column("expired_at", TIME))
    op.create_index(
        "ix_artifacts_created_at", "artifacts", ["created_at"], postgresql_where=sa.text("expired_at IS NULL")
    )


def downgrade() -> None:
    op.drop_column("artifacts", "expired_at")
    op.drop_index("ix_generations_seconds", "generations")
    op.drop_table("queue_shares")
    for column in ("virtual_start", "suspect", "expires_at", "step", "steps", "preview_key"):
        op.drop_column("jobs", column)
    op.execute("ALTER TABLE jobs RESET (fillfactor)")
    op.create_index(
        "ix_jobs_queue", "jobs", [sa.text("priority DESC"), "id"], postgresql_where=sa.text("state = 'queued'")
    )
