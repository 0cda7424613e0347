"""What stands in a picture's place while it loads. Pictures that were drawn before have none."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("artifacts", sa.Column("thumbhash", sa.Text))


def downgrade() -> None:
    op.drop_column("artifacts", "thumbhash")
