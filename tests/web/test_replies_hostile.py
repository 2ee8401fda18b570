"""What answers in Claude's place may say anything: it ends in a status, and is shown as text."""

from collections.abc import Callable, Iterator

import gevent
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.core.settings import Settings
from app.web.services import Services
from tests.fakes.claude import Answer, FakeClaude
from tests.fakes.hostile import MARKUP, answers
from tests.web.pages import reply_id, start, wait

ANSWERS = dict(answers())
Ask = Callable[[Answer], tuple[FlaskClient, str]]


@pytest.fixture
def fake() -> Iterator[FakeClaude]:
    fake = FakeClaude().start()
    yield fake
    fake.stop()


@pytest.fixture
def real(database_url: str, fake: FakeClaude, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """Give an app whose Claude is the adapter, which does not wait between attempts."""
    settings = Settings.from_env(
        {"DATABASE_URL": database_url, "ANTHROPIC_API_KEY": "sk-ant-x", "ANTHROPIC_BASE_URL": fake.url}
    )
    app = create_app(settings)
    app.extensions["rill"].claude.sleep = lambda _seconds: gevent.sleep(0)
    yield app
    app.extensions["rill"].close()
    app.extensions["rill"].claude.client.close()
    app.extensions["rill-static"].cleanup()


def check(html: str) -> None:
    """See that nothing of the markup is an element or an attribute."""
    tree = BeautifulSoup(html, "html.parser")
    for tag in tree.find_all(True):
        assert tag.name not in ("img", "iframe", "object", "embed", "base", "template", "style")
        assert tag.name != "script" or tag.get("src", "").startswith("/static/")
        assert not [name for name in tag.attrs if name.startswith("on")], tag
        assert tag.get("hx-get") != "/owned"
        assert tag.get("hx-target") != "#log" or tag.text != "owned"
        assert not tag.get("href", "/").lower().startswith(("javascript:", "data:", "vbscript:"))
    assert "<img src=" not in html
    assert "<script>" not in html


@pytest.mark.parametrize("name", ANSWERS)
def test_shows_whatever_upstream_says_as_text(real: Flask, fake: FakeClaude, name: str) -> None:
    client, services = real.test_client(), real.extensions["rill"]
    fake.answers.extend([ANSWERS[name]] * 3)
    with gevent.Timeout(20):
        visit(client, services, name)


def visit(client: FlaskClient, services: Services, name: str) -> None:
    conversation = start(client, f"Hello {name}")
    id = reply_id(client, conversation)
    pages = [client.get(f"/replies/{id}/stream").text.replace('<hx-partial hx-target="#log"', "")]
    settle(services)

    htmx = {"HX-Request": "true"}
    for path in (f"/c/{conversation}", f"/replies/{id}", f"/replies/{id}/events", f"/replies/{id}/events/list"):
        for headers in ({}, htmx):
            answer = client.get(path, headers=headers)
            assert answer.status_code in (200, 303, 404)
            pages.append(answer.text)
    for number in range(1, 9):
        pages.append(client.get(f"/replies/{id}/events/{number}").text)
    for html in pages:
        check(html)
    assert client.get("/livez").status_code == 200
    assert not services.runner.running
    assert MARKUP not in client.get("/metrics").text


def settle(services: Services) -> None:
    wait(services)
    gevent.sleep(0)


@pytest.mark.parametrize("name", ["moved", "page"])
def test_follows_upstream_nowhere(real: Flask, fake: FakeClaude, name: str) -> None:
    client, services = real.test_client(), real.extensions["rill"]
    other = FakeClaude().start()
    try:
        for status in (301, 302, 303, 307, 308):
            fake.answers.extend([Answer([], status, {"location": f"{other.url}/v1/messages"})] * 3)
            start(client, "Hello", nonce=str(status))
            wait(services)
            fake.answers.clear()
    finally:
        other.stop()

    assert not other.requests
    assert len(fake.requests) >= 5
