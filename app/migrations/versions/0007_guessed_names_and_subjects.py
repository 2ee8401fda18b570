"""Whose password was guessed, and whose budget was spent, both as hashes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("guess") as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(), nullable=True))
    with op.batch_alter_table("spending") as batch_op:
        batch_op.add_column(sa.Column("subject", sa.String(), nullable=True))
        batch_op.create_index(batch_op.f("ix_spending_subject_day"), ["subject", "day"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("spending") as batch_op:
        batch_op.drop_index(batch_op.f("ix_spending_subject_day"))
        batch_op.drop_column("subject")
    with op.batch_alter_table("guess") as batch_op:
        batch_op.drop_column("name")
