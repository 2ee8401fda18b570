"""Nobody reaches what is another's: every route with an id is tried by somebody else, and a new one has to be added."""

import hashlib
import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.adapters.models import User
from app.chat import comparisons, links, logins, tokens
from app.web import auth
from app.web.services import Services
from tests.web import reach
from tests.web.door import ACCOUNTS, KEY, Visitor, add, enter
from tests.web.pages import HTMX, wait
from tests.web.reach import Ids, Route

OIDC = {"RILL_OIDC_ISSUER": "http://127.0.0.1:9", "RILL_OIDC_CLIENT_ID": "rill", "RILL_OIDC_CLIENT_SECRET": "s"}
FORM = {"text": "Mine now", "nonce": "n", "is_meant": "1", "is_pinned": "1", "name": "eve", "role": "member"}
ASKED = ({}, HTMX, {"Last-Event-ID": "x-1", "Accept": "text/event-stream"})
#: Tried last, for they end what the others need.
LAST = [("POST", "keeping.delete"), ("POST", "login.delete")]


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app with every way in that has routes of its own."""
    return make_app(**ACCOUNTS, **OIDC, RILL_OIDC_DOMAINS="*")


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
        ann.id,
        conversation,
        services.db.read(lambda session: session.execute(text(reply), {"id": conversation}).scalars().first()),
        compared.id,
        services.db.read(tokens.of, ann.id)[0].id,
        services.db.read(logins.of, ann.id)[0].hash,
    )


@pytest.fixture(params=["member", "administrator"])
def eve(request: pytest.FixtureRequest, app: Flask, ids: Ids) -> Visitor:
    """Give the browser of somebody else; an administrator is somebody else, too."""
    add(app.extensions["rill"], "eve", request.param)
    return enter(app, "eve")


@pytest.fixture
def root(app: Flask, services: Services) -> Visitor:
    """Give the browser of an administrator."""
    add(services, "root", "administrator")
    return enter(app, "root")


def place(app: Flask, route: Route, **path: object) -> str:
    """Write the address of a route; without something for a variable, any word."""
    rule = next(rule for rule in app.url_map.iter_rules() if rule.endpoint == route[1] and route[0] in rule.methods)
    with app.test_request_context():
        return app.url_for(route[1], **{**dict.fromkeys(rule.arguments, "x"), **path})


def send(visitor: Visitor, route: Route, path: str, form: dict[str, str], **options: object) -> TestResponse:
    """Ask for a path, as a form where the route takes one; whatever it holds is in the query besides."""
    if route[0] == "GET":
        return visitor.get(path, query_string=form, **options)
    return visitor.post(path, form, **options)


def state(services: Services) -> str:
    """Give a digest of all that is stored, but for when somebody was last seen."""
    tables = ["conversation", "message", "trace", "journal", "option", "(SELECT hash, user_id FROM login)"]
    tables += ["(SELECT id, user_id, name FROM token)", '(SELECT id, name, role, is_disabled, stamp FROM "user")']

    def read(session: object) -> str:
        return str([session.execute(text(f"SELECT * FROM {table} AS t ORDER BY 1")).all() for table in tables])

    return hashlib.sha256(services.db.read(read).encode()).hexdigest()


def test_has_every_route_in_one_table(app: Flask) -> None:
    tables = [set(reach.OWNER), set(reach.ADMINISTRATOR), reach.PUBLIC, reach.OWN, reach.APART]
    listed = [route for table in tables for route in table]

    assert set(listed) == reach.routes(app)
    assert len(listed) == len(set(listed))
    assert {endpoint for _method, endpoint in reach.PUBLIC} | {"static"} == auth.PUBLIC


def test_takes_no_variable_but_in_a_case(app: Flask, ids: Ids) -> None:
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            route = (method, rule.endpoint)
            case = reach.OWNER.get(route)
            path = case.path(ids) if case else reach.ADMINISTRATOR.get(route, lambda _ids: {})(ids)
            allowed = {"token"} if rule.endpoint.startswith("password.") else set()
            assert rule.arguments == path.keys() | allowed, route


def test_declares_every_value_that_is_read(app: Flask, ids: Ids, root: Visitor) -> None:
    found = reach.watch(app)
    ann = enter(app, "ann")
    for route in [*sorted(reach.routes(app) - {*LAST} - reach.ADMINISTRATOR.keys()), *LAST]:
        case = reach.OWNER.get(route, reach.Case())
        send(ann, route, place(app, route, **case.path(ids)), {**FORM, **case.form(ids)}).get_data()
    for route, path in reach.ADMINISTRATOR.items():
        send(root, route, place(app, route, **path(ids)), FORM).get_data()

    assert {route: sorted(names - reach.VALUES.get(route, set())) for route, names in found.items()} == {
        route: [] for route in found
    }
    assert len(found) >= 15


def test_has_a_case_for_every_value_that_names_a_persons_thing(ids: Ids) -> None:
    assert set().union(*reach.VALUES.values()) <= reach.PLAIN | reach.THINGS
    assert not reach.PLAIN & reach.THINGS
    for route, names in reach.VALUES.items():
        assert names & reach.THINGS == (reach.OWNER[route].form(ids).keys() if route in reach.OWNER else set()), route


def test_finds_nothing_of_others(app: Flask, services: Services, ids: Ids, eve: Visitor) -> None:
    before = state(services)
    for route, case in reach.OWNER.items():
        path = place(app, route, **case.path(ids))
        for headers in ASKED:
            response = send(eve, route, path, {**FORM, **case.form(ids)}, headers=headers)
            said = response.text
            assert case.is_silent or response.status_code == 404 or "no longer here" in said, route
            assert "secret" not in said, route
    assert state(services) == before


def test_finds_what_is_mine(app: Flask, ids: Ids) -> None:
    ann = enter(app, "ann")
    for route, case in reach.OWNER.items():
        if route[0] == "GET":
            response = ann.get(place(app, route, **case.path(ids)))
            assert response.status_code in (200, 303), route
            assert "no longer here" not in response.text, route


def test_has_nothing_for_members_where_administrators_are(app: Flask, services: Services, ids: Ids) -> None:
    add(services, "mallory")
    mallory, before = enter(app, "mallory"), state(services)
    for route, path in reach.ADMINISTRATOR.items():
        response = send(mallory, route, place(app, route, **path(ids)), FORM)
        assert response.status_code == 404, route
        assert not re.search(r"\bann\b", response.text), route
    assert state(services) == before


def test_shows_administrators_nothing_that_was_said(app: Flask, ids: Ids, root: Visitor) -> None:
    named = {"id": ids.conversation, "conversation": ids.conversation, "user": ids.person, "of": "all", "after": ""}
    for route in {*reach.ADMINISTRATOR, *reach.OWN, *reach.PUBLIC}:
        if route[0] == "GET" and route[1] != "doctor.stream":
            path = reach.ADMINISTRATOR.get(route, lambda _ids: {})(ids)
            assert "secret question" not in root.get(place(app, route, **path), query_string=named).text, route


def test_declares_every_field_of_the_api(app: Flask) -> None:
    described = app.test_client().get("/api/openapi.json").json["components"]["schemas"]["ChatRequest"]["properties"]
    plain = {"message", "messages", "system", "model", "max_tokens", "effort", "thinking", "schema", "events", "stream"}

    assert {*described} - plain == {"conversation"} <= reach.THINGS


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
