"""Who a request is made for, whatever the way in; what nobody gets without one."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.adapters.db import Unreachable
from app.chat import logins, people, tokens
from app.web import auth
from tests.web.door import ACCOUNTS, PROXY, add, enter
from tests.web.pages import HTMX, start, wait

FROM_PROXY = {"REMOTE_ADDR": "10.1.2.3"}
VOUCHED = {"X-Rill-Proxy-Secret": "v" * 32, "X-Forwarded-Email": "Ann@example.com"}


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app in which people have accounts."""
    return make_app(**ACCOUNTS)


@pytest.fixture
def behind(make_app: Callable[..., Flask]) -> FlaskClient:
    """Give a browser of an app that believes a proxy."""
    return make_app(**PROXY).test_client()


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """List every route as method, path and endpoint."""
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub("<int:[^>]*>", "1", re.sub("<(?!int:)[^>]*>", "x", rule.rule))
        found += [(method, path, rule.endpoint) for method in sorted(rule.methods - {"HEAD", "OPTIONS"})]
    return found


def test_closes_every_route_to_strangers(app: Flask) -> None:
    for method, path, endpoint in routes(app):
        response = app.test_client().open(path, method=method)
        if endpoint in auth.PUBLIC:
            assert response.status_code in (200, 303, 404, 422), path
            assert not (response.location or "").startswith("/login?next")
        elif path.startswith("/api/"):
            assert (response.status_code, response.json["error"]["type"]) == (401, "authentication_error")
        elif method == "GET":
            assert response.location.startswith("/login?next="), path
        else:
            assert response.status_code == 401, path


def test_shows_pages_where_nothing_can_be_written(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    add(app.extensions["rill"], "ann")
    visitor, touched = enter(app, "ann"), []

    def touch(_session: object, id: str) -> None:
        touched.append(id)
        raise Unreachable("Read-only.")

    monkeypatch.setattr(logins, "touch", touch)
    monkeypatch.setattr(logins, "_GRAIN", -logins.IDLE)

    assert visitor.get("/").status_code == 200
    assert touched


def test_tells_programs_what_is_wrong_with_their_token(app: Flask) -> None:
    client = app.test_client()

    none = client.post("/api/chat", json={"message": "Hi"})
    other = client.get("/api/models", headers={"Authorization": "Bearer rill_nothing"})

    assert "Send a token" in none.json["error"]["message"]
    assert "not valid" in other.json["error"]["message"]
    assert [answer.headers["WWW-Authenticate"] for answer in (none, other)] == ["Bearer", "Bearer"]


def test_tells_strangers_nothing(app: Flask) -> None:
    for path in ("/login", "/livez", "/readyz", "/nowhere", "/api/openapi.json", "/login?next=/c/x"):
        assert "sqlite" not in app.test_client().get(path).text


def test_says_nothing_to_a_list_that_asks_again(app: Flask) -> None:
    answer = app.test_client().get("/chats", headers=HTMX)

    assert (answer.status_code, answer.text) == (204, "")


def test_keeps_what_was_written_when_a_session_is_over(app: Flask) -> None:
    plain = app.test_client().post("/conversations", data={"text": "My long question"})
    htmx = app.test_client().post("/conversations", data={"text": "My long question"}, headers=HTMX)
    stream = app.test_client().get("/replies/x/stream", headers={"Accept": "text/event-stream"})

    assert plain.status_code == htmx.status_code == 401
    assert "My long question</textarea>" in plain.text
    assert 'hx-target="#notice"' in htmx.text
    assert 'href="/login" target="_blank"' in htmx.text
    assert stream.status_code == 200
    assert stream.text.endswith("event: done\ndata: done\n\n")


def test_takes_no_form_that_is_not_ours(app: Flask) -> None:
    add(app.extensions["rill"], "ann")
    add(app.extensions["rill"], "eve")
    ann, eve = enter(app, "ann"), enter(app, "eve")

    for method, path, endpoint in routes(app):
        if method != "GET" and endpoint not in auth.PUBLIC and not path.startswith("/api/"):
            for csrf in ("", eve.csrf, "é", "0" * 64):
                response = ann.client.open(path, method=method, data={"csrf": csrf, "text": "x"})
                assert response.status_code == 403, path
                assert "out of date" in response.text
    assert ann.post("/conversations", {"text": "Hello"}).status_code == 303
    wait(app.extensions["rill"])


def test_takes_a_form_that_is_older_than_the_session(app: Flask) -> None:
    add(app.extensions["rill"], "ann")
    before, after = enter(app, "ann"), enter(app, "ann")

    assert before.csrf == after.csrf


def test_knows_whom_the_proxy_names(behind: FlaskClient) -> None:
    behind.environ_base.update(FROM_PROXY)
    page = behind.get("/", headers=VOUCHED)

    assert page.status_code == 200
    services = behind.application.extensions["rill"]
    (ann,) = services.db.read(people.everyone)
    assert (ann.name, ann.role, ann.subject) == ("ann@example.com", "member", "proxy:ann@example.com")
    behind.get("/", headers={**VOUCHED, "X-Forwarded-Email": "ANN@example.com"})
    assert len(services.db.read(people.everyone)) == 1


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({}, "10.1.2.3"),
        ({"X-Forwarded-Email": "ann"}, "10.1.2.3"),
        ({**VOUCHED, "X-Rill-Proxy-Secret": "w" * 32}, "10.1.2.3"),
        ({**VOUCHED, "X-Rill-Proxy-Secret": ""}, "10.1.2.3"),
        (VOUCHED, "192.0.2.1"),
        (VOUCHED, "127.0.0.1"),
        (VOUCHED, ""),
        ({**VOUCHED, "X-Forwarded-For": "10.1.2.3"}, "192.0.2.1"),
        ({**VOUCHED, "X-Forwarded-Email": ""}, "10.1.2.3"),
        ({"X-Rill-Proxy-Secret": "v" * 32, "X_Forwarded_Email": "ann"}, "192.0.2.1"),
    ],
)
def test_believes_no_header_of_anybody_else(behind: FlaskClient, headers: dict[str, str], place: str) -> None:
    response = behind.get("/", headers=headers, environ_base={"REMOTE_ADDR": place})

    assert response.status_code == 303
    assert behind.application.extensions["rill"].db.read(people.everyone) == []


