"""One process for each SQLite file."""

import fcntl
import os
from pathlib import Path

import pytest

from app.adapters.lock import hold, keep
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


def test_keeps_a_folder_from_those_who_would_empty_it_however_often_it_is_asked_to(tmp_path: Path) -> None:
    kept = [keep(str(tmp_path)), keep(str(tmp_path))]
    descriptor = os.open(tmp_path, os.O_RDONLY)

    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as systemd-tmpfiles does
    for each in (*kept, descriptor):
        os.close(each)
