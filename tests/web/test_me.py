"""What is mine: sessions, password, tokens, data."""

import json
import re
from collections.abc import Callable

import pytest
from flask import Flask

from app.chat import audit, people, tokens
from tests.web.door import ACCOUNTS, PASSWORD, PROXY, Visitor, add, csrf_of, enter, sign_in
from tests.web.pages import soup, start, wait

NEW = "seven lanterns in the cellar"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """Give an app in which ann and root have accounts."""
    app = make_app(**ACCOUNTS)
    add(app.extensions["rill"], "ann")
    add(app.extensions["rill"], "root", "administrator")
    return app


@pytest.fixture
def ann(app: Flask) -> Visitor:
    """Give ann's browser."""
    return enter(app, "ann")


def test_lists_sessions_and_ends_one(app: Flask, ann: Visitor) -> None:
    other = enter(app, "ann")
    page = soup(ann.get("/me"))
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC, this one", page.text)
    assert "form__danger" in page.select_one("form[action='/me/delete'] button")["class"]
    (hash,) = [field["value"] for field in page.select("input[name=hash]")]
    assert ann.post("/me/sessions", {"hash": hash}).location == "/me?said=sessions"

    assert other.get("/").status_code == 303
    assert ann.get("/").status_code == 200


def test_ends_all_sessions_but_this(app: Flask, ann: Visitor) -> None:
    others = [enter(app, "ann"), enter(app, "root")]
    ann.post("/me/sessions")

    assert [other.get("/").status_code for other in others] == [303, 200]
    assert ann.get("/").status_code == 200


def test_ends_no_session_of_others(app: Flask, ann: Visitor) -> None:
    root = enter(app, "root")
    hash = app.extensions["rill"].db.read(
        lambda session: (
            session.connection()
            .exec_driver_sql("SELECT hash FROM login JOIN user ON user.id = user_id WHERE name = 'root'")
            .scalar_one()
        )
    )
    ann.post("/me/sessions", {"hash": hash})

    assert root.get("/").status_code == 200


def test_changes_the_password(app: Flask, ann: Visitor) -> None:
    other = enter(app, "ann")
    answer = ann.post("/me/password", {"old": PASSWORD, "password": NEW, "again": NEW})

    assert "Your password was changed" in soup(ann.get(answer.location)).select_one("[role=status]").text
    assert (ann.get("/").status_code, other.get("/").status_code) == (200, 303)
    assert sign_in(app, "ann").status_code == 422
    assert sign_in(app, "ann", NEW).status_code == 303


@pytest.mark.parametrize(("boxes", "left"), [({"tokens": "1"}, 0), ({}, 1)])
def test_ends_tokens_with_the_password_if_that_is_wanted(
    app: Flask, ann: Visitor, boxes: dict[str, str], left: int
) -> None:
    ann.post("/me/tokens", {"name": "script", "scopes": "chat", "days": "30"})
    assert soup(ann.get("/me")).select_one("input[name=tokens]").has_attr("checked")
    ann.post("/me/password", {"old": PASSWORD, "password": NEW, "again": NEW, **boxes})

    db = app.extensions["rill"].db
    assert len(db.read(tokens.of, db.read(people.find, "ann").id)) == left


@pytest.mark.parametrize(
    ("old", "new", "again", "sentence"),
    [
        ("wrong", NEW, NEW, "not your password"),
        ("", NEW, NEW, "not your password"),
        (PASSWORD, NEW, NEW + "!", "not the same"),
        (PASSWORD, "short", "short", "at least 12"),
        (PASSWORD, "password1234", "password1234", "easy to guess"),
    ],
)
def test_says_why_not(ann: Visitor, old: str, new: str, again: str, sentence: str) -> None:
    answer = ann.post("/me/password", {"old": old, "password": new, "again": again})

    assert answer.status_code == 422
    assert sentence in answer.text


def test_slows_guesses_from_an_open_session(ann: Visitor) -> None:
    form = {"old": "wrong", "password": NEW, "again": NEW}
    statuses = [ann.post("/me/password", form).status_code for _ in range(6)]

    assert statuses[-1] == 429


def test_slows_nobody_who_knows_the_password_and_chooses_a_weak_one(ann: Visitor) -> None:
    weak = {"old": PASSWORD, "password": "short", "again": "short"}

    assert {ann.post("/me/password", weak).status_code for _ in range(7)} == {422}


def test_makes_a_token_shown_once(app: Flask, ann: Visitor) -> None:
    page = ann.post("/me/tokens", {"name": "<b>script", "scopes": "chat", "days": "30"})
    secret = re.search("rill_[A-Za-z0-9_-]{43}", page.text)[0]

    def ask() -> int:
        return app.test_client().get("/api/models", headers={"Authorization": f"Bearer {secret}"}).status_code

    assert ask() == 200
    shown = ann.get("/me").text
    assert secret not in shown
    assert "&lt;b&gt;script" in shown
    assert "never used" not in shown
    assert ann.post(re.search("/me/tokens/[0-9a-f]{32}/revoke", shown)[0]).location == "/me?said=token"
    assert ask() == 401


