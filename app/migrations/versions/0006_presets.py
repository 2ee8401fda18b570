"""The system prompt that was chosen for a conversation."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("conversation") as batch_op:
        batch_op.add_column(sa.Column("preset", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("system", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("conversation") as batch_op:
        batch_op.drop_column("system")
        batch_op.drop_column("preset")
