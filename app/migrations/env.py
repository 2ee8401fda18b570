"""Alembic's entry: runs the migrations on the engine that app/cli.py hands over."""

from alembic import context

from app.adapters import models, money, people  # noqa: F401 - defines the tables that Base knows
from app.adapters.db import Base
from app.adapters.engines import MIGRATION_LOCK_S

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    if connection.dialect.name == "postgresql":  # two releases at once: one waits for the other
        connection.exec_driver_sql("SELECT pg_advisory_lock(72117)")
        connection.exec_driver_sql(f"SET lock_timeout = '{MIGRATION_LOCK_S}s'")
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
