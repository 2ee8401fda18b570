"""Show stream: what Claude sent, as pages."""

import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from gevent.event import Event as Flag
from sqlalchemy import delete, update

from app.adapters.models import Message, StreamTrace, User
from app.core.events import BlockStart, MessageStart, Retrying, TextDelta
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until_written
from tests.web.pages import HTMX, reply_id, soup, start, wait

Finished = Callable[..., str]


@pytest.fixture
def finished(client: FlaskClient, services: Services, claude: ScriptedClaude) -> Finished:
    """Give what makes a finished reply of these texts, and gives its id."""

    def make(*texts: str) -> str:
        claude.scripts.append(saying(*texts))
        id = reply_id(client, start(client, nonce=f"n{len(claude.requests)}"))
        wait(services)
        return id

    return make


def growing(client: FlaskClient, services: Services, claude: ScriptedClaude) -> tuple[str, Flag]:
    """Begin a reply that has said something, and goes on at the flag."""
    go_on = Flag()
    said = [TextDelta(0, "One ", "900:4 "), TextDelta(0, "two ", "1900:4 ")]
    claude.scripts.append([*saying()[:2], *said, go_on, *saying("three")[2:]])
    id = reply_id(client, start(client))
    until_written(services, id, "two")
    return id, go_on


def test_is_linked_from_every_reply(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    id, go_on = growing(client, services, claude)
    conversation = soup(client.get(f"/replies/{id}/events")).select("nav a")[1]["href"]
    running = soup(client.get(conversation))
    go_on.set()
    wait(services)
    ended = soup(client.get(conversation))

    for page in (running, ended):
        assert [link["href"] for link in page.select(".message--reply a.message__stream")] == [f"/replies/{id}/events"]


def test_shows_the_six_types_in_their_order(client: FlaskClient, finished: Finished) -> None:
    id = finished("Good ", "day, ", "reader.")

    page = soup(client.get(f"/replies/{id}/events"))

    rows = [" ".join(row.text.split()) for row in page.select("table.events")[0].select("tbody tr")]
    names = [link.text for link in page.select("table.events")[0].select("tbody .events__link")]
    assert names == [
        "message_start",
        "content_block_start",
        "content_block_delta × 3",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "text_delta, block 0, 17 characters" in rows[2]


def test_says_what_became_of_it(client: FlaskClient, finished: Finished) -> None:
    page = soup(client.get(f"/replies/{finished('Good day.')}/events"))

    facts = {fact.dt.text: fact.dd.text for fact in page.select(".stream__fact")}
    assert facts["Status"] == "done"
    assert facts["Stop reason"] == "end_turn"
    assert facts["Model"] == "claude-test"
    assert facts["Request id"] == "req_12345678"
    assert facts["Events"].startswith("6, ")
    assert "First token after" in page.select_one(".stream__said").text


def test_shows_how_usage_grew(client: FlaskClient, finished: Finished) -> None:
    page = soup(client.get(f"/replies/{finished('Good day.')}/events"))

    table = page.select("table.events")[1]
    assert [[cell.text for cell in row.select("th, td")] for row in table.select("tbody tr")] == [
        ["input_tokens", "7", "7"],
        ["output_tokens", "1", "11"],
    ]


def test_draws_with_the_same_facts_in_words(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    id, _go_on = growing(client, services, claude)

    page = soup(client.get(f"/replies/{id}/events"))

    picture = page.select_one("svg[role=img]")
    assert page.select_one(".stream__said").text in picture["aria-label"]
    assert not [tag for tag in page.select("svg, svg *") if "style" in tag.attrs]


def test_asks_again_until_the_reply_has_ended(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    id, go_on = growing(client, services, claude)
    running = soup(client.get(f"/replies/{id}/events"))
    go_on.set()
    wait(services)
    ended = soup(client.get(f"/replies/{id}/events", headers=HTMX))

    assert running.select_one("#stream [hx-trigger='every 1s']")["hx-target"] == "#stream"
    assert running.select_one("head noscript")
    assert "content_block_delta × 2" in running.select_one("table.events").text
    assert ended.select_one("#stream")
    assert not ended.select("html")
    assert not ended.select("[hx-trigger]")


def test_gives_the_json_of_an_event(client: FlaskClient, finished: Finished) -> None:
    id = finished("Good ", "day.")

    page = soup(client.get(f"/replies/{id}/events/4"))
    part = soup(client.get(f"/replies/{id}/events/4", headers=HTMX))

    expected = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "day."}}
    assert json.loads(page.select_one("#event code").text) == expected
    assert json.loads(part.select_one("code").text) == expected
    assert not part.select("html")
    assert [link.text for link in part.select(".stream__turn a")] == ["Event 3", "Event 5"]


def test_lists_the_events_one_by_one(client: FlaskClient, finished: Finished) -> None:
    id = finished(*(f"<b>{n} " for n in range(450)))

    first = soup(client.get(f"/replies/{id}/events/list"))
    last = soup(client.get(f"/replies/{id}/events/list?from=401"))

    assert len(first.select("tbody tr")) == 200
    assert [link.text for link in first.select(".stream__turn a")] == ["Later", "Later"]
    assert first.select(".stream__turn a")[0]["href"] == f"/replies/{id}/events/list?from=201"
    assert len(last.select("tbody tr")) == 55
    assert last.select(".stream__turn a")[0]["href"] == f"/replies/{id}/events/list?from=201"
    assert [link.text for link in last.select(".stream__turn a")] == ["Earlier", "Earlier"]
    assert last.select("tbody tr .events__detail")[0].text == '"<b>398 "'


def test_stays_light_of_a_long_reply(client: FlaskClient, finished: Finished) -> None:
    id = finished(*(f"word{n} " for n in range(5_000)))

    page = client.get(f"/replies/{id}/events")

    assert "content_block_delta × 5,000" in page.text
    assert len(page.data) < 100_000


def test_shows_what_rill_did_where_claude_was_busy(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts.append([Retrying(2, 3, 1.5, "Claude is busy.", 40, "overloaded_error"), *saying("Here.")])
    id = reply_id(client, start(client))
    wait(services)

    page = soup(client.get(f"/replies/{id}/events"))
    event = soup(client.get(f"/replies/{id}/events/1"))

    assert "Rill had to ask again (overloaded_error)" in page.select_one(".stream__said").text
    assert "overloaded_error, attempt 2 of 3" in page.select_one(".events__retry").text
    assert "Claude is busy. Attempt 2 of 3" in event.select_one("#event").text


def test_draws_the_silence_at_the_end(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    id, _go_on = growing(client, services, claude)
    services.runner.stop(id)
    wait(services)
    hung = update(Message).where(Message.id == id).values(total_s=19.0)
    services.db.write(lambda session: session.execute(hung) and None)

    page = soup(client.get(f"/replies/{id}/events"))

    assert page.select(".timeline__axis span")[-1].text == "19.0\u00a0s"
    assert float(page.select(".timeline__stall")[-1]["width"]) == 900
    assert "the reply ended at 19.0\u00a0s" in page.select_one(".stream__said").text


def test_says_that_a_reply_was_not_streamed(client: FlaskClient, services: Services, finished: Finished) -> None:
    id = finished("All of it.")
    whole = update(Message).where(Message.id == id).values(is_streamed=False)
    services.db.write(lambda session: session.execute(whole) and None)

    page = soup(client.get(f"/replies/{id}/events"))

    assert "This reply was not streamed" in page.select_one(".stream__said").text
    assert "in one piece" in page.select_one(".stream__facts").text


def test_says_that_the_events_are_no_longer_kept(client: FlaskClient, services: Services, finished: Finished) -> None:
    id = finished("Good day.")
    services.db.write(lambda session: session.execute(delete(StreamTrace)) and None)

    page = soup(client.get(f"/replies/{id}/events"))

    assert "no longer kept" in page.select_one(".notice").text
    assert page.select_one(".stream__facts")
    assert not page.select("svg, table")
    for path in ("1", "list"):
        gone = client.get(f"/replies/{id}/events/{path}")
        assert gone.status_code == 404
        assert "no longer kept" in gone.text


def test_shows_nobody_what_is_another_s(client: FlaskClient, services: Services, finished: Finished) -> None:
    id = finished("Mine.")
    services.db.write(lambda session: session.add(User(id="other", name="Other")))
    given = update(Message).where(Message.id == id).values(owner_id="other")
    services.db.write(lambda session: session.execute(given) and None)

    for path in (f"{id}/events", f"{id}/events/list", f"{id}/events/1", "nothing/events"):
        response = client.get(f"/replies/{path}")
        assert response.status_code == 404
        assert "There is no such reply." in response.text


@pytest.mark.parametrize("number", ["0", "7", "99999999999999"])
def test_knows_which_events_there_are(client: FlaskClient, finished: Finished, number: str) -> None:
    response = client.get(f"/replies/{finished('Good day.')}/events/{number}")

    assert response.status_code == 404
    assert "There is no such event" in response.text


@pytest.mark.parametrize("start_at", ["0", "-3", "999999", "x", ""])
def test_takes_any_place_to_list_from(client: FlaskClient, finished: Finished, start_at: str) -> None:
    response = client.get(f"/replies/{finished('Good day.')}/events/list?from={start_at}")

    assert response.status_code == 200
    assert soup(response).select("tbody tr")


def test_shows_what_claude_wrote_as_text(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    hostile = '</code><hx-partial hx-target="#r">x</hx-partial><script>1</script>\n```\n# no'
    claude.scripts.append([MessageStart("<b>m"), BlockStart(0, {"type": "<i>", "text": ""}), TextDelta(0, hostile)])
    id = reply_id(client, start(client))
    wait(services)

    for path in ("", "/list", "/1", "/2", "/3"):
        page = soup(client.get(f"/replies/{id}/events{path}"))
        assert not page.select("hx-partial, main script, main b, main td i, main h1 ~ h1")
    assert (
        json.loads(soup(client.get(f"/replies/{id}/events/3")).select_one("#event code").text)["delta"]["text"]
        == hostile
    )
