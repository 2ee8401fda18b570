"""What every answer says of itself, on every route there is: with a thing, without one, as a page, to htmx, refused."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.web.services import Services
from tests.web.door import PUBLIC
from tests.web.pages import HTMX, wait
from tests.web.routes import Route, populated, routes
from tests.web.test_security import POLICY

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def check(response: TestResponse, route: object) -> None:
    headers = response.headers
    assert re.fullmatch(POLICY, headers["Content-Security-Policy"]), route
    assert {name: headers.get(name) for name in ALWAYS} == ALWAYS, route
    assert "no-store" in headers["Cache-Control"], route
    assert "Cookie" in vary(response), route
    assert not {"Server", "X-Powered-By", "Access-Control-Allow-Origin"} & {name for name, _ in headers}, route


def vary(response: TestResponse) -> list[str]:
    return [name.strip() for value in response.headers.getlist("Vary") for name in value.split(",")]


def ask(client: FlaskClient, route: Route, **options: object) -> TestResponse:
    response = client.open(route.path, method=route.method, **options)
    response.get_data()
    return response


@pytest.mark.parametrize("headers", [{}, HTMX, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_sends_every_header_with_everything(
    client: FlaskClient, services: Services, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = populated(client, services)
    monkeypatch.setattr("app.web.doctor._ticks", lambda *_args: iter([b"data: x\n\n"]))
    for route in found:
        check(ask(client, route, headers=headers, data={"text": "Hello"}), route)
        check(client.options(route.path, headers=headers), route)


def test_sends_every_header_with_what_is_not_there(app: Flask, client: FlaskClient) -> None:
    paths = {route.path for route in routes(app, lambda *_names: "0" * 32)}
    for path in [*paths, "/nowhere", "/static/nowhere.js", "/c/%00", "/%ff"]:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "NONSENSE"):
            check(client.open(path, method=method, data=b"\xff"), (method, path))


def test_sends_every_header_when_it_crashes(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.pages.chat_page", lambda *_args: 1 / 0)
    response = client.get("/")

    assert response.status_code == 500
    check(response, "/")


def test_says_that_answers_vary_where_they_do(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = populated(client, services)
    monkeypatch.setattr("app.web.doctor._ticks", lambda *_args: iter([b"data: x\n\n"]))
    differing = 0
    for route in found:
        if route.path.startswith("/api/"):
            continue
        plain, partial = (ask(client, route, headers=headers, data={"text": "a"}) for headers in ({}, HTMX))
        wait(services)
        same = [re.sub(r'nonce="[^"]*"|[0-9a-f]{32}|\d', "", answer.text) for answer in (plain, partial)]
        if route.method == "POST" or plain.status_code != partial.status_code or same[0] != same[1]:
            differing += 1
            assert "HX-Request" in vary(plain), route
            assert "HX-Request" in vary(partial), route

    assert differing >= 5


def test_insists_on_encryption_behind_tls_only(client: FlaskClient, make_app: Callable[..., Flask]) -> None:
    public = make_app(**PUBLIC).test_client()
    static = re.search(r'href="(/static/[^"]+)"', client.get("/").text)[1]
    for path in ("/", "/nowhere", "/livez", static):
        with client.get(path, base_url="https://localhost", buffered=True) as answer:
            assert "Strict-Transport-Security" not in answer.headers
        with public.get(path, headers={"Host": "chat.example"}, buffered=True) as answer:
            value = answer.headers["Strict-Transport-Security"]
        assert int(re.fullmatch(r"max-age=(\d+); includeSubDomains", value)[1]) >= 31_536_000


def test_serves_static_files_under_names_of_their_content_for_a_year(app: Flask, client: FlaskClient) -> None:
    page = client.get("/").text
    paths = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    assert len(paths) >= 5

    for path in paths:
        with client.get(path) as answer:
            headers = answer.headers
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", path)
        assert headers["Cache-Control"] == "max-age=315360000, public, immutable"
        assert {name: headers.get(name) for name in ALWAYS} == ALWAYS
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
        assert "Access-Control-Allow-Origin" not in headers
        assert "Cookie" not in headers.get("Vary", "")


def test_lets_only_named_sites_read_the_api(make_app: Callable[..., Flask]) -> None:
    client = make_app(RILL_API_ORIGINS="https://a.example").test_client()
    for origin, expected in (("https://a.example", "https://a.example"), ("https://b.example", None), ("null", None)):
        for path in ("/api/models", "/api/openapi.json", "/"):
            answer = client.get(path, headers={"Origin": origin})
            assert answer.headers.get("Access-Control-Allow-Origin") == (expected if path != "/" else None)
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert path == "/" or "Origin" in vary(answer)
