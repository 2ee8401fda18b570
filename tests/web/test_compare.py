"""Compare: the form, the page with two columns, and its stream."""

import re
from collections.abc import Callable

import gevent
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event as Flag
from sqlalchemy import update

from app.adapters.models import LOCAL_OWNER, Message, User
from app.chat import comparisons, conversations, views
from app.core.errors import Upstream
from app.core.events import BlockStart, MessageStart, Retrying, TextDelta
from app.web.services import Services
from tests.scripted import Script, ScriptedClaude, saying
from tests.waiting import until
from tests.web.pages import HTMX, soup, wait
from tests.web.wire import nodes


def compare(client: FlaskClient, text: str = "Hello", nonce: str = "n1") -> str:
    """Begin a comparison and give its id."""
    response = client.post("/compare", data={"text": text, "nonce": nonce})
    assert response.status_code == 303
    return re.fullmatch(r"/compare/([0-9a-f]{32})", response.location)[1]


def half(flag: Flag, text: str = "One ") -> Script:
    return [MessageStart("c"), BlockStart(0, {"type": "text", "text": ""}), TextDelta(0, text, "520:4 "), flag]


def partials(frame: str) -> dict[str, str]:
    """Give what a frame puts where."""
    data = "\n".join(re.findall("^data: ?(.*)$", frame, re.M))
    return {node["hx-target"]: node.decode_contents() for node in nodes(data) if getattr(node, "name", "")}


def text(html: str) -> str:
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split()).replace("\xa0", " ")


def running(client: FlaskClient, services: Services, claude: ScriptedClaude) -> tuple[str, Flag, Flag]:
    """Begin a comparison of which one reply has said something, and the other nothing."""
    one, two = Flag(), Flag()
    claude.scripts.append([*half(one), *saying("end")[2:]])
    claude.whole.append([two, *saying("Whole.")])
    id = compare(client)
    streamed = services.db.read(comparisons.find, LOCAL_OWNER, id).streamed
    until(lambda: services.db.read(comparisons.first_word_s, streamed.id) is not None)
    return id, one, two


def test_offers_an_example_and_is_linked_from_the_welcome(client: FlaskClient) -> None:
    form = soup(client.get("/compare")).select_one("main form")

    assert form["action"] == "/compare"
    assert len(form.select_one("textarea").text.split()) > 5
    assert form.select_one("select option[selected]")
    assert soup(client.get("/")).select_one(".welcome a")["href"] == "/compare"


def test_shows_both_replies_when_they_have_ended(client: FlaskClient, services: Services) -> None:
    id = compare(client)
    wait(services)

    page = soup(client.get(f"/compare/{id}"))

    compared = services.db.read(comparisons.find, LOCAL_OWNER, id)
    assert [text(str(column)) for column in page.select(".compare__text")] == ["Hello there.", "Hello there."]
    assert re.search(r"first word after \d+\.\d.s; the other showed nothing for", page.select_one("[role=status]").text)
    links = [link["href"] for link in page.select("#compare a")]
    assert links[:3] == [f"/replies/{reply.id}/events" for reply in (compared.streamed, compared.whole)] + [f"/c/{id}"]
    assert not page.select("#conn, [hx-trigger], noscript, form")


