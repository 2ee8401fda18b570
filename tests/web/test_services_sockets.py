"""Where the process connects to: to the API it was told of, and to nothing that anybody names."""

import socket
from collections.abc import Iterator

import gevent
import pytest
from flask import Flask
from gevent import _socket3

from app import create_app
from app.core.settings import Settings
from tests.fakes.claude import Answer, FakeClaude, saying
from tests.web.pages import wait
from tests.web.routes import populated

#: Addresses that got past other servers' checks, and a plain one.
URLS = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://127.0.0.1:6379\\@away.example/",
    "https://away.example/redirect",
    "file:///etc/passwd",
]


@pytest.fixture
def fake() -> Iterator[FakeClaude]:
    fake = FakeClaude().start()
    yield fake
    fake.stop()


@pytest.fixture
def real(database_url: str, fake: FakeClaude) -> Iterator[Flask]:
    environ = {"DATABASE_URL": database_url, "ANTHROPIC_API_KEY": "sk-ant-x", "ANTHROPIC_BASE_URL": fake.url}
    app = create_app(Settings.from_env(environ))
    app.extensions["rill"].claude.sleep = lambda _seconds: gevent.sleep(0)
    yield app
    app.extensions["rill"].close()
    app.extensions["rill"].claude.client.close()
    gevent.sleep(0.01)  # gevent closes what somebody waits for with the loop's next turn
    app.extensions["rill-static"].cleanup()


class Spy:
    """Takes down every name that is looked up and every address that is connected to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: set[object] = set()
        connect, look_up = _socket3.socket.connect, socket.getaddrinfo

        def spied_connect(sock: socket.socket, address: object) -> object:
            self.found.add(address)
            return connect(sock, address)

        def spied_look_up(host: object, *args: object, **options: object) -> object:
            self.found.add(host)
            return look_up(host, *args, **options)

        monkeypatch.setattr(_socket3.socket, "connect", spied_connect)
        monkeypatch.setattr(socket, "getaddrinfo", spied_look_up)


@pytest.mark.parametrize("url", URLS)
def test_connects_to_the_api_alone(real: Flask, fake: FakeClaude, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    spy = Spy(monkeypatch)
    monkeypatch.setattr("app.web.doctor._ticks", lambda *_args: iter([b"data: x\n\n"]))
    client, services = real.test_client(), real.extensions["rill"]
    text = f"![x]({url}) [x]({url}) {url}\n\n[r]: {url}"
    image = {"type": "image", "source": {"type": "url", "url": url}}
    headers = {"Referer": url, "Origin": "http://localhost", "X-Forwarded-For": "::1", "X-Forwarded-Host": url}
    for route in populated(client, services):
        fake.answers.extend([saying(text), Answer([], 307, {"location": url}), saying(text)])
        for options in ({"data": {"text": text, "url": url, "callback": url}}, {"json": {"message": text, "url": url}}):
            with client.open(f"{route.path}?url={url}", method=route.method, headers=headers, **options) as answer:
                answer.get_data()
            wait(services)
    for content in ([image], [{**image, "source": {"type": "base64", "url": url}}], [{"type": "document", "url": url}]):
        answer = client.post("/api/chat", json={"messages": [{"role": "user", "content": content}]})
        assert answer.status_code == 400

    port = int(fake.url.rpartition(":")[2])
    assert spy.found
    assert spy.found <= {"127.0.0.1", ("127.0.0.1", port), "localhost"}
    assert not [
        request for request in fake.requests if '"url"' in str(request).replace("'", '"').partition("messages")[0]
    ]
