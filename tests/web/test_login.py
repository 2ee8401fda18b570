"""Sign in and out, with a password."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from app.chat import audit, people
from app.core.errors import ConfigurationError
from app.web.login import place
from tests.contracts.tree import ROOT
from tests.web.door import ACCOUNTS, KEY, PASSWORD, PUBLIC, add, enter, sign_in


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app in which people have accounts, and ann is one of them."""
    app = make_app(**ACCOUNTS)
    add(app.extensions["rill"], "ann")
    return app


def test_signs_in_and_out(app: Flask) -> None:
    ann = enter(app, "ann")
    assert ann.get("/").status_code == 200

    left = ann.post("/logout")
    assert left.location == "/login"
    assert "Expires=Thu, 01 Jan 1970" in left.headers["Set-Cookie"]
    assert ann.get("/").status_code == 303


def test_says_no_more_than_that_they_do_not_belong_together(app: Flask) -> None:
    unknown, wrong = sign_in(app, "eve"), sign_in(app, "ann", "another password")

    assert (unknown.status_code, wrong.status_code) == (422, 422)
    assert unknown.text.replace("eve", "ann").count("do not belong together") == 1
    assert wrong.text.count("do not belong together") == 1
    assert "another password" not in wrong.text
    assert "Set-Cookie" not in wrong.headers


@pytest.mark.parametrize("password", ["", "\x00", " ", "x" * 100_000])
def test_lets_nobody_in_with_an_odd_password(app: Flask, password: str) -> None:
    app.extensions["rill"].db.write(people.add, "test", "invited")
    for name in ("ann", "invited", "", "\x00", "x" * 100_000):
        assert sign_in(app, name, password).status_code in (422, 429)


