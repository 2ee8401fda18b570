"""Traces of what Claude sent, and replies that are asked for in one piece."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "trace",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_trace_message_id_message"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_trace")),
    )
    with op.batch_alter_table("trace") as batch_op:
        batch_op.create_index(batch_op.f("ix_trace_created_at"), ["created_at"], unique=False)
    with op.batch_alter_table("message") as batch_op:
        batch_op.add_column(sa.Column("is_streamed", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    with op.batch_alter_table("message") as batch_op:
        batch_op.drop_column("is_streamed")
    op.drop_table("trace")
