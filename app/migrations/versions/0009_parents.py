"""The messages that follow one are found at once, and the replies that are being written for a person."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index(op.f("ix_message_parent_id"), "message", ["parent_id"])
    op.create_index(op.f("ix_message_status_owner_id"), "message", ["status", "owner_id"])
    op.drop_index(op.f("ix_message_status"), "message")


def downgrade() -> None:
    op.create_index(op.f("ix_message_status"), "message", ["status"])
    op.drop_index(op.f("ix_message_status_owner_id"), "message")
    op.drop_index(op.f("ix_message_parent_id"), "message")
