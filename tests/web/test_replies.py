"""The stream of a reply, its finished form, and Stop."""

import re
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event as Flag
from sqlalchemy import update

from app.adapters.models import LOCAL_OWNER, Message
from app.chat import journal, leases, views
from app.core.events import BlockStart, MessageStart, Retrying, TextDelta
from app.core.markdown import render
from app.web import frames
from app.web.services import Services
from tests.scripted import Script, ScriptedClaude, saying
from tests.waiting import until, until_written
from tests.web.pages import HTMX, reply_id, soup, start, wait
from tests.web.wire import Page


def growing(*then: object) -> Script:
    return [MessageStart("c"), BlockStart(0, {"type": "text", "text": ""}), *then]


def test_streams_a_reply_to_the_text_that_is_stored(client: FlaskClient, claude: ScriptedClaude) -> None:
    words = [f"word{n} " + ("\n\n" if n % 7 == 0 else "") for n in range(60)]
    go_on = Flag()
    script = saying(*words)
    claude.scripts.append([*script[:9], go_on, *script[9:]])
    id = reply_id(client, start(client))
    gevent.spawn_later(0.1, go_on.set)

    response = client.get(f"/replies/{id}/stream")
    page = Page(id).take(response.text)

    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert page.is_done
    stored = soup(client.get(f"/replies/{id}", headers=HTMX)).select_one(".message__body")
    assert page.text == " ".join(stored.get_text(" ").split()) == " ".join("".join(words).split())


