"""Leases: which worker writes a reply, until when it may, and whether it was asked to stop."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("message") as batch_op:
        batch_op.add_column(sa.Column("worker", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("lease_until", sa.Double(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("is_cancelled", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("message") as batch_op:
        batch_op.drop_column("is_cancelled")
        batch_op.drop_column("lease_until")
        batch_op.drop_column("worker")
