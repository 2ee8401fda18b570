"""When a password was reset, whose name in a header a session began beside, and that an administrator came first."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_PEOPLE = sa.table("user", sa.column("password_hash"))
_OPTIONS = sa.table("option", sa.column("name", sa.String()), sa.column("value", sa.JSON()))


def upgrade() -> None:
    with op.batch_alter_table("user") as batch_op:
        batch_op.add_column(sa.Column("reset_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("login") as batch_op:
        batch_op.add_column(sa.Column("beside", sa.String(), nullable=True))
    somebody = sa.select(sa.func.count()).where(_PEOPLE.c.password_hash.is_not(None))
    if op.get_bind().scalar(somebody):
        op.bulk_insert(_OPTIONS, [{"name": "first_administrator", "value": True}])


def downgrade() -> None:
    op.execute(_OPTIONS.delete().where(_OPTIONS.c.name == "first_administrator"))
    with op.batch_alter_table("login") as batch_op:
        batch_op.drop_column("beside")
    with op.batch_alter_table("user") as batch_op:
        batch_op.drop_column("reset_at")