def test_resumes_after_the_cursor_without_repeating(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    go_on, last = Flag(), Flag()
    claude.scripts.append(growing(TextDelta(0, "One.\n\nTwo.\n\nThr"), go_on, TextDelta(0, "ee.\n\nFour"), last))
    id = reply_id(client, start(client))
    until_written(services, id, "Thr")
    stream = client.get(f"/replies/{id}/stream", buffered=False)
    first = next(iter(stream.response)).decode()
    page = Page(id).take(first)
    stream.close()

    go_on.set()
    rest = ""
    for frame in client.get(f"/replies/{id}/stream", headers={"Last-Event-ID": page.ids[-1]}, buffered=False).response:
        rest += frame.decode()
        if "Three." in Page(id).take(first).take(rest).text:
            last.set()
    page.take(rest)

    assert page.text == "One. Two. Three. Four"
    assert "One." in first
    assert "One." not in rest


@pytest.mark.parametrize("name", ["05-loose-numbered-nested", "11-math-heavy", "34-long-mixed"])
def test_builds_the_finished_reply_over_several_connections(
    client: FlaskClient, services: Services, claude: ScriptedClaude, name: str
) -> None:
    text = Path(f"tests/corpus/{name}.md").read_text()
    stops = [Flag() for _stop in range(4)]
    size = len(text) // 4 + 1
    parts = [TextDelta(0, text[start : start + size]) for start in range(0, len(text), size)]
    claude.scripts.append(growing(*(step for pair in zip(stops, parts, strict=True) for step in pair), *saying("")[3:]))
    id = reply_id(client, start(client))
    page = Page(id)
    for stop in stops[:-1]:
        stop.set()
        until_written(services, id, parts.pop(0).text)
        stream = client.get(f"/replies/{id}/stream", headers={"Last-Event-ID": (page.ids or [""])[-1]}, buffered=False)
        page.take(next(iter(stream.response)).decode())
        stream.close()
    stops[-1].set()
    page.take(client.get(f"/replies/{id}/stream", headers={"Last-Event-ID": page.ids[-1]}).text)

    assert page.is_done
    assert page.html == BeautifulSoup(f'<div class="prose">{render(text)}</div>', "html.parser").decode()


def test_resets_for_a_cursor_it_does_not_know(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts += [growing(TextDelta(0, "All of it. And"), Flag())]
    id = reply_id(client, start(client))
    until_written(services, id, "And")

    for cursor in ("nonsense", "ffffff-3", "", "ffffff-999999999"):
        stream = client.get(f"/replies/{id}/stream", headers={"Last-Event-ID": cursor}, buffered=False)
        page = Page(id).take(next(iter(stream.response)).decode())
        stream.close()
        assert page.text == "All of it."


def test_ends_at_once_for_a_finished_or_unknown_reply(client: FlaskClient, services: Services) -> None:
    id = reply_id(client, start(client))
    wait(services)

    for path in (f"/replies/{id}/stream", "/replies/nothing/stream"):
        response = client.get(path)
        assert response.status_code == 200
        assert response.text.endswith("event: done\ndata: done\n\n")


def test_counts_down_while_claude_is_busy(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([Retrying(2, 3, 4.0, "Claude is busy."), Flag()])
    id = reply_id(client, start(client))
    until(lambda: services.db.read(journal.read_after, id, 0))

    stream = client.get(f"/replies/{id}/stream", buffered=False)
    page = Page(id).take(next(iter(stream.response)).decode())
    stream.close()

    assert page.tree.select_one("#status").text == "Claude is busy, still waiting…"
    assert re.fullmatch(r"Claude is busy\. Trying again in \d s \(attempt 2 of 3\)\.", page.tree.select_one("#w").text)


def test_says_that_claude_is_still_working(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([Flag()])
    id = reply_id(client, start(client))
    with services.live.view(id) as view:
        view.grew_at -= 20

    stream = client.get(f"/replies/{id}/stream", buffered=False)
    page = Page(id).take(next(iter(stream.response)).decode())
    stream.close()

    assert page.tree.select_one("#w").text == "Claude is still working…"


def test_ends_the_stream_when_the_worker_has_to_go(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts.append(growing(TextDelta(0, "Half"), Flag()))
    id = reply_id(client, start(client))
    services.is_alive = lambda: False

    page = Page(id).take(client.get(f"/replies/{id}/stream").text)

    assert not page.is_done


def test_gives_no_finished_form_while_the_reply_is_written(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append([Flag()])
    id = reply_id(client, start(client))

    assert client.get(f"/replies/{id}", headers=HTMX).status_code == 204


def test_gives_the_finished_form_with_the_send_button(client: FlaskClient, services: Services) -> None:
    id = reply_id(client, start(client))
    wait(services)

    page = soup(client.get(f"/replies/{id}", headers=HTMX))

    assert page.select_one(f"#reply-{id} .figures")
    assert page.select_one("hx-partial[hx-target='#actions'] button").text == "Send"
    assert page.select_one("hx-partial[hx-target='#status']").text == "Answer complete, 2 words."


def test_stops_a_reply_that_another_process_has_taken_over_meanwhile(
    make_app: Callable[..., Flask], claude: ScriptedClaude
) -> None:
    app, other = make_app(), make_app()
    services: Services = app.extensions["rill"]
    claude.scripts += [[Flag()], [Flag()]]
    id = start(app.test_client())
    until(lambda: claude.requests)
    services.db.write(lambda session: session.execute(update(Message).values(lease_until=0.0)))
    other.extensions["rill"].keeper.tick()
    until(lambda: len(claude.requests) == 2)

    reply = reply_id(app.test_client(), id)
    assert app.test_client().post(f"/replies/{reply}/stop").status_code == 303

    assert services.db.read(leases.cancelled, [reply]) == [reply]


def test_stops_and_keeps_what_had_arrived(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append(growing(TextDelta(0, "Half"), Flag()))
    id = start(client)
    reply = reply_id(client, id)
    until_written(services, reply, "Half")

    assert client.post(f"/replies/{reply}/stop", headers=HTMX).status_code == 204
    wait(services)

    page = soup(client.get(f"/c/{id}"))
    assert page.select_one(".message--reply .prose").text.strip() == "Half"
    assert "You stopped" in page.select_one(".message__note").text


def broken_off(*texts: str) -> Script:
    """Give a reply that fails after these words."""
    return growing(*(TextDelta(0, text) for text in texts), RuntimeError("x"))


def test_shows_a_retry_in_the_place_of_the_earlier_reply(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts += [broken_off("One"), growing(Flag())]
    id = start(client)
    wait(services)
    earlier = reply_id(client, id)

    page = soup(client.post(f"/replies/{earlier}/retry", headers=HTMX))

    article = page.select_one(f"hx-partial[hx-target='#reply-{earlier}'][hx-swap=outerHTML] article")
    assert article["id"] == f"reply-{reply_id(client, id)}"
    assert article.select_one("#conn")
    assert article.has_attr("autofocus")
    assert page.select_one("hx-partial[hx-target='#actions'] button").text == "Stop"
    assert page.select_one("hx-partial[hx-target='#status']").text == "Answering…"
    assert page.select_one(f"hx-partial[hx-target='#reply-{earlier} ~ .message'][hx-swap=delete]")
    assert not page.select("#prompt")


def test_shows_what_goes_on_at_the_end(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts += [broken_off("One"), growing(Flag())]
    id = start(client)
    wait(services)

    page = soup(client.post(f"/replies/{reply_id(client, id)}/continue", headers=HTMX))

    added = page.select("hx-partial[hx-target='#log'] > article")
    assert [article["aria-label"] for article in added] == ["You", "Claude"]
    assert added[1]["id"] == f"reply-{reply_id(client, id)}"
    assert page.select_one("hx-partial[hx-target='#actions'] button").text == "Stop"
    assert not page.select("#prompt")


@pytest.mark.parametrize("what", ["retry", "continue"])
def test_begins_one_reply_however_often_it_is_asked(
    client: FlaskClient, services: Services, claude: ScriptedClaude, what: str
) -> None:
    claude.scripts += [broken_off("One"), growing(Flag())]
    id = start(client)
    wait(services)
    earlier = reply_id(client, id)

    answers = [client.post(f"/replies/{earlier}/{what}", headers=HTMX) for _press in range(2)]

    assert [answer.status_code for answer in answers] == [200, 409]
    assert "Claude is still answering" in soup(answers[1]).select_one("hx-partial[hx-target='#notice']").text
    assert len(claude.requests) == 2


def test_keeps_earlier_answers_within_reach(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts += [broken_off("One"), broken_off("Two"), saying("Three")]
    id = start(client, "My question")
    wait(services)
    first = reply_id(client, id)
    client.post(f"/replies/{first}/retry")
    wait(services)
    second = reply_id(client, id)
    assert [link.text for link in soup(client.get(f"/c/{id}")).select(".message a[href^='/replies/']")] == [
        "Earlier answer",
        "Show stream",
    ]
    client.post(f"/replies/{second}/retry")
    wait(services)

    third = reply_id(client, id)
    for page in (client.get(f"/c/{id}"), client.get(f"/replies/{third}", headers=HTMX)):
        links = {link.text: link["href"] for link in soup(page).select(f"#reply-{third}-footer a")}
        assert links["Earlier answer 1"] == f"/replies/{first}"
        assert links["Earlier answer 2"] == f"/replies/{second}"
    shown = soup(client.get(f"/replies/{first}"))
    assert [text.get_text(strip=True) for text in shown.select(".message__text, .message__body")] == [
        "My question",
        "One",
    ]
    assert not shown.select("form, [hx-get], [hx-post]")
    assert client.get(f"/replies/{third}").location == f"/c/{id}"


def test_shows_what_followed_an_earlier_answer(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts += [broken_off("One"), saying("Two"), saying("Other")]
    id = start(client)
    wait(services)
    first = reply_id(client, id)
    client.post(f"/c/{id}/messages", data={"text": "And then?", "nonce": "n2"})
    wait(services)
    client.post(f"/replies/{first}/retry")
    wait(services)

    shown = soup(client.get(f"/replies/{first}")).select(".message__text, .message__body")

    assert [text.get_text(strip=True) for text in shown] == ["Hello", "One", "And then?", "Two"]


def test_sends_no_words_of_htmx_in_prose(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying('<hx-partial hx-target="#r">x</hx-partial> [a](https://e.example "<hx-x>")'))
    claude.scripts[0].insert(3, go_on := Flag())
    id = reply_id(client, start(client))
    gevent.spawn_later(0.1, go_on.set)

    page = Page(id).take(client.get(f"/replies/{id}/stream").text)

    assert "<hx-partial" in page.text
    assert not page.body.select("hx-partial")
    assert not [tag for tag in page.body.select("*") if any(name.startswith("hx-") for name in tag.attrs)]


def test_says_how_many_pages_are_too_many_and_when_to_come_back(
    client: FlaskClient, services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    claude.scripts.append(growing(TextDelta(0, "One. "), Flag()))
    id = reply_id(client, start(client))
    monkeypatch.setattr(views, "MAX_READERS_OF_ONE", 1)
    with services.live.view(id, LOCAL_OWNER):
        refused = client.get(f"/replies/{id}/stream").text
    monkeypatch.setattr(views, "MAX_READERS", 0)
    refused_by_all = client.get(f"/replies/{id}/stream").text

    assert "Close some" in refused
    assert "than it can serve" in refused_by_all
    for answer in (refused, refused_by_all):
        assert re.search(r"^retry: [3-6]\d{3}$", answer, re.M)
        assert "event: done" not in answer


def test_clears_what_an_earlier_connection_said(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append(growing(TextDelta(0, "One. "), Flag()))
    id = reply_id(client, start(client))
    stream = client.get(f"/replies/{id}/stream", buffered=False)

    assert '<hx-partial hx-target="#w" hx-swap="textContent"></hx-partial>' in next(iter(stream.response)).decode()
    stream.close()


def test_takes_away_that_there_is_no_connection_and_no_other_notice(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts.append(growing(TextDelta(0, "One. And"), Flag()))
    id = reply_id(client, start(client))
    until_written(services, id, "And")
    said = BeautifulSoup(Path("static/offline.html").read_text(), "html.parser").p
    page, cursor = Page(id), ""
    for notice in (str(said), '<p class="notice">Another</p>'):
        page.tree.select_one("#notice").append(BeautifulSoup(notice, "html.parser"))
        stream = client.get(f"/replies/{id}/stream", headers={"Last-Event-ID": cursor}, buffered=False)
        page.take(next(iter(stream.response)).decode())
        stream.close()
        cursor = page.ids[-1]

    assert page.tree.select_one("#notice").text == "Another"


def test_sends_its_readers_away_one_by_one_when_it_has_to_go(
    client: FlaskClient, services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    claude.scripts.append(growing(TextDelta(0, "One. "), Flag()))
    id = reply_id(client, start(client))
    stays: list[tuple[float, float]] = []
    monkeypatch.setattr(frames.random, "uniform", lambda low, high: stays.append((low, high)) or low)

    services.is_alive = lambda: False
    ended = client.get(f"/replies/{id}/stream").text

    assert "event: leave" in ended
    assert "event: done" not in ended
    assert re.search(r"^retry: 300$", ended, re.M)
    assert (0, frames.LEAVE_S) in stays