def test_gives_a_new_session_at_each_sign_in(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("rill", "chosen-by-somebody")
    first = client.post("/login", data={"name": "ann", "password": PASSWORD})
    old = client.get_cookie("rill").value
    client.post("/login", data={"name": "ann", "password": PASSWORD})
    new = client.get_cookie("rill").value

    assert "chosen-by-somebody" not in first.headers["Set-Cookie"]
    assert old != new
    other = app.test_client()
    other.set_cookie("rill", old)
    assert other.get("/").location.startswith("/login")


def test_has_a_cookie_that_scripts_and_other_sites_do_not_get(make_app: Callable[..., Flask]) -> None:
    app = make_app(**PUBLIC)
    add(app.extensions["rill"], "ann")
    response = sign_in(app, "ann", base_url="https://chat.example", headers={"Host": "chat.example"})

    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-rill=")
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert flag in cookie
    assert "Domain" not in cookie
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_slows_guesses(app: Flask) -> None:
    statuses = [sign_in(app, "ann", "another password").status_code for _ in range(6)]
    late = sign_in(app, "ann")

    assert statuses == [422] * 5 + [429]
    assert late.status_code == 429
    assert "Wait 60 seconds" in late.text
    assert late.headers["Retry-After"] == "60"


def test_slows_guesses_of_whoever_has_an_account_too(app: Flask) -> None:
    add(app.extensions["rill"], "eve")
    statuses = []
    for _ in range(3):
        statuses.append(sign_in(app, "eve").status_code)
        statuses += [sign_in(app, "ann", "another password").status_code for _ in range(2)]

    assert statuses == [303, 422, 422, 303, 422, 422, 303, 422, 429]


def test_believes_no_address_that_anybody_can_write(app: Flask) -> None:
    spoofed = [
        sign_in(app, "ann", "another password", headers={"X-Forwarded-For": f"127.0.0.{n}"}).status_code
        for n in range(6)
    ]

    assert spoofed[-1] == 429


def test_counts_whoever_a_trusted_proxy_names(make_app: Callable[..., Flask]) -> None:
    app = make_app(**ACCOUNTS, RILL_TRUSTED_PROXIES="127.0.0.1/32")
    add(app.extensions["rill"], "ann")

    def guess(forwarded: str) -> int:
        return sign_in(app, "ann", "another password", headers={"X-Forwarded-For": forwarded}).status_code

    assert [guess("192.0.2.1") for _ in range(6)][-1] == 429
    assert guess("192.0.2.2") == 422
    assert guess("192.0.2.2, 192.0.2.1") == 429
    assert guess("192.0.2.1, 192.0.2.3") == 422
    for written in (
        "192.0.2.1:5678",
        "192.0.2.1:5679",
        "::ffff:192.0.2.1",
        "[::ffff:192.0.2.1]:80",
        "192.0.2.1,127.0.0.1:9",
    ):
        assert guess(written) == 429, written


def test_counts_who_comes_by_ipv4_the_same_on_a_socket_of_ipv6(make_app: Callable[..., Flask]) -> None:
    app = make_app(**ACCOUNTS, RILL_TRUSTED_PROXIES="127.0.0.1/32")
    add(app.extensions["rill"], "ann")

    def guess(place: str) -> int:
        behind = {"headers": {"X-Forwarded-For": "192.0.2.1"}, "environ_base": {"REMOTE_ADDR": place}}
        return sign_in(app, "ann", "another password", **behind).status_code

    assert [guess("::ffff:127.0.0.1") for _ in range(5)] == [422] * 5
    assert guess("127.0.0.1") == 429


def test_takes_down_failures_without_what_was_typed(app: Flask) -> None:
    sign_in(app, "ann", "another password")
    sign_in(app, "a secret typed in the wrong field")

    entries = app.extensions["rill"].db.read(audit.latest)
    assert [(entry.action, entry.subject) for entry in entries[:2]] == [("login.failed", ""), ("login.failed", "ann")]


def test_keeps_disabled_people_out(app: Flask) -> None:
    ann, services = enter(app, "ann"), app.extensions["rill"]
    add(services, "root", "administrator")
    services.db.write(people.disable, "root", services.db.read(people.find, "ann").id)

    assert ann.get("/").status_code == 303
    assert sign_in(app, "ann").status_code == 422


def test_goes_where_the_person_wanted_to(app: Flask) -> None:
    there = app.test_client().get("/compare?x=1")
    assert there.location.startswith("/login?next=/compare")

    page = app.test_client().get("/login?next=/c/1")
    assert 'value="/c/1"' in page.text
    answer = app.test_client().post("/login", data={"name": "ann", "password": PASSWORD, "next": "/c/1"})
    assert answer.location == "/c/1"


@pytest.mark.parametrize(
    "next",
    [None, "", "https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", "/login"],
)
def test_goes_nowhere_else(next: str | None) -> None:
    assert place(next) == "/"


def test_has_no_passwords_where_there_are_no_accounts(make_app: Callable[..., Flask]) -> None:
    assert make_app().test_client().post("/login", data={"name": "ann", "password": PASSWORD}).status_code == 404


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "password1234", "administrator", "x" * 300])
def test_does_not_start_with_an_administrators_password_that_is_not_taken(
    make_app: Callable[..., Flask], password: str
) -> None:
    with pytest.raises(ConfigurationError, match="^RILL_ADMIN_PASSWORD must be another. That password is "):
        make_app(SECRET_KEY=KEY, RILL_ADMIN_PASSWORD=password)


def test_makes_the_first_administrator(make_app: Callable[..., Flask]) -> None:
    app = make_app(SECRET_KEY=KEY, RILL_ADMIN_PASSWORD=PASSWORD)
    app.extensions["rill"].open()

    assert enter(app, "admin").get("/doctor").status_code == 200
    again = make_app(SECRET_KEY=KEY, RILL_ADMIN_PASSWORD="another one, which comes too late")
    again.extensions["rill"]._let_the_first_in()
    assert sign_in(again, "admin").status_code == 303


def test_lets_people_in_through_the_bridge_as_the_page_on_compose_says(make_app: Callable[..., Flask]) -> None:
    said = re.search(r"`rill.env` needs a way in: (.*?)\.\n", (ROOT / "docs/deploy.md").read_text(), re.S)
    assert said
    values = {"SECRET_KEY": KEY, "RILL_ADMIN_PASSWORD": PASSWORD}
    environ = {name: value or values[name] for name, value in re.findall(r"`(\w+)=?([^`]*)`", said[1])}
    passed_on = {"X-Forwarded-For": "172.18.0.1", "X-Forwarded-Proto": "http"}
    client = make_app(**environ).test_client()

    assert client.get("/login", base_url="http://127.0.0.1:8080", headers=passed_on).status_code == 200
    assert make_app().test_client().get("/", headers=passed_on).status_code == 403