def test_refuses_two_names(behind: FlaskClient) -> None:
    behind.environ_base.update(FROM_PROXY)
    twice = [*VOUCHED.items(), ("X-Forwarded-Email", "root@example.com")]

    assert behind.get("/", headers=twice).status_code == 400
    assert behind.get("/", headers={**VOUCHED, "X-Forwarded-Email": "a@b.c, root"}).status_code == 400


def test_makes_nobody_an_administrator_by_a_header(behind: FlaskClient) -> None:
    behind.environ_base.update(FROM_PROXY)
    behind.get("/", headers=VOUCHED)
    services = behind.application.extensions["rill"]
    (ann,) = services.db.read(people.everyone)
    services.db.write(people.set_role, "test", ann.id, "administrator")

    assert behind.get("/doctor", headers=VOUCHED).status_code == 404
    assert behind.get("/metrics", headers=VOUCHED).status_code == 404


def test_keeps_a_disabled_person_out_whatever_the_proxy_says(behind: FlaskClient) -> None:
    behind.environ_base.update(FROM_PROXY)
    behind.get("/", headers=VOUCHED)
    services = behind.application.extensions["rill"]
    services.db.write(people.disable, "test", services.db.read(people.everyone)[0].id)

    answer = behind.get("/", headers=VOUCHED)
    assert answer.status_code == 403
    assert "closed this account" in answer.text


def test_gives_programs_what_their_token_is_good_for(app: Flask) -> None:
    services = app.extensions["rill"]
    root = add(services, "root", "administrator")
    chat = services.db.write(tokens.create, root, name="chat", scopes=["chat"], days=30)
    metrics = services.db.write(tokens.create, root, name="metrics", scopes=["metrics"], days=30, role="administrator")

    def ask(path: str, token: str, scheme: str = "Bearer") -> int:
        return app.test_client().get(path, headers={"Authorization": f"{scheme} {token}"}).status_code

    assert (ask("/api/models", chat), ask("/api/models", metrics)) == (200, 401)
    assert (ask("/metrics", chat), ask("/metrics", metrics)) == (303, 200)
    assert ask("/api/models", chat, "bearer") == 200
    for scheme, token in (("Basic", chat), ("", chat), ("Bearer", ""), ("Bearer", "rill_"), ("Bearer", "é")):
        assert ask("/api/models", token, scheme) == 401
    assert ask("/", chat) == 303


def test_takes_no_cookie_for_programs(app: Flask) -> None:
    add(app.extensions["rill"], "ann")
    ann = enter(app, "ann")

    assert ann.client.post("/api/chat", json={"message": "Hi"}).status_code == 401


def test_answers_programs_in_the_name_of_the_token(app: Flask) -> None:
    services = app.extensions["rill"]
    add(services, "ann")
    eve = add(services, "eve")
    mine = start_with(enter(app, "ann"))
    secret = services.db.write(tokens.create, eve, name="script", scopes=["chat"], days=30)

    answer = app.test_client().post(
        "/api/chat", json={"message": "Hi", "conversation": mine}, headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 404
    wait(services)


def start_with(visitor: object) -> str:
    """Begin a conversation and give its id."""
    place = visitor.post("/conversations", {"text": "Hello", "nonce": "n1"}).location
    return re.fullmatch(r"/c/([0-9a-f]{32})/live", place)[1]


def test_is_open_to_whoever_sits_at_this_machine_without_a_way_in(make_app: Callable[..., Flask]) -> None:
    client = make_app().test_client()
    assert start(client)
    assert client.get("/doctor").status_code == 200
    assert client.get("/login").location == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"},
        {"X-Forwarded-For": "::ffff:203.0.113.9"},
        {"X-Forwarded-For": "unknown"},
        {"X-Forwarded-For": ""},
        {"X-Real-IP": "203.0.113.9"},
        {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9;proto=https"},
        {"Forwarded": 'for=127.0.0.1, for="[2001:db8::1]:80"'},
        {"Forwarded": "host=localhost"},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Host": "localhost"},
        {"X-Forwarded-Email": "ann@example.com"},
    ],
)
def test_serves_nobody_from_elsewhere_without_a_way_in(make_app: Callable[..., Flask], headers: dict[str, str]) -> None:
    client = make_app().test_client()
    for method, path in (("GET", "/"), ("POST", "/conversations"), ("POST", "/api/chat"), ("GET", "/login")):
        answer = client.open(path, method=method, headers=headers, json={"message": "Hi"} if "api" in path else None)
        assert answer.status_code == 403
        assert "serves its own machine alone" in answer.text
    assert client.get("/livez", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost"},
        {"X-Forwarded-For": "[::1]:99, ::ffff:127.0.0.1"},
        {"Forwarded": 'for="[::1]:80";proto=http'},
    ],
)
def test_serves_this_machine_through_a_proxy_without_a_way_in(
    make_app: Callable[..., Flask], headers: dict[str, str]
) -> None:
    assert make_app().test_client().get("/", headers=headers).status_code == 200


def test_asks_who_comes_from_elsewhere_where_there_is_a_way_in(app: Flask) -> None:
    add(app.extensions["rill"], "ann")

    assert enter(app, "ann").get("/", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200