def test_gives_a_refused_token_form_back(ann: Visitor) -> None:
    page = soup(ann.post("/me/tokens", {"name": "Backup of mine", "days": "365"}))

    assert page.select_one("#token-name")["value"] == "Backup of mine"
    assert not page.select("input[name=scopes][checked]")
    assert [option["value"] for option in page.select("#days option[selected]")] == ["365"]


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "scopes": "chat", "days": "30"},
        {"name": "x", "days": "30"},
        {"name": "x", "scopes": "metrics", "days": "30"},
        {"name": "x", "scopes": "chat", "days": "99999999999999999999"},
        {"name": "x", "scopes": "chat", "days": "-1"},
    ],
)
def test_makes_no_token_that_may_not_be(ann: Visitor, form: dict[str, str]) -> None:
    answer = ann.post("/me/tokens", form)

    assert answer.status_code == 422
    assert "rill_" not in answer.text


def test_gives_all_my_data_and_nobody_elses(app: Flask, ann: Visitor) -> None:
    services = app.extensions["rill"]
    for visitor, text in ((ann, "Mine & only"), (enter(app, "root"), "Theirs")):
        visitor.post("/conversations", {"text": text, "nonce": text})
        wait(services)
    response = ann.get("/me/export.json")
    data = json.loads(response.text)

    assert response.headers["Content-Disposition"] == 'attachment; filename="rill.json"'
    assert data["name"] == "ann"
    (conversation,) = data["conversations"]
    asked, answered = conversation["messages"]
    assert asked["content"] == [{"type": "text", "text": "Mine & only"}]
    assert (answered["status"], answered["parent_id"]) == ("done", asked["id"])
    assert answered["usage"]["output_tokens"]


def test_deletes_me_with_all_that_is_mine(app: Flask, ann: Visitor) -> None:
    services = app.extensions["rill"]
    ann.post("/conversations", {"text": "Mine"})
    wait(services)
    assert ann.post("/me/delete", {"name": "bob"}).status_code == 422
    left = ann.post("/me/delete", {"name": " ANN "})

    assert left.location == "/"
    assert services.db.read(people.find, "ann") is None
    count = "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM conversation) + (SELECT count(*) FROM login)"
    assert services.db.read(lambda session: session.connection().exec_driver_sql(count).scalar()) == 0
    (entry, *_) = services.db.read(audit.latest)
    assert (entry.action, entry.subject) == ("person.deleted", "ann")


def test_keeps_the_only_administrator(app: Flask) -> None:
    answer = enter(app, "root").post("/me/delete", {"name": "root"})

    assert answer.status_code == 409
    assert "only administrator" in answer.text


def test_is_for_my_data_alone_where_nobody_signs_in(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    client = app.test_client()
    id = start(client)
    wait(app.extensions["rill"])
    page = soup(client.get("/me"))
    assert "API tokens" not in page.text
    assert "Sign out" not in page.text
    assert [heading.text for heading in page.select("h1, h2")] == ["Your data"]
    assert page.title.text == "Your data · Rill"
    assert client.post("/me/delete", data={"name": "local owner"}).status_code == 422

    left = client.post("/me/delete", data={"name": page.select_one("label strong").text}, follow_redirects=True)
    assert soup(left).select_one("#notice").text.strip() == "All your chats were deleted."
    assert client.get(f"/c/{id}").status_code == 404
    assert start(client, nonce="n2")
    wait(app.extensions["rill"])


def test_makes_no_administrators_token_for_whom_only_the_proxy_names(make_app: Callable[..., Flask]) -> None:
    behind = make_app(**PROXY).test_client()
    services = behind.application.extensions["rill"]
    add(services, "root", "administrator")
    headers = {"X-Forwarded-Email": "ann@example.com", "X-Rill-Proxy-Secret": PROXY["RILL_PROXY_SECRET"]}
    asked = {"headers": headers, "environ_base": {"REMOTE_ADDR": "10.0.0.1"}}
    csrf = csrf_of(behind.get("/", **asked))
    ann = services.db.read(people.find, "ann@example.com")
    services.db.write(people.set_role, "root", ann.id, "administrator")

    form = {"csrf": csrf, "name": "x", "scopes": "metrics", "days": "30"}
    assert behind.post("/me/tokens", data=form, **asked).status_code == 422
    assert behind.post("/me/tokens", data={**form, "scopes": "chat"}, **asked).status_code == 200
    assert [token.scopes for token in services.db.read(tokens.of, ann.id)] == [["chat"]]
