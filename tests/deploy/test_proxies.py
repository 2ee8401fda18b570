"""Through nginx and Caddy as docs/ sets them up: replies stream, pages are compressed, readers who leave are let go."""

import gzip
import re
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from uuid import uuid4

from tests.deploy.conftest import Site

LIVE = ("queued", "running")


@dataclass
class Asked:
    """A reply that was asked for."""

    site: Site
    conversation: str

    @property
    def stream(self) -> str:
        """Where its frames are."""
        return f"/replies/{self.site.reply(self.conversation)['id']}/stream"

    @property
    def is_live(self) -> bool:
        """Whether it is not yet stored as ended."""
        return self.site.reply(self.conversation)["status"] in LIVE

    @property
    def last_seq(self) -> int:
        """How many entries of it are stored."""
        return int(self.site.reply(self.conversation)["last_seq"])


@contextmanager
def asked(site: Site, text: str) -> Iterator[Asked]:
    """Begin a conversation as a plain browser does, and stop its reply at the end."""
    response, _body = site.post("/conversations", {"text": text, "nonce": uuid4().hex})
    assert response.status == 303
    reply = Asked(site, response.headers["Location"].split("/")[2])
    yield reply
    site.post(reply.stream.replace("/stream", "/stop"), {})


@contextmanager
def opened(site: Site, path: str, *, encodings: str = "gzip, deflate, br, zstd") -> Iterator[HTTPResponse]:
    """Request something long, and hang up at the end."""
    connection = site.connect()
    try:
        connection.request("GET", path, headers={"Accept-Encoding": encodings})
        yield connection.getresponse()
    finally:
        connection.close()


def events(response: HTTPResponse) -> Iterator[str]:
    """Give each event of a stream as it arrives."""
    event = ""
    while line := response.readline().decode():
        event += line
        if line == "\n":
            yield event
            event = ""


def cursors(text: str) -> list[tuple[str, int]]:
    """Find the cursors in events: a view, and a version of it."""
    return [(view, int(version)) for view, version in re.findall(r"^id: ([0-9a-f]{6})-([0-9]+)$", text, re.M)]


def viewers(site: Site) -> float:
    """Ask Rill itself how many streams are open."""
    with urllib.request.urlopen(f"{site.rill.url}/metrics", timeout=60) as response:
        found = re.search(r"^rill_viewers (\S+)$", response.read().decode(), re.M)
    assert found
    return float(found[1])


def test_streams_a_reply_while_it_is_written(site: Site) -> None:
    shown, stored_then = [], []

    with asked(site, "code") as reply, opened(site, reply.stream) as response:
        for event in events(response):
            shown.append(event)
            if reply.is_live:
                stored_then.append(reply.last_seq)

        assert response.status == 200
        assert response.headers.get_content_type() == "text/event-stream"
        assert "no-store" in response.headers["Cache-Control"]
        assert shown[-1].startswith("event: done\n")
        assert not reply.is_live
    assert len(set(stored_then)) >= 5, "frames arrive one by one as the reply grows, not in heaps"


def test_compresses_no_stream(site: Site) -> None:
    with asked(site, "long") as reply:
        while reply.is_live and reply.last_seq < 25:
            time.sleep(0.05)
        with opened(site, reply.stream) as response:
            first = next(events(response))

            assert response.headers["Content-Encoding"] is None
            assert len(first) > 512, "some proxies let short beginnings pass as they are"
            assert reply.is_live


def test_keeps_the_cursors_in_order(site: Site) -> None:
    with asked(site, "code") as reply, opened(site, reply.stream) as response:
        found = cursors("".join(events(response)))

    assert len({view for view, _version in found}) == 1
    assert found == sorted(found)
    assert len(set(found)) >= 5


def test_goes_on_from_a_cursor(site: Site) -> None:
    with asked(site, "long") as reply:
        with opened(site, reply.stream) as response:
            view, version = next(found for event in events(response) for found in cursors(event) if found[1])
        with opened(site, f"{reply.stream}?after={view}-{version}") as response:
            [(same_view, later)] = cursors(next(events(response)))

    assert same_view == view
    assert later >= version


def test_grows_the_page_of_a_browser_without_scripts(site: Site) -> None:
    html, sizes_then = b"", set()

    with asked(site, "code") as reply, opened(site, f"/c/{reply.conversation}/live", encodings="gzip") as response:
        unpack = zlib.decompressobj(wbits=31).decompress if response.headers["Content-Encoding"] == "gzip" else bytes
        while piece := response.read1(65_536):
            html += unpack(piece)
            if reply.is_live:
                sizes_then.add(len(html))

    assert len(sizes_then) >= 5, "the page grows while the reply is written"
    assert html.rstrip().endswith(b"</html>")


def test_compresses_pages_and_styles(site: Site) -> None:
    response, body = site.get("/", **{"Accept-Encoding": "gzip"})
    link = re.search(r'href="(/static/app\.[^"]+)"', gzip.decompress(body).decode())
    assert link
    sheet, _body = site.get(link[1], **{"Accept-Encoding": "gzip"})

    assert response.headers["Content-Encoding"] == "gzip"
    assert "Content-Security-Policy" in response.headers
    assert sheet.headers["Content-Encoding"] == "gzip"
    assert "immutable" in sheet.headers["Cache-Control"]


def test_lets_go_of_a_reader_who_leaves(site: Site) -> None:
    with asked(site, "long") as reply:
        with opened(site, reply.stream) as response:
            next(events(response))
            assert viewers(site) >= 1

        while viewers(site) and reply.is_live:
            time.sleep(0.05)

        assert reply.is_live, "the stream stayed open to the end, for nobody"


def test_hands_on_where_a_request_came_from(site: Site) -> None:
    fields = {"text": "hello", "nonce": uuid4().hex}

    assert site.post("/conversations", fields, Origin="https://other.example")[0].status == 403
    assert site.post("/conversations", fields, **{"Sec-Fetch-Site": "cross-site"})[0].status == 403
    assert site.post("/conversations", fields)[0].status == 303


def test_keeps_the_figures_from_browsers(site: Site) -> None:
    assert site.get("/metrics")[0].status == 404
    assert site.get("/readyz")[0].status == 200


def test_refuses_what_is_too_large(site: Site) -> None:
    response, _body = site.post("/conversations", {"text": "x" * 2_200_000, "nonce": uuid4().hex})

    assert response.status == 413
