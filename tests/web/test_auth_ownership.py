"""Nobody reaches what is another's: every route with an id is tried by somebody else, and a new one has to be added."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import text

from app.adapters.models import User
from app.chat import comparisons, links, tokens
from app.web.services import Services
from tests.web.door import ACCOUNTS, KEY, Visitor, add, enter
from tests.web.pages import HTMX, wait


@dataclass
class Ids:
    """What is ann's."""

    conversation: str
    reply: str
    comparison: str
    token: str


#: Routes with something in their path that is nobody's: a time, or a link that is its own key.
NOBODYS = {"doctor.stream", "doctor.seen", "password.show", "password.update"}
#: For each other route with something in its path, what of ann's is asked for.
CASES: dict[str, Callable[[Ids], dict[str, object]]] = {
    "conversations.show": lambda ids: {"id": ids.conversation},
    "conversations.live": lambda ids: {"id": ids.conversation},
    "conversations.send": lambda ids: {"id": ids.conversation},
    "keeping.show": lambda ids: {"id": ids.conversation},
    "keeping.pin": lambda ids: {"id": ids.conversation},
    "keeping.delete": lambda ids: {"id": ids.conversation},
    "replies.show": lambda ids: {"id": ids.reply},
    "replies.stream": lambda ids: {"id": ids.reply},
    "replies.stop": lambda ids: {"id": ids.reply},
    "replies.retry": lambda ids: {"id": ids.reply},
    "replies.go_on": lambda ids: {"id": ids.reply},
    "events.show": lambda ids: {"id": ids.reply},
    "events.list_all": lambda ids: {"id": ids.reply},
    "events.event": lambda ids: {"id": ids.reply, "number": 1},
    "compare.show": lambda ids: {"id": ids.comparison},
    "compare.stream": lambda ids: {"id": ids.comparison},
    "me.revoke_token": lambda ids: {"id": ids.token},
}
FORM = {"text": "Mine now", "nonce": "n", "is_meant": "1", "is_pinned": "1", "name": "eve"}


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app in which people have accounts."""
    return make_app(**ACCOUNTS)


@pytest.fixture
def services(app: Flask) -> Services:
    """Give the built things of the app."""
    found: Services = app.extensions["rill"]
    return found


@pytest.fixture
def ids(app: Flask, services: Services) -> Ids:
    """Give what is ann's, who has used everything."""
    ann = add(services, "ann")
    place = enter(app, "ann").post("/conversations", {"text": "My secret question", "nonce": "a"}).location
    wait(services)
    return made(services, ann, re.fullmatch(r"/c/([0-9a-f]{32})/live", place)[1])


def made(services: Services, ann: User, conversation: str) -> Ids:
    """Make the rest of what ann has."""
    compared = services.db.write(comparisons.start, ann.id, text="My secret question", nonce="b", model="m")
    for reply in (compared.streamed, compared.whole):
        services.runner.start(reply)
    wait(services)
    services.db.write(tokens.create, ann, name="script", scopes=["chat"], days=30)
    reply = "SELECT id FROM message WHERE conversation_id = :id AND role = 'assistant'"
    return Ids(
        conversation,
        services.db.read(lambda session: session.execute(text(reply), {"id": conversation}).scalars().first()),
        compared.id,
        services.db.read(tokens.of, ann.id)[0].id,
    )


@pytest.fixture(params=["member", "administrator"])
def eve(request: pytest.FixtureRequest, app: Flask, ids: Ids) -> Visitor:
    """Give the browser of somebody else; an administrator is somebody else, too."""
    add(app.extensions["rill"], "eve", request.param)
    return enter(app, "eve")


def with_arguments(app: Flask) -> Iterator[tuple[str, str]]:
    """List the method and endpoint of each route with something in its path."""
    for rule in app.url_map.iter_rules():
        if rule.arguments and rule.endpoint not in NOBODYS and not rule.endpoint.startswith(("people.", "options.")):
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                yield method, rule.endpoint


def state(services: Services) -> str:
    """Give a digest of all that is stored, but for when somebody was last seen."""
    tables = ("conversation", "message", "(SELECT id, user_id, name FROM token)", "trace", "journal", "option")

    def read(session: object) -> str:
        return str([session.execute(text(f"SELECT * FROM {table} ORDER BY 1")).all() for table in tables])

    return hashlib.sha256(services.db.read(read).encode()).hexdigest()


def test_has_a_case_for_every_route(app: Flask) -> None:
    assert {endpoint for _method, endpoint in with_arguments(app)} == CASES.keys()


def test_finds_nothing_of_others(app: Flask, services: Services, ids: Ids, eve: Visitor) -> None:
    before = state(services)
    for method, endpoint in with_arguments(app):
        with app.test_request_context():
            path = app.url_for(endpoint, **CASES[endpoint](ids))
        for headers in ({}, HTMX, {"Last-Event-ID": "x-1", "Accept": "text/event-stream"}):
            send = eve.get if method == "GET" else eve.post
            response = send(path, **({"headers": headers} if method == "GET" else {"data": FORM, "headers": headers}))
            said = response.text
            assert response.status_code == 404 or "no longer here" in said, (method, path)
            assert "secret" not in said, path
    assert state(services) == before


def test_finds_what_is_mine(app: Flask, ids: Ids) -> None:
    ann = enter(app, "ann")
    for method, endpoint in with_arguments(app):
        if method == "GET":
            with app.test_request_context():
                path = app.url_for(endpoint, **CASES[endpoint](ids))
            response = ann.get(path)
            assert response.status_code in (200, 303), path
            assert "no longer here" not in response.text, path


def test_lists_and_exports_nothing_of_others(app: Flask, ids: Ids, eve: Visitor) -> None:
    for rule in app.url_map.iter_rules():
        if not rule.arguments and "GET" in rule.methods and rule.endpoint != "static":
            assert "secret question" not in eve.get(rule.rule).text, rule.rule


def test_goes_on_in_no_conversation_of_others_by_the_api(app: Flask, services: Services, ids: Ids) -> None:
    add(services, "eve")
    eve = services.db.read(lambda session: session.query(User).filter_by(name="eve").one())
    secret = services.db.write(tokens.create, eve, name="x", scopes=["chat"], days=30)
    before = state(services)
    answer = app.test_client().post(
        "/api/chat",
        json={"message": "Hi", "conversation": ids.conversation},
        headers={"Authorization": f"Bearer {secret}"},
    )

    assert answer.status_code == 404
    assert state(services) == before


def test_lets_no_link_open_another_persons_account(app: Flask, services: Services, ids: Ids) -> None:
    eve = add(services, "eve")
    link = links.make(KEY, eve)
    page = app.test_client().get(f"/password/{link}")

    assert "<strong>eve</strong>" in page.text
    assert "<strong>ann</strong>" not in page.text
