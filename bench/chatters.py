"""Programs that ask ``POST /api/chat``: so many at once, each reads its reply to the end.

Started as ``python -m bench.chatters URL COUNT TEXT``. Prints one line of JSON: the milliseconds from each request to
its first text and to its end, and how many replies came whole.
"""

from gevent import monkey

monkey.patch_all()

import json
import re
import sys
from http.client import HTTPConnection, HTTPException
from time import monotonic
from urllib.parse import urlsplit

import gevent

from bench.viewers import quantiles

TIMEOUT_S = 50.0
LAST = re.compile(r"z\d{12}x\s*$")


class Chatters:
    """All that ask one server."""

    def __init__(self, url: str, text: str) -> None:
        self._address = urlsplit(url).netloc
        self._body = json.dumps({"message": text}).encode()
        self.first_ms: list[float] = []
        self.end_ms: list[float] = []

    def ask(self) -> None:
        """Ask once; a reply that does not come whole leaves no figures."""
        connection = HTTPConnection(self._address, timeout=TIMEOUT_S)
        try:
            started = monotonic()
            connection.request("POST", "/api/chat", self._body, {"content-type": "application/json"})
            answer = connection.getresponse()
            came, first = [], 0.0
            while data := answer.read1(65_536):
                if not first and b'"text"' in data:
                    first = monotonic()
                came.append(data)
            ended = monotonic()
        except (OSError, HTTPException):
            return
        finally:
            connection.close()
        if answer.status == 200 and is_whole(b"".join(came).decode()):
            self.first_ms.append((first - started) * 1e3)
            self.end_ms.append((ended - started) * 1e3)


def is_whole(stream: str) -> bool:
    """Say whether a stream has the text up to its last mark, and the end that was agreed."""
    sent = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    if not sent or sent.pop() != "[DONE]":
        return False
    return bool(LAST.search("".join(json.loads(data).get("text", "") for data in sent)))


def main(url: str, count: str, text: str) -> None:
    """Ask all at once, and print what was seen."""
    chatters = Chatters(url, text)
    gevent.joinall([gevent.spawn(chatters.ask) for _turn in range(int(count))])
    seen = {"first": quantiles(chatters.first_ms), "end": quantiles(chatters.end_ms), "whole": len(chatters.end_ms)}
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
