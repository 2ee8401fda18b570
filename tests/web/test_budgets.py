"""Budgets on the page: set by administrators, felt by everybody."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.chat import audit, budgets
from app.web.services import Services
from tests.scripted import ScriptedClaude
from tests.web.door import ACCOUNTS, add, enter
from tests.web.pages import HTMX, soup, start, wait

EMPTY = {"day": "", "month": ""}


def test_sets_budgets_and_shows_them(client: FlaskClient, services: Services) -> None:
    answer = client.post("/admin/budgets", data={"day": "5", "person_month": "$0.50", "tokens_day": "1,000"})
    page = soup(client.get(answer.location))

    assert page.select_one("[role=status]").text == "The budgets are saved."
    values = {field["name"]: field["value"] for field in page.select("input.form__field")}
    assert {name: value for name, value in values.items() if value} == {
        "day": "5",
        "person_month": "0.5",
        "tokens_day": "1000",
    }
    assert "$0.00 of this server's budget of $5.00 a day" in page.text
    (entry, *_) = services.db.read(audit.latest)
    assert (entry.action, entry.detail) == ("budgets.changed", "day 5, person_month 0.5, tokens_day 1000")


def test_lifts_no_budget_of_the_environment(make_app: Callable[..., Flask]) -> None:
    app = make_app(RILL_BUDGETS="day=1 month=20 person_day=0.5")
    client = app.test_client()
    client.post("/admin/budgets", data={"day": "100000", "month": "10", "tokens_day": "5"})
    page = soup(client.get("/admin/budgets"))

    said = {row["id"].removeprefix("bound-"): row.text for row in page.select("[id^=bound-]")}
    assert said["day"] == "1 holds, from the environment: more cannot be set here."
    assert said["month"] == "10 holds, which was set here; the environment allows up to 20."
    assert said["person_day"] == "0.5 holds, from the environment."
    assert said["tokens_day"] == "5 holds, which was set here."
    assert said["tokens_month"] == "There is no limit."
    assert "this server's budget of $1.00 a day" in page.text


def test_keeps_what_was_typed_wrong(client: FlaskClient) -> None:
    answer = client.post("/admin/budgets", data={"day": "much", "month": "7"})

    assert answer.status_code == 422
    assert "“day” is no amount" in answer.text
    assert soup(answer).select_one("input[name=month]")["value"] == "7"
    assert soup(client.get("/admin/budgets")).select_one("input[name=month]")["value"] == ""


def test_refuses_a_message_before_it_is_stored(client: FlaskClient, claude: ScriptedClaude) -> None:
    client.post("/admin/budgets", data={"day": "0"})
    plain = client.post("/conversations", data={"text": "My long question", "nonce": "n"})
    partial = client.post("/conversations", data={"text": "My long question", "nonce": "n"}, headers=HTMX)
    program = client.post("/api/chat", json={"message": "Hi"})

    assert plain.status_code == partial.status_code == program.status_code == 429
    assert "budget of $0.00 a day is used up" in plain.text
    assert "My long question</textarea>" in plain.text
    assert 0 < program.json["error"]["retry_after"] <= 86_400
    assert partial.headers["Retry-After"]
    assert claude.requests == []
    assert not soup(client.get("/")).select(".chats__item")


def test_refuses_a_program_what_it_may_cost(client: FlaskClient, claude: ScriptedClaude) -> None:
    client.post("/admin/budgets", data={"day": "0.01"})
    answer = client.post("/api/chat", json={"message": "Hi"})

    assert answer.status_code == 429
    assert answer.json["error"]["type"] == "rate_limit_error"
    assert client.post("/api/chat", json={"message": "Hi", "max_tokens": 100}).status_code == 200
    assert len(claude.requests) == 1


def test_says_in_the_reply_that_the_rest_is_too_little(client: FlaskClient, services: Services) -> None:
    client.post("/admin/budgets", data={"day": "0.01"})
    id = start(client)
    wait(services)

    page = client.get(f"/c/{id}").text
    assert "budget of $0.01 a day is used up: $0.01 is left, less than this may take." in page
    client.post("/admin/budgets", data=EMPTY)
    assert "Retry" in page


def test_warns_on_every_page(client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = budgets.now()
    monkeypatch.setattr(budgets, "now", lambda: moment)
    client.post("/admin/budgets", data={"tokens_day": "10000"})
    start(client)
    wait(services)
    assert "is used. It begins anew" not in client.get("/").text
    client.post("/admin/budgets", data={"tokens_day": "20"})

    assert (
        "90 % of this server's budget of 20 tokens a day is used. It begins anew at 0:00 UTC."
        in soup(client.get("/")).text
    )


def test_slows_a_person_who_signs_in(make_app: Callable[..., Flask]) -> None:
    app = make_app(**ACCOUNTS, RILL_PER_MINUTE="2")
    services = app.extensions["rill"]
    for name in ("ann", "bob"):
        add(services, name)
    ann, bob = enter(app, "ann"), enter(app, "bob")
    statuses = []
    for n in range(3):
        statuses.append(ann.post("/conversations", {"text": "Hi", "nonce": str(n)}).status_code)
        wait(services)

    assert statuses == [303, 303, 429]
    assert bob.post("/conversations", {"text": "Hi"}).status_code == 303
    wait(services)


@pytest.mark.parametrize("method", ["get", "post"])
def test_is_for_administrators(make_app: Callable[..., Flask], method: str) -> None:
    app = make_app(**ACCOUNTS)
    add(app.extensions["rill"], "ann")

    assert getattr(enter(app, "ann"), method)("/admin/budgets").status_code == 404


def test_says_who_it_is_to_anthropic_without_saying_who(make_app: Callable[..., Flask], claude: ScriptedClaude) -> None:
    app = make_app(**ACCOUNTS)
    services = app.extensions["rill"]
    ann = add(services, "ann")
    for n in range(2):
        enter(app, "ann").post("/conversations", {"text": "Hi", "nonce": str(n)})
        wait(services)

    first, second = (request.user_id for request in claude.requests)
    assert first == second
    assert len(first) == 64
    assert ann.id not in first
