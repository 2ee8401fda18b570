"""The doctor: what it finds, and how it takes down what arrives."""

import re
import time

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from app.core.catalog import Model, known
from app.core.diagnosis import PLAN
from app.core.errors import Upstream
from app.web import doctor
from app.web.services import Services
from tests.web.door import ACCOUNTS, add, enter
from tests.web.pages import HTMX, soup


def test_shows_what_rill_stands_on(client: FlaskClient) -> None:
    page = soup(client.get("/doctor"))
    found = [term.text for term in page.select(".findings dt")]

    assert found == ["Processes: well", "Database: well", "Claude: could be better"]
    assert "SQLite 3." in page.text
    assert len(page.select("[hx-trigger^=tick-]")) == len(PLAN)


def test_says_what_is_not_well(client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OSError("a detail")

    monkeypatch.setattr(services.db, "read", fail)

    text = soup(client.get("/doctor")).text

    assert "Database: not well" in text
    assert "a detail" not in text


def test_says_which_models_are_not_offered(make_app, claude, monkeypatch: pytest.MonkeyPatch) -> None:
    app: Flask = make_app(ANTHROPIC_API_KEY="sk-ant-x", RILL_MODEL="one", RILL_MODELS="one,two")
    monkeypatch.setattr(claude, "models", lambda: [known("one"), known("three")])
    assert "does not offer two" in soup(app.test_client().get("/doctor")).text

    def refuse() -> list[Model]:
        raise Upstream(
            "authentication_error", "This server cannot reach Claude; tell the administrator.", kind="account"
        )

    monkeypatch.setattr(claude, "models", refuse)
    shown = soup(app.test_client().get("/doctor")).text
    assert "Claude: not well" in shown
    assert "Check ANTHROPIC_API_KEY" in shown
    assert "tell the administrator" not in shown


def test_other_servers_need_not_say_which_models_they_have(make_app, claude, monkeypatch: pytest.MonkeyPatch) -> None:
    app: Flask = make_app(ANTHROPIC_BASE_URL="http://127.0.0.1:9")

    def refuse() -> list[Model]:
        raise Upstream("http_404", "The model  is not available. Choose another one.", kind="request")

    monkeypatch.setattr(claude, "models", refuse)
    assert "does not say which models it has (http_404)" in soup(app.test_client().get("/doctor")).text


def test_sends_the_ticks_in_their_order_and_goes_on_after_a_cut(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PLAN", (0.0, 0.01, 0.02))
    start = f"{time.time():.3f}"

    whole = client.get(f"/doctor/stream/{start}")
    rest = client.get(f"/doctor/stream/{start}", headers={"Last-Event-ID": "1"}).text

    assert whole.headers["X-Accel-Buffering"] == "no"
    assert re.findall("^event: (.*)$", whole.text, re.M) == ["hello", "tick-0", "tick-1", "tick-2", "done"]
    assert re.findall("^event: (.*)$", rest, re.M) == ["cut", "tick-2", "done"]


def test_takes_down_how_late_a_tick_was(client: FlaskClient) -> None:
    start = time.time() - 0.5

    seen = soup(client.get(f"/doctor/seen/{start:.3f}/0")).input
    tick, delay = seen["value"].split(":")

    assert (seen["name"], tick) == ("seen", "0")
    assert int(delay) >= 499


def test_judges_what_was_taken_down(client: FlaskClient) -> None:
    seen = [("seen", f"{tick}:{20 + tick}") for tick in range(len(PLAN))]

    assert "Streaming: well" in client.get("/doctor/report", query_string=seen).text
    assert "proxy_read_timeout" in client.get("/doctor/report", query_string=[*seen, ("cut", "1")]).text
    nonsense = [("seen", value) for value in ("", "x", "1:", ":1", "1:-", "²:1", "1:2:3", "9" * 50)]
    assert "Streaming: not well" in client.get("/doctor/report", query_string=nonsense).text


def test_judges_by_when_a_piece_came_first(client: FlaskClient) -> None:
    seen = [("seen", f"{tick}:20") for tick in range(len(PLAN))][::-1]
    late = [("seen", f"{tick}:20000") for tick in range(len(PLAN))]

    assert "Streaming: well" in client.get("/doctor/report", query_string=[*seen[1:], late[5], seen[0]]).text


def test_lets_the_verdict_take_the_place_of_all_that_asks(client: FlaskClient) -> None:
    report = soup(client.get("/doctor")).select_one("#report")
    asking = report.select("[hx-get], [hx-sse\\:connect]")

    assert len(asking) == len(PLAN) + 3
    assert len(soup(client.get("/doctor")).select("[hx-get], [hx-sse\\:connect]")) == len(asking)
    assert [ask["hx-trigger"].endswith(" once") for ask in asking] == [False, *[True] * (len(PLAN) + 1), False]
    assert (asking[-1]["hx-target"], asking[-1]["hx-status:4xx"]) == ("#report", "swap:none")
    assert not soup(client.get("/doctor/report")).select("[hx-get], #conn")


def test_ends_a_page_that_comes_back_too_late(client: FlaskClient) -> None:
    answer = client.get("/doctor/stream/1.000", headers=HTMX)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert 'hx-target="#report"' in answer.text
    assert "This test is over." in answer.text
    assert answer.text.endswith("event: done\ndata: done\n\n")


def test_is_found_by_whoever_may_open_it(client: FlaskClient, make_app) -> None:
    assert soup(client.get("/")).select_one(".corner a[href='/doctor']")
    for path in ("/admin/people", "/doctor"):
        assert soup(client.get(path)).select_one("nav.sheet__way a[href='/doctor']"), path
    assert soup(client.get("/doctor")).select_one("a[aria-current]").text == "Doctor"

    app: Flask = make_app(**ACCOUNTS)
    add(app.extensions["rill"], "ann")
    assert not soup(enter(app, "ann").get("/")).select("a[href='/doctor'], a[href='/admin/people']")


@pytest.mark.parametrize("start", ["0", "x", "nan", "1e400", "-1"])
def test_refuses_a_test_that_is_over(client: FlaskClient, start: str) -> None:
    assert client.get(f"/doctor/stream/{start}").status_code == 422
    assert client.get(f"/doctor/seen/{start}/0").status_code == 422
    assert client.get(f"/doctor/seen/{time.time():.3f}/99").status_code == 422


def test_says_the_same_on_the_command_line(app: Flask) -> None:
    result: Result = app.test_cli_runner().invoke(args=["doctor"])

    assert result.exit_code == 0
    assert "ok    Database: SQLite" in result.output


def test_says_that_nobody_answers(app: Flask) -> None:
    result: Result = app.test_cli_runner().invoke(args=["doctor", "http://127.0.0.1:1"])

    assert result.exit_code == 1
    assert "bad   Streaming: http://127.0.0.1:1 cannot be reached" in result.output
