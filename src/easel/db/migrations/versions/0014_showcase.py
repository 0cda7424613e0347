"""Pictures that people publish on a model's page."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exhibits",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("generation_id", sa.BigInteger, sa.ForeignKey("generations.id"), nullable=False),
        sa.Column("index", sa.BigInteger, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("thumbnail_key", sa.Text, nullable=False),
        sa.Column("thumbhash", sa.Text, nullable=False),
        sa.Column("width", sa.BigInteger, nullable=False),
        sa.Column("height", sa.BigInteger, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("generation_id", "index", name="uq_exhibits_generation_id_index"),
    )
    op.create_index("ix_exhibits_model_id_id", "exhibits", ["model_id", "id"])


def downgrade() -> None:
    op.drop_table("exhibits")
