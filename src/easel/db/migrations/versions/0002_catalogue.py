"""The catalogue of models."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("family", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("licence", sa.Text, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("defaults", JSONB, nullable=False),
        sa.Column("limits", JSONB, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("weights", sa.Text),
        sa.CheckConstraint(
            "kind IN ('checkpoint', 'lora', 'embedding', 'vae', 'controlnet', 'upscaler')",
            name=op.f("ck_models_kind"),
        ),
        sa.CheckConstraint("price >= 0", name=op.f("ck_models_price")),
    )


def downgrade() -> None:
    op.drop_table("models")
