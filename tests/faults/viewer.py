"""A reader without a browser: reads a stream, comes back with its cursor, and writes down all it was shown."""

import http.client
import json
import random
import time
import urllib.request
from threading import Event, Thread
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from tests.web.wire import Page

#: After this long a viewer gives up, in seconds: far longer than any test takes.
PATIENCE_S = 120.0


class Viewer(Thread):
    """Follows one reply over any number of connections, to any of the servers; the end is read at ``home``."""

    def __init__(self, urls: list[str], reply_id: str, *, home: str | None = None) -> None:
        super().__init__(daemon=True)
        self.urls, self.reply_id, self.home = urls, reply_id, home
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
        while self.page.is_done and self.final is None and time.monotonic() < until:
            try:
                self.final = finished(self.home or self.urls[turn % len(self.urls)], self.reply_id)
            except (OSError, http.client.HTTPException):
                turn += 1
                time.sleep(0.2)

    def sees(self, words: int) -> bool:
        """Say whether so many words are shown."""
        return len(self.shown[-1].split()) >= words if self.shown else False

    def _read(self, url: str) -> None:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            headers = {"Last-Event-ID": self.page.ids[-1]} if self.page.ids else {}
            connection.request("GET", f"/replies/{self.reply_id}/stream", headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                raise OSError(response.status)
            self.connections += 1
            event = ""
            while not self.is_leaving.is_set() and (line := response.readline().decode()):
                event += line
                if line == "\n":
                    self.page.take(event)
                    self.shown.append(self.page.text)
                    event = ""
        finally:
            connection.close()


def finished(url: str, reply_id: str) -> str | None:
    """Fetch the finished reply, and give its text; None while it is being written."""
    request = urllib.request.Request(f"{url}/replies/{reply_id}", headers={"HX-Request": "true"})
    with urllib.request.urlopen(request, timeout=60) as response:
        if response.status == 204:
            return None
        body = BeautifulSoup(response.read(), "html.parser").select_one(".message__body")
        return " ".join(body.get_text(" ").split()) if body else ""


def sent_by(upstream_url: str) -> dict[str, list[str]]:
    """Ask the Messages API what it sent of each reply, a text for each request."""
    with urllib.request.urlopen(upstream_url, timeout=60) as response:
        found: dict[str, list[str]] = json.load(response)["sent"]
        return found
