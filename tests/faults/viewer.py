"""A reader without a browser: reads a stream, comes back with its cursor, and writes down all it was shown."""

import http.client
import json
import random
import re
import time
import urllib.request
from threading import Event, Thread
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from tests.faults.record import Seen
from tests.web.wire import Page

_WORD = re.compile(r"\b(k[0-9a-f]{10})-\d")

#: After this long a viewer gives up, in seconds: far longer than any test takes.
PATIENCE_S = 600.0


class Viewer(Thread):
    """Follows one reply over any number of connections, to any of the servers; the end is read at ``home``."""

    def __init__(
        self,
        urls: list[str],
        reply_id: str,
        *,
        home: str | None = None,
        headers: dict[str, str] | None = None,
        owner: str = "",
    ) -> None:
        super().__init__(daemon=True)
        self.urls, self.reply_id, self.home = urls, reply_id, home
        self.headers, self.owner = headers or {}, owner
        self.keys: set[str] = set()
        self.page_keys: set[str] = set()
        self.page = Page(reply_id)
        self.shown: list[str] = []
        self.final: str | None = None
        self.connections = 0
        self.errors: list[str] = []
        self.is_leaving = Event()

    def run(self) -> None:
        """Read until the end, and then the finished reply."""
        until, turn = time.monotonic() + PATIENCE_S, 0
        while not self.page.is_done and time.monotonic() < until and not self.is_leaving.is_set():
            try:
                self._read(self.urls[turn % len(self.urls)])
            except (OSError, http.client.HTTPException):
                turn += 1
            except Exception as error:
                self.errors.append(repr(error))
                return
            time.sleep(random.uniform(0.05, 0.4))
        while self.page.is_done and self.final is None and time.monotonic() < until and not self.is_leaving.is_set():
            try:
                self._finish(self.home or self.urls[turn % len(self.urls)])
            except (OSError, http.client.HTTPException):
                turn += 1
                time.sleep(0.2)

    def sees(self, words: int) -> bool:
        """Say whether so many words are shown."""
        return len(self.shown[-1].split()) >= words if self.shown else False

    def seen(self) -> Seen:
        """Give what it saw by now."""
        keys, page_keys = sorted(self.keys), sorted(self.page_keys)
        ids, errors = list(self.page.ids), list(self.errors)
        shown = list(self.shown)
        return Seen(self.reply_id, self.owner, shown, ids, keys, page_keys, self.final, self.connections, errors)

    def _finish(self, url: str) -> None:
        html = finished(url, self.reply_id, self.headers)
        if html is None:
            return
        body = BeautifulSoup(html, "html.parser").select_one(".message__body")
        text = " ".join(body.get_text(" ").split()) if body else ""
        self.keys |= set(_WORD.findall(text))
        self.page_keys |= set(_WORD.findall(html))
        self.final = text

    def _read(self, url: str) -> None:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            headers = {**self.headers, **({"Last-Event-ID": self.page.ids[-1]} if self.page.ids else {})}
            connection.request("GET", f"/replies/{self.reply_id}/stream", headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                raise OSError(response.status)
            self.connections += 1
            event = ""
            while not self.is_leaving.is_set() and (line := response.readline().decode()):
                event += line
                if line == "\n":
                    self.keys |= set(_WORD.findall(event))
                    self.page.take(event)
                    self.shown.append(self.page.text)
                    event = ""
        finally:
            connection.close()


def finished(url: str, reply_id: str, headers: dict[str, str]) -> str | None:
    """Fetch what takes the place of the growing reply; None while it is being written."""
    request = urllib.request.Request(f"{url}/replies/{reply_id}", headers={"HX-Request": "true", **headers})
    with urllib.request.urlopen(request, timeout=60) as response:
        return None if response.status == 204 else response.read().decode()


def sent_by(upstream_url: str) -> dict[str, list[str]]:
    """Ask the Messages API what it sent of each reply, a text for each request."""
    with urllib.request.urlopen(upstream_url, timeout=60) as response:
        found: dict[str, list[str]] = json.load(response)["sent"]
        return found
