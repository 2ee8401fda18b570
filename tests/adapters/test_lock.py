"""One process for each SQLite file."""

import os
from pathlib import Path

import pytest

from app.adapters.lock import hold
from app.core.errors import ConfigurationError


def test_lets_one_process_serve_a_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rill.db"
    first = hold(url)

    with pytest.raises(ConfigurationError, match="Another Rill serves .*rill.db already"):
        hold(url)
    os.close(first)
    again = hold(url)

    assert again is not None
    os.close(again)


def test_locks_nothing_for_other_databases() -> None:
    assert hold("postgresql://db.example/rill") is None
    assert hold("sqlite://") is None
