"""The link with which a person chooses a password."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.adapters.models import User
from app.chat import links, people
from tests.web.door import ACCOUNTS, KEY, PASSWORD, sign_in


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app in which people have accounts."""
    return make_app(**ACCOUNTS)


@pytest.fixture
def invited(app: Flask) -> User:
    """Give somebody who has no password yet."""
    return app.extensions["rill"].db.write(people.add, "test", "ann")


def test_chooses_a_password_and_is_in(app: Flask, invited: User) -> None:
    path, client = f"/password/{links.make(KEY, invited)}", app.test_client()
    assert "ann" in client.get(path).text
    answer = client.post(path, data={"password": PASSWORD, "again": PASSWORD})

    assert answer.location == "/"
    assert client.get("/").status_code == 200
    assert sign_in(app, "ann").status_code == 303
    assert app.test_client().get(path).status_code == 422
    assert app.test_client().post(path, data={"password": PASSWORD, "again": PASSWORD}).status_code == 422


def test_lets_an_office_behind_one_address_choose_all_their_passwords(app: Flask) -> None:
    for name in ("ann", "bob", "cem", "dee", "eve", "fay", "gus"):
        user = app.extensions["rill"].db.write(people.add, "test", name)
        answer = app.test_client().post(
            f"/password/{links.make(KEY, user)}", data={"password": PASSWORD, "again": PASSWORD}
        )
        assert answer.status_code == 303, name


@pytest.mark.parametrize(
    ("password", "again", "sentence"),
    [
        (PASSWORD, "another", "not the same"),
        ("short", "short", "at least 12"),
        ("password1234", "password1234", "easy to guess"),
        ("", "", "at least 12"),
    ],
)
def test_refuses_with_the_reason(app: Flask, invited: User, password: str, again: str, sentence: str) -> None:
    path = f"/password/{links.make(KEY, invited)}"
    answer = app.test_client().post(path, data={"password": password, "again": again})

    assert answer.status_code == 422
    assert sentence in answer.text
    assert app.test_client().get(path).status_code == 200


def test_is_not_there_without_accounts(make_app: Callable[..., Flask], invited: User) -> None:
    assert make_app().test_client().get(f"/password/{links.make(KEY, invited)}").status_code == 404
