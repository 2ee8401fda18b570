"""The tables: what is deleted with something else is found without a look at every row."""

import pytest
from sqlalchemy import Table, text

from app.adapters.models import Base
from app.web.services import Services


def leading(table: Table) -> set[str]:
    """Give the columns that some index, key or constraint begins with."""
    indexed = [list(index.columns) for index in table.indexes]
    indexed += [
        list(c.columns) for c in table.constraints if type(c).__name__ in ("PrimaryKeyConstraint", "UniqueConstraint")
    ]
    return {columns[0].name for columns in indexed if columns}


@pytest.mark.parametrize("table", Base.metadata.sorted_tables, ids=lambda table: table.name)
def test_begins_an_index_with_each_foreign_key(table: Table) -> None:
    keys = {column.name for column in table.columns if column.foreign_keys}

    assert keys - leading(table) == set()


@pytest.mark.parametrize(
    ("which", "index"),
    [
        ("parent_id = 'x'", "ix_message_parent_id"),
        ("owner_id = 'x' AND status IN ('queued', 'running')", "ix_message_status_owner_id"),
        ("status IN ('queued', 'running')", "ix_message_status_owner_id"),
    ],
)
def test_finds_messages_by_index(services: Services, which: str, index: str) -> None:
    plan = text(f"EXPLAIN QUERY PLAN SELECT count(*) FROM message WHERE {which}")

    [found] = services.db.read(lambda session: [row.detail for row in session.execute(plan)])

    assert found.startswith("SEARCH")
    assert index in found
