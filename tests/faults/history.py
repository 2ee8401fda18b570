"""What happened, and whether it may: one checker for all faults."""

import sqlite3
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg

from tests.faults.viewer import Viewer, sent_by
from tests.servers import Process

LIVE = ("queued", "running")


class _Stay(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, request: object, response: object, *args: object) -> object:
        return response


def post(url: str, path: str, *, patience_s: float = 60, **fields: str) -> str:
    """Send a form as a plain browser does; gives where it leads."""
    data = urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(url + path, data, {"Origin": url})
    with urllib.request.build_opener(_Stay).open(request, timeout=patience_s) as response:
        return str(response.headers.get("Location", ""))


def until(is_so: Callable[[], object], what: str, *, patience_s: float = 60) -> None:
    """Wait until something is so, and fail with what it was if it never is."""
    end = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.05)


@dataclass
class History:
    """Replies, their viewers, and what upstream, database and viewers have of them."""

    database_url: str
    upstream: Process
    viewers: list[Viewer] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Read all replies from the database."""
        statement = "SELECT * FROM message WHERE role = 'assistant'"
        if self.database_url.startswith("sqlite"):
            with sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=60) as db:
                db.row_factory = sqlite3.Row
                return {row["id"]: dict(row) for row in db.execute(statement)}
        with psycopg.connect(self.database_url, row_factory=psycopg.rows.dict_row) as connection:
            return {row["id"]: row for row in connection.execute(statement)}

    def begin(self, urls: list[str], *, words: int, speed: int, viewers: int = 1) -> str:
        """Send a message whose reply has so many words, so many a second; gives the id of the reply."""
        key = f"k{uuid4().hex[:10]}"
        place = post(urls[0], "/conversations", text=f"[[load: {key} {words} {speed}]]", nonce=key)
        conversation = place.split("/")[2]
        [reply] = [id for id, row in self.rows().items() if row["conversation_id"] == conversation]
        self.keys[reply] = key
        for _viewer in range(viewers):
            self.viewers.append(Viewer(urls, reply))
            self.viewers[-1].start()
        return reply

    def until_all_see(self, words: int) -> None:
        """Wait until every viewer is shown so many words."""
        until(lambda: all(viewer.sees(words) for viewer in self.viewers), f"all see {words} words")

    def until_ended(self) -> None:
        """Wait until no reply is being written and every viewer has the finished one."""
        until(lambda: not [1 for row in self.rows().values() if row["status"] in LIVE], "all have ended")
        until(lambda: all(viewer.final is not None or viewer.errors for viewer in self.viewers), "all have the end")

    def statuses(self) -> set[str]:
        """Give how the replies ended."""
        return {row["status"] for row in self.rows().values()}

    def check(self, *, lost_words: int = 0) -> None:
        """Hold the history to what Rill promises; ``lost_words`` may be missing of what Claude sent."""
        rows, sent = self.rows(), sent_by(self.upstream.url)
        for id, key in self.keys.items():
            stored, calls = rows[id]["text"], sent.get(key, [])
            assert rows[id]["status"] not in LIVE, "no reply is left running"
            assert not calls or calls[-1].startswith(stored), "stored is a prefix of what Claude sent"
            assert len(calls) <= rows[id]["epoch"], "Claude was asked once by each worker"
            if rows[id]["status"] == "done":
                assert stored == calls[-1], "done means all of it"
            elif calls and stored:
                assert len(calls[-1].split()) - len(stored.split()) <= lost_words, "little is lost"
        for viewer in self.viewers:
            self._check_viewer(viewer, " ".join(rows[viewer.reply_id]["text"].split()))

    def _check_viewer(self, viewer: Viewer, stored: str) -> None:
        assert viewer.errors == []
        wrong = [shown for shown in viewer.shown if not stored.startswith(shown)]
        assert not wrong, f"shown is a prefix of what is stored: {wrong[:1]} of {stored!r}"
        places = [id.split("-") for id in viewer.page.ids]
        for (view, version), (next_view, next_version) in zip(places, places[1:], strict=False):
            assert view != next_view or int(version) <= int(next_version), "cursors only go on"
        assert viewer.final == stored, "the page ends as what is stored"
