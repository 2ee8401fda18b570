"""No route takes more than it is meant to, however a body is sent, and what is cut off is not taken for whole."""

import io
import json
from collections.abc import Callable, Iterator

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.core.asked import MAX_VALUES
from app.web import bodies
from app.web.services import Services
from tests.scripted import ScriptedClaude
from tests.web.pages import wait
from tests.web.routes import Route, populated

FORM = "application/x-www-form-urlencoded"


class Endless(io.RawIOBase):
    """A body of so many bytes that says how much of it was read."""

    def __init__(self, size: int) -> None:
        self.size, self.taken = size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        count = min(len(buffer), self.size - self.taken)
        buffer[:count] = b"a" * count
        self.taken += count
        return count


def send(client: FlaskClient, route: Route, body: io.RawIOBase, kind: str, **environ: object) -> int:
    """Send a body as chunks, without its length; give the status."""
    environ = {"wsgi.input": body, "wsgi.input_terminated": True, "CONTENT_TYPE": kind, **environ}
    with client.open(route.path, method=route.method, environ_overrides=environ, buffered=True) as answer:
        return answer.status_code


@pytest.fixture
def found(client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> list[Route]:
    monkeypatch.setattr("app.web.doctor._ticks", lambda *_args: iter([b"data: x\n\n"]))
    return populated(client, services)


@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=x", "application/json", "image/png", ""])
def test_takes_25_megabytes_on_no_route(
    client: FlaskClient, found: list[Route], claude: ScriptedClaude, kind: str
) -> None:
    asked = len(claude.requests)
    for route in found:
        body = Endless(25_000_000)
        is_large = route.endpoint == "api.chat"
        expected = 415 if is_large and kind != "application/json" else 413
        assert send(client, route, body, kind) == expected, route
        assert body.taken <= (20_100_000 if is_large else 2_100_000), route
        length = {"CONTENT_LENGTH": "25000000"}
        assert send(client, route, Endless(25_000_000), kind, **length) == 413, route

    assert len(claude.requests) == asked


@pytest.mark.parametrize(
    "body",
    [
        b"text=x" + b"&a" * bodies.FIELDS,
        b"&" * 1_900_000,
        b"text=" + b"&text=" * 300_000,
    ],
)
def test_takes_no_form_of_many_fields(
    client: FlaskClient, found: list[Route], body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it parsed for the sake of saying so."""
    monkeypatch.setattr("werkzeug.formparser.parse_qsl", lambda *_args, **_options: 1 / 0)
    for route in found:
        if route.method == "POST" and route.endpoint != "api.chat":
            assert client.post(route.path, data=body, content_type=FORM).status_code == 413, route


def test_takes_no_form_of_many_parts(client: FlaskClient, found: list[Route]) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    body = (part * 100_000)[:1_990_000] + b"\r\n--x--\r\n"
    for route in found:
        if route.method == "POST" and route.endpoint != "api.chat":
            answer = client.post(route.path, data=body, content_type="multipart/form-data; boundary=x")
            assert answer.status_code == 413, route


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[' + b"{}," * 6_000_000 + b"{}]}",
        b'{"schema":{' + b",".join(b'"%d":0' % number for number in range(500_000)) + b"}}",
        b'{"messages":["' + b'","' * 4_000_000 + b'"]}',
        b'{"message":' + b"[" * 9_000_000,
        b'{"message":"x","schema":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
        b'{"message":' + b"9" * 5_000 + b"}",
    ],
)
def test_refuses_bombs_of_json(client: FlaskClient, claude: ScriptedClaude, body: bytes) -> None:
    answer = client.post("/api/chat", data=body, content_type="application/json")

    assert answer.status_code == 400
    assert not claude.requests
    if body.count(b",") + body.count(b"[") > MAX_VALUES:
        assert "too many values" in answer.json["error"]["message"], "it was not even parsed"


def test_takes_long_texts_with_many_marks(client: FlaskClient, services: Services) -> None:
    text = 'a, "b", [c], {d: 1}\\\n' * 2_000
    assert text.count(",") * 20 > MAX_VALUES / 3
    message = {"role": "user", "content": [{"type": "text", "text": text}] * 25}
    answer = client.post("/api/chat", json={"messages": [message], "stream": False})
    wait(services)

    assert json.dumps(message).count(",") > MAX_VALUES
    assert answer.status_code == 200


class Slow(io.RawIOBase):
    """A body that gives a byte now and then."""

    def __init__(self, pause_s: float, size: int) -> None:
        self.pause_s, self.size, self.taken = pause_s, size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        if self.taken == self.size:
            return 0
        gevent.sleep(self.pause_s)
        buffer[:1] = b"a"
        self.taken += 1
        return 1


def test_waits_for_no_body_beyond_its_patience(
    client: FlaskClient, found: list[Route], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.05)
    for pause_s in (0.01, 60):
        for route in found:
            kind = "application/json" if route.endpoint == "api.chat" else FORM
            body = Slow(pause_s, 100_000)
            with gevent.Timeout(20):
                assert send(client, route, body, kind, CONTENT_LENGTH="100000") == 408, route
            assert body.taken < 100


def test_waits_for_no_body_once_it_has_been_given_up(client: FlaskClient, found: list[Route]) -> None:
    for route in found:
        kind = "application/json" if route.endpoint == "api.chat" else FORM
        gevent.spawn_later(0.02, bodies.give_up)
        with gevent.Timeout(20):
            assert send(client, route, Slow(60, 100), kind, CONTENT_LENGTH="100") == 503, route

    bodies.give_up()
    gevent.sleep(0)
    assert client.post("/conversations", data={"text": "Hello", "nonce": "n"}).status_code == 303


def test_gives_a_body_that_comes_steadily_its_time(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_S", 2.0)
    monkeypatch.setattr(bodies, "PACE", 5)
    body = Slow(0.03, 100)

    assert send(client, Route("", "POST", "/conversations"), body, FORM, CONTENT_LENGTH="100") == 422
    assert body.taken == 100


@pytest.mark.parametrize("path", ["/conversations", "/compare", "/api/chat"])
def test_takes_nothing_that_was_cut_off(client: FlaskClient, claude: ScriptedClaude, path: str) -> None:
    whole = b'{"message": "Hello"}' if path == "/api/chat" else b"text=Hello"
    kind = "application/json" if path == "/api/chat" else FORM
    length = str(len(whole) + 5)

    assert send(client, Route("", "POST", path), io.BytesIO(whole), kind, CONTENT_LENGTH=length) == 400
    assert not claude.requests


def test_makes_the_limits_of_the_settings(make_app: Callable[..., Flask]) -> None:
    config = make_app().config

    assert (config["MAX_CONTENT_LENGTH"], config["MAX_FORM_MEMORY_SIZE"]) == (2_000_000, 2_000_000)
    assert config["MAX_FORM_PARTS"] == 100


def odd() -> Iterator[tuple[bytes, str]]:
    """Give bodies of every wrong kind."""
    for body in (
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"0",
        b"{}",
        b'{"text": null}',
        b'{"text": ["a"]}',
        b"\xff\xfe\x00",
        b"{",
    ):
        yield body, "application/json"
    for body in (b"", b"text", b"text=&text=", b"text[]=a", b"text=%00", b"text=%ff%fe", b"nonce=" + b"n" * 70_000):
        yield body, FORM
    for body in (b"", b"--x--", b"--x\r\n\r\n\r\n--x--", b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n'):
        yield body, "multipart/form-data; boundary=x"
    yield (
        b'--x\r\nContent-Disposition: form-data; name="text"; filename="../a"\r\n\r\nb\r\n--x--\r\n',
        ("multipart/form-data; boundary=x"),
    )
    yield b"text=Hello", "text/plain"
    yield b"text=Hello", "multipart/form-data"
    yield b"<a/>", "text/xml; charset=nonsense"


def test_answers_any_body_on_every_route(client: FlaskClient, services: Services, found: list[Route]) -> None:
    for route in found:
        for body, kind in odd():
            for method in {route.method, "POST", "DELETE", "PUT"}:
                answer = client.open(route.path, method=method, data=body, content_type=kind, buffered=True)
                assert answer.status_code < 500, (route, method, body, kind)
        wait(services)
