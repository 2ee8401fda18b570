"""A stream lasts no longer than what its reader came with: a session, a token, or a name from the proxy."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from flask import Flask
from gevent.event import Event as Flag
from sqlalchemy import text

from app.adapters.models import User
from app.chat import keeping, logins, people, tokens
from app.core.errors import Unavailable
from app.web import auth
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import PATIENCE_S, until
from tests.web.door import ACCOUNTS, KEY, PROXY, Visitor, add, enter
from tests.web.pages import wait

VOUCHED = {"X-Rill-Proxy-Secret": "v" * 32, "X-Forwarded-Email": "ann"}
BEHIND = {"RILL_ACCOUNTS": "1", "SECRET_KEY": KEY, **PROXY}


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have streams look each time they are asked."""
    monkeypatch.setattr(auth, "_LOOK_S", -1)


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app in which people have accounts, or come by a proxy."""
    return make_app(**BEHIND)


@pytest.fixture
def ann(services: Services) -> User:
    """Give somebody who has a password, and whom the proxy names, too."""
    ann = add(services, "ann")
    services.db.write(lambda session: setattr(session.get(User, ann.id), "subject", "proxy:ann"))
    return ann


def by_session(services: Services, ann: User) -> dict[str, Any]:
    id = services.db.write(logins.begin, ann.id, logins.Coming("password"))
    return {"path": "/", "headers": {"Cookie": f"rill={id}"}}


def by_token(services: Services, ann: User) -> dict[str, Any]:
    secret = services.db.write(tokens.create, ann, name="x", scopes=["chat"], days=30)
    return {"path": "/api/chat", "method": "POST", "headers": {"Authorization": f"Bearer {secret}"}}


def by_proxy(services: Services, ann: User) -> dict[str, Any]:
    return {"path": "/", "headers": VOUCHED, "environ_base": {"REMOTE_ADDR": "10.1.2.3"}}


def end_session(services: Services, ann: User) -> None:
    services.db.write(logins.end_all, ann.id)


def revoke(services: Services, ann: User) -> None:
    services.db.write(tokens.revoke, ann, services.db.read(tokens.of, ann.id)[0].id)


def outlive(services: Services, ann: User) -> None:
    past = "UPDATE token SET expires_at = '2020-01-01 00:00:00'"
    services.db.write(lambda session: session.execute(text(past)))


def disable(services: Services, ann: User) -> None:
    services.db.write(people.disable, "test", ann.id)


def delete(services: Services, ann: User) -> None:
    services.db.write(keeping.forget, ann.id)


ENDS = [(by_session, end_session), (by_token, revoke), (by_token, outlive)]
ENDS += [(way, end) for way in (by_session, by_token, by_proxy) for end in (disable, delete)]


@pytest.mark.parametrize(("way", "end"), ENDS)
def test_ends_a_stream_with_what_its_reader_came_with(
    app: Flask, services: Services, ann: User, way: Callable[..., dict[str, Any]], end: Callable[..., None]
) -> None:
    with app.test_request_context(**way(services, ann)):
        is_alive = auth.watch(lambda: True)
        assert is_alive()
        end(services, ann)
        assert not is_alive()
        assert not is_alive()


@pytest.mark.parametrize("way", [by_session, by_token, by_proxy])
def test_goes_on_while_the_database_is_away(
    app: Flask, services: Services, ann: User, way: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise Unavailable("away")

    with app.test_request_context(**way(services, ann)):
        is_alive = auth.watch(lambda: True)
        monkeypatch.setattr(services.db, "read", fail)
        assert is_alive()
        monkeypatch.undo()


@pytest.mark.parametrize("end", [revoke, outlive])
def test_says_to_a_program_that_its_token_has_ended(
    app: Flask, services: Services, ann: User, claude: ScriptedClaude, end: Callable[..., None]
) -> None:
    claude.scripts.append([*saying("This much", "and more")[:3], Flag()])
    asked = app.test_client().open(**by_token(services, ann), json={"message": "Hi"}, buffered=False)
    pieces = iter(asked.response)
    assert next(pieces) == b'data: {"text": "This much"}\n\n'

    end(services, ann)
    with gevent.Timeout(PATIENCE_S):
        rest = b"".join(pieces)

    assert b'data: {"error": {"type": "authentication_error", "message": "The token is not valid here' in rest
    assert b"[DONE]" not in rest


def test_stops_the_replies_to_somebody_who_is_kept_out(make_app: Callable[..., Flask], claude: ScriptedClaude) -> None:
    app = make_app(**ACCOUNTS)
    services: Services = app.extensions["rill"]
    for name in ("ann", "bob"):
        add(services, name)
        claude.scripts.append([Flag()])
        visitor: Visitor = enter(app, name)
        assert visitor.post("/conversations", {"text": name, "nonce": "1"}).status_code == 303
    until(lambda: len(services.runner.held) == 2)
    services.db.write(people.disable, "test", services.db.read(people.find, "ann").id)
    services.keeper.stop_cancelled()
    until(lambda: services.runner.running == 1)

    status = "SELECT u.name, m.status FROM message m JOIN \"user\" u ON u.id = m.owner_id WHERE m.role = 'assistant'"
    found = services.db.read(lambda session: dict(session.execute(text(status)).all()))
    assert found == {"ann": "stopped", "bob": "running"}
    services.runner.stop(services.runner.ids[0])
    wait(services)
