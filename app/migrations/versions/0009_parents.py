"""The messages that follow one are found at once: a message that is deleted takes them with it."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index(op.f("ix_message_parent_id"), "message", ["parent_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_message_parent_id"), "message")
