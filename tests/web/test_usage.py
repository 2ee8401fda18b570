"""Usage: the page and the CSV, and who may see whose."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from app.adapters.models import Conversation, User
from app.adapters.money import Spending
from app.web.services import Services
from tests.web.door import ACCOUNTS, Visitor, add, enter
from tests.web.pages import soup, start, wait

MONTH = "?month=2026-11"


def spend(services: Services, name: str | None, micros: int = 12_300, **values: object) -> None:
    """Add a settled call of somebody, in November 2026 if nothing else is said."""
    fields = {"day": "2026-11-23", "model": "m", "is_settled": True, "input_tokens": 1_000, "output_tokens": 20}

    def write(session: object) -> None:
        user = session.scalar(select(User.id).where(User.name == name))
        session.add(Spending(user_id=user, micros=micros, **(fields | values)))

    services.db.write(write)


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.fixture
def guarded(make_app: Callable[..., Flask]) -> Flask:
    """Give an app in which ann, eve and root have accounts, and spent something."""
    app = make_app(**ACCOUNTS)
    services = app.extensions["rill"]
    for name in ("ann", "eve"):
        id = add(services, name).id
        chat = Conversation(id=name[0] * 32, owner_id=id, title=f"{name}'s secret <question>")
        services.db.write(lambda session, chat=chat: session.add(chat))
        spend(services, name, conversation_id=chat.id, model=f"model-of-{name}")
    add(services, "root", "administrator")
    return app


@pytest.fixture
def ann(guarded: Flask) -> Visitor:
    """Give ann's browser."""
    return enter(guarded, "ann")


@pytest.fixture
def root(guarded: Flask) -> Visitor:
    """Give an administrator's browser."""
    return enter(guarded, "root")


