"""What operators ask: is it alive, is it ready, what has it done."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.adapters.models import LOCAL_OWNER
from app.chat import conversations
from app.web.services import Services
from tests.backends import NO_REDIS
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until, until_idle


def test_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")

    assert (answer.status_code, answer.text) == (200, "database ok\nfeed in process\nrunner ok\n")


def test_answers_what_is_asked_of_every_site(client: FlaskClient) -> None:
    assert client.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"
    with client.get(client.get("/favicon.ico").location) as icon:
        assert (icon.status_code, icon.mimetype) == (200, "image/svg+xml")


def test_is_not_ready_without_its_database(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise OSError

    monkeypatch.setattr(services.db, "read", fail)

    assert client.get("/readyz").status_code == 503
    assert "database unavailable" in client.get("/readyz").text
    assert client.get("/livez").status_code == 200


def test_is_not_ready_while_it_leaves(client: FlaskClient, services: Services) -> None:
    services.runner.refuse()

    assert client.get("/readyz").status_code == 503
    assert "runner draining" in client.get("/readyz").text


@pytest.mark.parametrize("name", ["keeper", "stops", "feed", "writer"])
def test_is_not_ready_where_a_part_of_it_has_ended(make_app: Callable[..., Flask], name: str) -> None:
    app = make_app(REDIS_URL=NO_REDIS)
    services: Services = app.extensions["rill"]
    services.open()
    client = app.test_client()
    assert client.get("/readyz").status_code == 200

    (services.runner._writer_greenlet if name == "writer" else services._greenlets[name]).kill()

    answer = client.get("/readyz")
    assert (answer.status_code, answer.text.splitlines()[3:]) == (503, [f"{name} ended"])


def test_stays_ready_without_redis(make_app: Callable[..., Flask]) -> None:
    app = make_app(REDIS_URL=NO_REDIS)
    services: Services = app.extensions["rill"]
    services.open()
    until(lambda: not services.feed.is_up)

    answer = app.test_client().get("/readyz")

    assert (answer.status_code, "feed degraded" in answer.text) == (200, True)


def test_counts_what_it_does_and_names_nobody(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("Secret ", "words."))
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="My question", nonce="", model="m")
    services.runner.start(sent.reply)
    until_idle(services)

    text = client.get("/metrics").text

    assert 'rill_replies_total{status="done"} 1.0' in text
    assert "rill_first_token_seconds_count 1.0" in text
    assert re.search(r"rill_commit_seconds_count [1-9]", text)
    assert "rill_running 0.0" in text
    for word in ("Secret", "question", sent.reply.id, LOCAL_OWNER):
        assert word not in text


def test_says_whom_to_tell_of_a_weakness(make_app: Callable[..., Flask]) -> None:
    answer = make_app(RILL_SECURITY_CONTACT="security@rill.example").test_client().get("/.well-known/security.txt")
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())

    assert answer.content_type == "text/plain; charset=utf-8"
    assert fields.pop("Contact") == "mailto:security@rill.example"
    left = datetime.fromisoformat(fields.pop("Expires")) - datetime.now(UTC)
    assert timedelta(days=150) < left < timedelta(days=365)
    assert fields == {"Preferred-Languages": "en"}


def test_names_nobody_where_nobody_is_named(client: FlaskClient) -> None:
    answer = client.get("/.well-known/security.txt")
    assert (answer.status_code, "has named nobody" in answer.text) == (404, True)
