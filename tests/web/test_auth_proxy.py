"""Whom a proxy names, and who signed in besides: whose page it is."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.chat import people
from app.web.services import Services
from tests.web.door import KEY, PASSWORD, PROXY, add
from tests.web.pages import soup


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app behind a proxy that names people, in which some have passwords: root, an administrator, and bob."""
    app = make_app(**{"RILL_ACCOUNTS": "1", "SECRET_KEY": KEY, **PROXY})
    add(app.extensions["rill"], "root", "administrator")
    add(app.extensions["rill"], "bob")
    return app


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """Give a browser that comes through the proxy."""
    client = app.test_client()
    client.environ_base.update(REMOTE_ADDR="10.1.2.3", HTTP_X_RILL_PROXY_SECRET="v" * 32)
    return client


def as_named(browser: FlaskClient, name: str) -> dict[str, str]:
    return {"X-Forwarded-Email": name} if name else {}


def who(browser: FlaskClient, name: str) -> str:
    """Give whose page it is, when the proxy names somebody."""
    page = soup(browser.get("/me", headers=as_named(browser, name)))
    return page.h1.text


def sign_in(browser: FlaskClient, name: str, named: str) -> None:
    answer = browser.post("/login", data={"name": name, "password": PASSWORD}, headers=as_named(browser, named))
    assert answer.status_code == 303


def test_shows_the_page_of_whom_the_proxy_names_to_whoever_sits_down_next(browser: FlaskClient) -> None:
    sign_in(browser, "bob", "")
    assert who(browser, "") == "bob"

    assert who(browser, "ann") == "ann"
    assert who(browser, "bob") == "bob 2"


def test_lets_no_member_be_somebody_else_than_the_proxy_says(browser: FlaskClient) -> None:
    sign_in(browser, "bob", "ann")

    assert who(browser, "ann") == "ann"


def test_lets_an_administrator_sign_in_beside_the_proxys_name_and_nobody_else_after_them(
    browser: FlaskClient,
) -> None:
    assert browser.get("/login", headers=as_named(browser, "ann")).status_code == 200
    sign_in(browser, "root", "ann")
    assert who(browser, "ann") == "root"
    assert browser.get("/doctor", headers=as_named(browser, "ann")).status_code == 200
    assert browser.get("/login", headers=as_named(browser, "ann")).status_code == 303

    assert who(browser, "eve") == "eve"
    assert browser.get("/doctor", headers=as_named(browser, "eve")).status_code == 404


def test_makes_a_session_that_began_without_a_name_nobodys_beside_one(browser: FlaskClient) -> None:
    sign_in(browser, "root", "")

    assert who(browser, "") == "root"
    assert who(browser, "ann") == "ann"


def test_takes_no_two_names_for_one(browser: FlaskClient, services: Services) -> None:
    for name in ("straße@x", "strasse@x", "STRASSE@x", "ﬁ@x", "fi@x", "\u212a@x", "k@x"):
        who(browser, name.encode().decode("latin-1"))

    subjects = {user.subject for user in services.db.read(people.everyone) if user.subject}
    assert len(subjects) == 6


@pytest.mark.parametrize("header", ["josé".encode(), "josé".encode("latin-1")])
def test_reads_names_in_the_letters_of_the_proxy(browser: FlaskClient, header: bytes) -> None:
    assert who(browser, header.decode("latin-1")) == "josé"


def test_offers_to_leave_a_session_where_there_is_one(browser: FlaskClient) -> None:
    corner = soup(browser.get("/", headers=as_named(browser, "ann"))).select_one(".corner")
    assert (corner.form, corner.select_one("a[href='/login']").text) == (None, "Sign in otherwise")
    sign_in(browser, "root", "ann")

    assert soup(browser.get("/", headers=as_named(browser, "ann"))).select_one(".corner form").text == "Sign out"
