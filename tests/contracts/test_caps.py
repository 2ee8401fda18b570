"""Every cap that has a sentence of its own is reached before one that has none."""

import re

from app.adapters.claude import Limits
from app.chat.direct import MAX_CALLS
from app.chat.runner import MAX_RUNNING
from app.chat.views import MAX_READERS
from tests.contracts.tree import ROOT


def number(name: str) -> int:
    """Read a number from gunicorn.conf.py, which cannot be imported without reading the environment."""
    found = re.search(rf"^{name} = ([\d_]+)\b", (ROOT / "gunicorn.conf.py").read_text(), re.M)
    assert found
    return int(found[1])


def test_calls_claude_for_every_reply_it_takes() -> None:
    assert Limits().calls >= MAX_RUNNING + MAX_CALLS


def test_takes_the_connections_of_all_readers_and_of_pages_beside_them() -> None:
    assert number("worker_connections") >= MAX_READERS + MAX_CALLS + 1_000


def test_waits_in_nginx_for_a_reply_that_comes_in_one_piece() -> None:
    chat = re.search(r"location = /api/chat \{[^}]*proxy_read_timeout (\d+)s;", (ROOT / "docs/nginx.conf").read_text())

    assert chat
    assert int(chat[1]) >= Limits().total_s