def test_shows_how_far_they_are(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    id, _one, _two = running(client, services, claude)

    page = soup(client.get(f"/compare/{id}"))

    streamed, whole = (text(str(clock)) for clock in page.select(".clock"))
    assert re.fullmatch(r"First word 0\.5 s Complete [\d.]+ s so far", streamed)
    assert re.fullmatch(r"First word Waiting… [\d.]+ s Complete [\d.]+ s so far", whole)
    assert [text(str(column)) for column in page.select(".compare__text")] == ["One", "Nothing to read yet."]
    assert page.select_one("#conn")["hx-sse:connect"] == f"/compare/{id}/stream"
    assert page.select_one("head noscript meta[http-equiv=refresh]")
    assert client.get(f"/compare/{id}", headers=HTMX).status_code == 204


def test_streams_both_columns_until_both_have_ended(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    id, one, two = running(client, services, claude)

    response = client.get(f"/compare/{id}/stream", buffered=False)
    frames = (frame.decode() for frame in response.response)
    first = partials(next(frames))
    second = partials(next(frames))
    one.set()
    two.set()
    rest = "".join(frames)
    last: dict[str, str] = {}
    for frame in rest.split("\n\n"):
        last |= partials(frame) if "event: done" not in frame else {}

    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert text(first["#compare-streamed-text"]) == "One"
    assert text(first["#compare-whole-text"]) == "Nothing to read yet."
    assert {"#compare-streamed-clock", "#compare-whole-clock"} == set(second) - {"#k"}  # nothing else is new
    assert "Waiting…" in second["#compare-whole-clock"]
    assert text(last["#compare-streamed-text"]) == "One end"
    assert text(last["#compare-whole-text"]) == "Whole."
    assert "so far" not in last["#compare-streamed-clock"] + last["#compare-whole-clock"]
    assert rest.endswith("event: done\ndata: done\n\n")


def test_says_when_one_of_them_has_ended(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    id, one, two = running(client, services, claude)

    response = client.get(f"/compare/{id}/stream", buffered=False)
    frames = (partials(frame.decode()) for frame in response.response)
    said = [next(frames)["#compare-verdict"]]
    one.set()
    said.append(next(frame["#compare-verdict"] for frame in frames if "#compare-verdict" in frame))
    page = soup(client.get(f"/compare/{id}"))
    two.set()
    said.append(next(frame["#compare-verdict"] for frame in frames if "#compare-verdict" in frame))
    response.close()

    ended = "The streamed reply has ended; the one in one piece is still being written."
    assert said[:2] == ["Both replies are being written.", ended]
    assert page.select_one("#compare-verdict").text == ended
    assert "showed its first word after" in said[2]


def test_gives_the_whole_state_to_whoever_comes_back(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    id, _one, two = running(client, services, claude)
    two.set()
    whole = services.db.read(comparisons.find, LOCAL_OWNER, id).whole
    until(lambda: not services.runner.has(whole.id))

    for _turn in range(2):
        stream = client.get(f"/compare/{id}/stream", buffered=False)
        found = partials(next(iter(stream.response)).decode())
        stream.close()
        assert text(found["#compare-streamed-text"]) == "One"
        assert text(found["#compare-whole-text"]) == "Whole."
        assert "Complete" in found["#compare-whole-clock"]
        assert "so far" not in found["#compare-whole-clock"]


def test_gives_the_end_to_htmx_without_a_page_around_it(client: FlaskClient, services: Services) -> None:
    id = compare(client)
    wait(services)

    page = soup(client.get(f"/compare/{id}", headers=HTMX))

    assert page.select_one("#compare")
    assert not page.select("html, [hx-trigger]")


def test_says_in_the_column_what_went_wrong(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("Fine."))
    claude.whole.append([Upstream("overloaded_error", "Claude is overloaded. Try again.")])
    id = compare(client)
    wait(services)

    page = soup(client.get(f"/compare/{id}"))

    columns = page.select(".compare__column")
    assert not columns[0].select(".message__note")
    assert columns[1].select_one(".message__note").text == "Claude is overloaded. Try again."
    assert "Ended" in columns[1].select_one(".clock").text
    assert "cannot be compared" in page.select_one("[role=status]").text


def test_counts_down_while_claude_is_busy(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append([Retrying(2, 3, 40.0, "Claude is busy."), Flag()])
    claude.whole.append([Flag()])
    id = compare(client)

    stream = client.get(f"/compare/{id}/stream", buffered=False)
    with gevent.Timeout(20):
        for frame in stream.response:
            found = partials(frame.decode())
            if "Claude is busy. Trying again in" in found["#compare-streamed-clock"]:
                break
    stream.close()

    assert "busy" not in found["#compare-whole-clock"]


def test_makes_one_comparison_of_a_form_sent_twice(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    assert compare(client) == compare(client)
    wait(services)

    assert len(claude.requests) == 2


def test_refuses_with_the_text_kept(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    for n in range(conversations.MAX_LIVE - 1):
        claude.scripts.append([Flag()])
        client.post("/conversations", data={"text": "Hi", "nonce": f"n{n}"})

    too_many = client.post("/compare", data={"text": "My text", "nonce": "m1", "model": "claude-haiku-5-5"})
    other_model = client.post("/compare", data={"text": "My text", "nonce": "m2", "model": "gpt"})
    services.runner.refuse()
    draining = client.post("/compare", data={"text": "My text", "nonce": "m3"})

    for response, status, words in (
        (too_many, 429, "A comparison is two replies"),
        (other_model, 422, "not offered here"),
        (draining, 503, "Rill is restarting"),
    ):
        page = soup(response)
        assert response.status_code == status
        assert words in page.select_one("#notice").text
        assert page.select_one("textarea").text == "My text"
    assert soup(too_many).select_one("#model option[selected]")["value"] == "claude-haiku-5-5"
    assert services.runner.running == conversations.MAX_LIVE - 1


def test_refuses_an_empty_question(client: FlaskClient) -> None:
    plain = client.post("/compare", data={"text": " ", "nonce": "m1"})
    htmx = client.post("/compare", data={"text": " ", "nonce": "m1"}, headers=HTMX)

    assert (plain.status_code, htmx.status_code) == (422, 422)
    assert "nothing to send yet" in soup(plain).select_one("#notice").text
    assert "nothing to send yet" in soup(htmx).select_one("hx-partial[hx-target='#notice']").text


def test_says_that_long_replies_are_always_streamed(client: FlaskClient, make_app: Callable[..., Flask]) -> None:
    long = make_app(RILL_MAX_TOKENS="64000").test_client()

    assert "always streamed" not in client.get("/compare").text
    assert "Replies of more than 21,333 tokens are always streamed" in long.get("/compare").text


def test_shows_nobody_what_is_another_s(client: FlaskClient, services: Services) -> None:
    id = compare(client)
    wait(services)
    services.db.write(lambda session: session.add(User(id="other", name="Other")))
    given = update(Message).where(Message.conversation_id == id).values(owner_id="other")
    services.db.write(lambda session: session.execute(given) and None)

    for place in (id, "nothing"):
        page = client.get(f"/compare/{place}")
        stream = client.get(f"/compare/{place}/stream")
        assert page.status_code == 404
        assert "There is no such comparison." in page.text
        assert stream.status_code == 200
        assert "no longer here" in partials(stream.text.split("\n\n")[0])["#notice"]
        assert stream.text.endswith("event: done\ndata: done\n\n")
        assert "Hello there" not in page.text + stream.text


def test_ends_the_stream_when_the_worker_has_to_go(
    client: FlaskClient, services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, _one, _two = running(client, services, claude)
    monkeypatch.setattr("app.web.columns.LEAVE_S", 0.0)
    services.is_alive = lambda: False

    ended = client.get(f"/compare/{id}/stream").text

    assert "event: leave" in ended
    assert "event: done" not in ended
    assert re.search(r"^retry: \d+$", ended, re.M)


def test_counts_as_two_readers_and_says_when_there_are_too_many(
    client: FlaskClient, services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, _one, _two = running(client, services, claude)
    monkeypatch.setattr(views, "MAX_READERS_OF_ONE", 1)

    refused = client.get(f"/compare/{id}/stream").text

    assert "Close some" in refused
    assert re.search(r"^retry: [3-6]\d{3}$", refused, re.M)
    assert "event: done" not in refused
    assert services.live.readers == 0
