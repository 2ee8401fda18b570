"""What was spent is added up from an index alone, and what is still reserved is found in one of few rows."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_TOKENS = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"]
_OPEN: dict[str, Any] = {"sqlite_where": sa.text("is_settled = 0"), "postgresql_where": sa.text("NOT is_settled")}


def upgrade() -> None:
    op.create_index("ix_spending_sums", "spending", ["day", "micros", *_TOKENS])
    op.create_index("ix_spending_open", "spending", ["at"], **_OPEN)
    op.drop_index(op.f("ix_spending_day"), "spending")


def downgrade() -> None:
    op.create_index(op.f("ix_spending_day"), "spending", ["day"])
    op.drop_index("ix_spending_open", "spending")
    op.drop_index("ix_spending_sums", "spending")
