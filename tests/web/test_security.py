"""What every request and response passes."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.pages import start

POLICY = (
    r"default-src 'none'; script-src 'nonce-[\w-]{22}'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    r"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    r"require-trusted-types-for 'script'; trusted-types htmx"
)


@pytest.mark.parametrize("path", ["/", "/nowhere", "/livez", "/replies/x/stream"])
def test_sends_a_strict_policy_with_everything(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert re.fullmatch(POLICY, headers["Content-Security-Policy"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in headers["Cache-Control"]


def test_makes_a_fresh_nonce_for_each_response(client: FlaskClient) -> None:
    policies = {client.get("/").headers["Content-Security-Policy"] for _ in range(3)}

    assert len(policies) == 3


def unsafe_routes(app: Flask) -> list[tuple[str, str]]:
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub("<[^>]*>", "x", rule.rule)
        found += [(method, path) for method in rule.methods - {"GET", "HEAD", "OPTIONS"}]
    return found


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none", "Origin": "https://evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
    ],
)
def test_refuses_every_unsafe_request_from_another_site(app: Flask, headers: dict[str, str]) -> None:
    routes = unsafe_routes(app)
    assert len(routes) >= 4

    for method, path in routes:
        response = app.test_client().open(path, method=method, data={"text": "x"}, headers=headers)
        assert response.status_code == 403, (method, path)


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}])
def test_takes_requests_from_its_own_pages(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/conversations", data={"text": "x"}, headers=headers).status_code == 303


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "0.0.0.0", "x@y"])
def test_answers_to_loopback_names_only(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:5000", "[::1]:8000"])
def test_answers_to_every_loopback_name(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_takes_no_more_than_two_megabytes(client: FlaskClient) -> None:
    assert client.post("/conversations", data={"text": "x" * 2_100_000}).status_code == 413


def test_survives_odd_requests(app: Flask, client: FlaskClient) -> None:
    start(client)
    for rule in app.url_map.iter_rules():
        path = re.sub("<[^>]*>", "%00%F0x", rule.rule)
        for method in ("GET", "POST", "PUT", "DELETE"):
            for data in (b"", b"\xff\xfe", b"text=%FF&nonce=" + b"n" * 500):
                response = client.open(path, method=method, data=data, headers={"Last-Event-ID": "\x7f"})
                assert response.get_data() is not None
                assert response.status_code < 500, (method, path, data)