def test_shows_this_month_when_none_is_named(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    monkeypatch.setattr("app.web.usage.now", lambda: now)
    spend(services, "Local owner", 1_500_000, day=f"{now:%Y-%m-%d}")
    page = soup(client.get(f"/usage?month={now:%Y-%m}"))

    assert soup(client.get("/usage")).h2.text == page.h2.text == f"{now:%B %Y}"
    assert [fact.text for fact in page.select(".stream__fact dd")] == ["$1.50", "1", "1,000", "20"]


def test_draws_each_day_and_says_it_in_a_table(client: FlaskClient, services: Services) -> None:
    start(client)
    wait(services)
    services.db.write(lambda session: session.execute(delete(Spending)))
    chat = services.db.read(lambda session: session.scalar(select(Conversation.id)))
    spend(services, "Local owner", conversation_id=chat)
    spend(services, "Local owner", 24_600, day="2026-11-02", model="n")
    page = soup(client.get(f"/usage{MONTH}"))

    days = page.select_one("svg[aria-labelledby='days-title days-desc']")
    assert len(days.select(".bars__day")) == 30
    assert [float(bar["height"]) for bar in days.select(".timeline__bar")] == [120, 60]
    assert "2 of 30 with an amount; the most is $0.0246, 2026-11-02." in days.select_one("#days-desc").text
    rows = [[cell.text for cell in row.select("th, td")] for row in page.table.select("tbody tr")]
    assert rows == [["2026-11-02", "1", "1,000", "20", "$0.0246"], ["2026-11-23", "1", "1,000", "20", "$0.0123"]]
    assert page.select_one(f"table a[href='/c/{chat}']").text == "Hello"
    assert "Other programs" in page.text


def test_draws_every_picture_with_its_words(root: Visitor, ann: Visitor) -> None:
    for page in (soup(root.get(f"/usage{MONTH}&of=all")), soup(ann.get(f"/usage{MONTH}"))):
        pictures = page.select("svg")
        assert len(pictures) == len(page.select("table")) == 3
        for picture in pictures:
            assert picture["role"] == "img"
            title, description = (page.find(id=id) for id in picture["aria-labelledby"].split())
            assert (title.name, description.name) == ("title", "desc")
            assert title.text
            assert description.text
            assert picture.find_next("table").caption.text
        assert not page.select("[style], style")


def test_says_that_the_demo_costs_nothing(client: FlaskClient, make_app: Callable[..., Flask]) -> None:
    real = make_app(ANTHROPIC_API_KEY="sk-ant-test").test_client()

    assert "scripted and cost nothing" in client.get("/usage").text
    assert "scripted" not in real.get("/usage").text


def test_shows_a_month_without_calls(client: FlaskClient) -> None:
    page = soup(client.get("/usage?month=2024-02"))

    assert "Claude was not called in this month." in page.text
    assert len(page.select(".bars__day")) == 29
    assert not page.select("table, .timeline__bar")


@pytest.mark.parametrize(
    ("month", "links"),
    [
        ("2026-01", ["2025-12", "2026-02"]),
        ("2000-01", ["2000-02"]),
        ("2099-12", ["2099-11"]),
    ],
)
def test_leads_to_the_months_beside_it(client: FlaskClient, month: str, links: list[str]) -> None:
    page = soup(client.get(f"/usage?month={month}"))
    found = [link["href"] for link in page.select("nav[aria-label=Months] a")]

    assert found == [f"/usage?month={link}" for link in links] + [f"/usage.csv?month={month}"]
    for link in found:
        assert client.get(link).status_code == 200


@pytest.mark.parametrize("query", ["month=", "month=2026-13", "month=2026-1", "month=11-2026", "of=ann", "of="])
@pytest.mark.parametrize("path", ["/usage", "/usage.csv"])
def test_refuses_what_it_does_not_understand(client: FlaskClient, path: str, query: str) -> None:
    assert client.get(f"{path}?{query}").status_code == 400


def test_tells_of_calls_that_are_not_settled(client: FlaskClient, services: Services) -> None:
    assert "not settled" not in client.get(f"/usage{MONTH}").text
    spend(services, "Local owner", is_settled=False)
    assert "1 call is not settled yet and counts with" in client.get(f"/usage{MONTH}").text
    spend(services, "Local owner", is_settled=False)
    assert "2 calls are not settled yet and count with" in client.get(f"/usage{MONTH}").text


def test_shows_nothing_of_others(ann: Visitor, root: Visitor) -> None:
    mine, roots = ann.get(f"/usage{MONTH}").text, root.get(f"/usage{MONTH}").text

    assert "ann&#39;s secret &lt;question&gt;" in mine
    assert "model-of-ann" in mine
    assert "eve's" not in mine.replace("&#39;", "'")
    assert "model-of-eve" not in mine
    assert "not called" in roots
    assert "secret" not in roots
    assert len(cells(root.get(f"/usage.csv{MONTH}").text)) == 1
    assert "model-of-eve" not in ann.get(f"/usage.csv{MONTH}").text


@pytest.mark.parametrize("path", ["/usage", "/usage.csv"])
def test_shows_everybodys_to_administrators_alone(ann: Visitor, root: Visitor, path: str) -> None:
    assert ann.get(f"{path}?of=all").status_code == 404
    assert ann.get(f"{path}{MONTH}&of=all").status_code == 404
    assert root.get(f"{path}{MONTH}&of=all").status_code == 200


def test_sends_away_who_is_not_signed_in(guarded: Flask) -> None:
    for path in ("/usage", "/usage.csv", "/usage?of=all"):
        assert guarded.test_client().get(path).status_code == 303


def test_offers_the_switch_to_administrators_alone(ann: Visitor, root: Visitor, client: FlaskClient) -> None:
    for visitor in (ann, client):
        assert "Everybody" not in visitor.get("/usage").text
    page = soup(root.get(f"/usage{MONTH}&of=all"))

    assert [link.text for link in page.select("[aria-label='Whose usage'] a")] == ["Mine", "Everybody"]
    assert page.select_one("[aria-label='Whose usage'] [aria-current=page]").text == "Everybody"
    assert all("of=all" in link["href"] for link in page.select("nav[aria-label=Months] a"))


def test_names_people_and_nothing_that_they_said(guarded: Flask, root: Visitor) -> None:
    services = guarded.extensions["rill"]
    spend(services, None, 5)
    page = root.get(f"/usage{MONTH}&of=all")
    people = [[cell.text for cell in row.select("th, td")] for row in soup(page).select("table")[-1].select("tbody tr")]

    assert [row[0] for row in people] == ["ann", "eve", "Deleted people"]
    assert people[-1][-1] == "$0.000005"
    assert "secret" not in page.text


def test_gives_csv_of_mine(guarded: Flask, ann: Visitor) -> None:
    spend(guarded.extensions["rill"], "ann", 5, cache_read_tokens=7, cache_write_tokens=8, model="=cmd")
    response = ann.get(f"/usage.csv{MONTH}")

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="rill-usage-2026-11.csv"'
    assert "no-store" in response.headers["Cache-Control"]
    assert sorted(cells(response.text)[1:]) == [
        ["2026-11-23", "'=cmd", "", "1", "1015", "20", "0.000005"],
        ["2026-11-23", "model-of-ann", "a" * 32, "1", "1000", "20", "0.012300"],
    ]
    assert cells(response.text)[0] == [
        "day",
        "model",
        "conversation",
        "calls",
        "input_tokens",
        "output_tokens",
        "dollars",
    ]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx"])
def test_gives_csv_of_everybody_without_formulae(guarded: Flask, root: Visitor, name: str) -> None:
    services = guarded.extensions["rill"]
    services.db.write(lambda session: session.add(User(name=name)))
    spend(services, name, day="2026-11-30")
    spend(services, None, day="2026-11-29")
    found = cells(root.get(f"/usage.csv{MONTH}&of=all").text)

    assert found[0][:2] == ["day", "person"]
    assert [row[1] for row in found[1:3]] == ["ann", "eve"]
    assert [row[1] for row in found[3:]] == ["(deleted)", f"'{name}"]


def test_is_found_from_the_page_and_from_me(client: FlaskClient) -> None:
    for path in ("/", "/me"):
        assert soup(client.get(path)).select("a[href='/usage']")


def test_keeps_the_way_to_the_other_pages_of_administrators(app: Flask, root: Visitor) -> None:
    there = soup(root.get("/admin/people")).select_one("nav[aria-label=Administration] a:-soup-contains('Usage')")
    page = soup(root.get(there["href"]))

    assert page.h1.text == "Everybody's usage"
    here = page.select_one("nav[aria-label=Administration] [aria-current]")
    assert here.text == "Usage"
    assert not soup(root.get("/usage")).select("nav[aria-label=Administration]")
