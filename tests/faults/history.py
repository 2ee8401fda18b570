"""What happens while a fault is injected, and what is waited for meanwhile."""

import os
import re
import sqlite3
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg

from app.chat.leases import LEASE_S
from tests.faults.record import LIVE, Record
from tests.faults.viewer import Viewer, sent_by
from tests.servers import Process

PROXY_SECRET = "v" * 32
#: No reply is left without a worker for longer than this, in seconds, on a machine that is not slow.
TAKEN_OVER_S = LEASE_S + 10


def slowness() -> float:
    """Say how many times slower than a machine of our own this one is: RILL_FAULT_SLOW, or how many want each core."""
    given = os.environ.get("RILL_FAULT_SLOW")
    tests, cores = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)), os.cpu_count() or 1
    return float(given) if given else max(1.0, tests / cores, os.getloadavg()[0] / cores)


def vouched(owner: str) -> dict[str, str]:
    """Give what a proxy adds to the requests of somebody; nothing for who sits at the machine."""
    return {"X-Forwarded-Email": owner, "X-Rill-Proxy-Secret": PROXY_SECRET} if owner else {}


class _Stay(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, request: object, response: object, *args: object) -> object:
        return response


def post(url: str, path: str, *, patience_s: float = 60, headers: dict[str, str] | None = None, **fields: str) -> str:
    """Send a form as a plain browser does; gives where it leads."""
    data = urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(url + path, data, {"Origin": url} if headers is None else headers)
    with urllib.request.build_opener(_Stay).open(request, timeout=patience_s) as response:
        return str(response.headers.get("Location", ""))


def until(
    is_so: Callable[[], object], what: str, *, patience_s: float = 60, says: Callable[[], str] = lambda: ""
) -> None:
    """Wait until something is so, and fail with what it was if it never is."""
    end = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end, f"waited in vain until {what} {says()}"
        time.sleep(0.05)


@dataclass
class History:
    """Replies, their viewers, and what upstream, database and viewers have of them."""

    database_url: str
    upstream: Process
    viewers: list[Viewer] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    seed: str = ""
    at_rest: Callable[[], None] = lambda: None
    _csrf: dict[str, str] = field(default_factory=dict)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Read all replies from the database."""
        return {row["id"]: row for row in self.read("SELECT * FROM message WHERE role = 'assistant'")}

    def read(self, statement: str) -> list[dict[str, Any]]:
        """Read from the database."""
        if self.database_url.startswith("sqlite"):
            with closing(sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=60)) as db:
                db.row_factory = sqlite3.Row
                return [dict(row) for row in db.execute(statement)]
        with psycopg.connect(self.database_url, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(statement).fetchall()

    def begin(self, urls: list[str], *, words: int, speed: int, viewers: int = 1, owner: str = "") -> str:
        """Send a message whose reply has so many words, so many a second; gives the id of the reply.

        An ``owner`` is somebody for whom a proxy vouches; without one it is who sits at the machine.
        """
        key = f"k{uuid4().hex[:10]}"
        form = {"text": f"[[load: {key} {words} {speed}]]", "nonce": key}
        if owner:
            form["csrf"] = self._csrf.get(owner) or self._enter(urls[0], owner)
        place = post(urls[0], "/conversations", headers=vouched(owner) or None, **form)
        conversation = place.split("/")[2]
        [reply] = [id for id, row in self.rows().items() if row["conversation_id"] == conversation]
        self.keys[reply], self.owners[reply] = key, owner
        for _viewer in range(viewers):
            self.viewers.append(Viewer(urls, reply, headers=vouched(owner), owner=owner))
            self.viewers[-1].start()
        return reply

    def _enter(self, url: str, owner: str) -> str:
        request = urllib.request.Request(f"{url}/", headers=vouched(owner))
        with urllib.request.urlopen(request, timeout=20) as page:
            found = re.search(r'name="csrf" value="([^"]+)"', page.read().decode())
        assert found
        return self._csrf.setdefault(owner, found[1])

    def until_all_see(self, words: int) -> None:
        """Wait until every viewer is shown so many words."""
        until(lambda: all(viewer.sees(words) for viewer in self.viewers), f"all see {words} words")

    def until_ended(self) -> None:
        """Wait until no reply is being written and every viewer has the finished one."""
        until(lambda: not self.live(), "all have ended")
        until(lambda: all(viewer.final is not None or viewer.errors for viewer in self.viewers), "all have the end")

    def until_taken_over(self) -> None:
        """Wait until no reply is being written, no longer than one may be without its worker."""
        until(lambda: not self.live(), "all have been taken over", patience_s=TAKEN_OVER_S * slowness())

    def live(self) -> list[str]:
        """Give the replies that are being written, or so it seems."""
        return [id for id, row in self.rows().items() if row["status"] in LIVE]

    def statuses(self) -> set[str]:
        """Give how the replies ended."""
        return {row["status"] for row in self.rows().values()}

    def record(self, *, lost_words: int = 0) -> Record:
        """Give all that is known by now."""
        viewers = [viewer.seen() for viewer in self.viewers]
        return Record(
            self.rows(),
            sent_by(self.upstream.url),
            self.keys,
            self.owners,
            viewers,
            lost_words=lost_words,
            seed=self.seed,
        )

    def check(self, *, lost_words: int = 0) -> None:
        """Hold all that happened to what Rill promises; ``lost_words`` may be missing of what Claude sent.

        Those come by the clock, and are stored at the machine's pace: on a slow one more of them are lost.
        """
        self.record(lost_words=round(lost_words * slowness())).judge()
        self.at_rest()
