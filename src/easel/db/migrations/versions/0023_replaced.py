"""What weights a load took the place of, so that they are let go of."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model_loads", sa.Column("replaced", sa.Text))


def downgrade() -> None:
    op.drop_column("model_loads", "replaced")
