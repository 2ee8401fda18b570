"""The chat page: plain forms and htmx, what comes back and what is kept."""

from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient
from gevent.event import Event as Flag

from app.adapters.db import Unreachable
from app.adapters.models import LOCAL_OWNER, Conversation
from app.chat import listing, views
from app.chat.live import LiveReply
from app.core.errors import NotFound
from app.core.events import BlockStart, MessageStart, TextDelta
from app.web import frames
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until_written
from tests.web.pages import HTMX, reply_id, soup, start, wait


def test_shows_a_composer_and_a_welcome(client: FlaskClient) -> None:
    page = soup(client.get("/"))

    assert page.select_one("form#composer")["action"] == "/conversations"
    assert page.select_one("textarea#prompt").has_attr("autofocus")
    assert page.select_one(".banner").text.startswith("Demo")


def test_answers_a_plain_form_with_a_redirect_to_the_growing_page(client: FlaskClient, services: Services) -> None:
    id = start(client, "Hi")
    wait(services)

    page = soup(client.get(f"/c/{id}"))

    assert page.select_one(".message--user").text.strip() == "Hi"
    assert page.select_one(".message--reply .prose").text.strip() == "Hello there."
    figures = page.select_one(".figures").text
    assert "claude-test" in figures
    assert "7 tokens" in figures
    assert "11 tokens" in figures


def test_answers_htmx_with_a_redirect_to_the_new_conversation(client: FlaskClient) -> None:
    response = client.post("/conversations", data={"text": "Hi", "nonce": "n"}, headers=HTMX)

    assert response.status_code == 204
    assert response.headers["HX-Redirect"].startswith("/c/")


def test_answers_htmx_with_the_message_and_the_growing_reply(client: FlaskClient, services: Services) -> None:
    id = start(client)
    wait(services)

    page = soup(client.post(f"/c/{id}/messages", data={"text": "More", "nonce": "n2"}, headers=HTMX))

    assert page.select_one(".message--user").text.strip() == "More"
    assert page.select_one("#conn")["hx-sse:connect"].startswith("/replies/")
    assert page.select_one("hx-partial[hx-target='#actions'] button").text == "Stop"
    assert page.select_one("hx-partial[hx-target='#composer-prompt'] textarea").text == ""


def test_loads_the_page_anew_where_it_misses_a_turn(client: FlaskClient, services: Services) -> None:
    id = start(client)
    wait(services)
    form = {"text": "From here", "nonce": "n3", "after": soup(client.get(f"/c/{id}")).select_one("#after")["value"]}
    client.post(f"/c/{id}/messages", data={"text": "From elsewhere", "nonce": "n2"})
    wait(services)

    response = client.post(f"/c/{id}/messages", data=form, headers=HTMX)
    wait(services)

    assert (response.status_code, response.headers["HX-Redirect"]) == (204, f"/c/{id}")
    shown = [text.text for text in soup(client.get(f"/c/{id}")).select(".message__text")]
    assert shown == ["Hello", "From elsewhere", "From here"]


def test_knows_after_each_answer_what_the_page_shows(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    id = start(client)
    wait(services)
    claude.scripts += [[RuntimeError("x")], saying("A limit", stop_reason="max_tokens")]
    after = soup(client.get(f"/c/{id}")).select_one("#after")["value"]
    answers = [client.post(f"/c/{id}/messages", data={"text": "b", "nonce": "2", "after": after}, headers=HTMX)]
    for what in ("retry", "continue"):
        wait(services)
        answers.append(client.post(f"/replies/{reply_id(client, id)}/{what}", headers=HTMX))
    wait(services)

    for answer in answers:
        after = soup(answer).select_one("hx-partial[hx-target='#after'] input")["value"]
        assert after == soup(answer).select_one(".message--reply")["id"].removeprefix("reply-")
    last = client.post(f"/c/{id}/messages", data={"text": "c", "nonce": "3", "after": after}, headers=HTMX)
    assert last.status_code == 200
    assert soup(last).select_one(".message--user").text.strip() == "c"


def test_makes_one_reply_of_a_form_posted_twice(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    assert start(client, nonce="same") == start(client, nonce="same")
    wait(services)

    assert len(claude.requests) == 1


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_refuses_an_empty_message_with_a_sentence(client: FlaskClient, headers: dict[str, str]) -> None:
    response = client.post("/conversations", data={"text": " ", "nonce": "n"}, headers=headers)

    assert response.status_code == 422
    assert "write a message first" in soup(response).select_one(".notice").text


def test_gives_a_plain_browser_its_text_back(client: FlaskClient) -> None:
    response = client.post("/conversations", data={"text": "Precious", "nonce": "n", "model": "foreign"})

    assert response.status_code == 422
    assert soup(response).select_one("#prompt").text == "Precious"


def test_keeps_the_text_of_a_message_sent_while_claude_answers(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append([Flag()])
    id = start(client)

    plain = client.post(f"/c/{id}/messages", data={"text": "Precious", "nonce": "n2"})
    htmx = client.post(f"/c/{id}/messages", data={"text": "Precious", "nonce": "n3"}, headers=HTMX)

    assert (plain.status_code, htmx.status_code) == (409, 409)
    assert soup(plain).select_one("#prompt").text == "Precious"
    assert soup(htmx).select("#prompt") == []


@pytest.mark.parametrize("path", ["/c/nothing", "/c/nothing/live", "/replies/nothing", "/nowhere"])
def test_answers_404_for_what_is_not_there(client: FlaskClient, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    page = soup(response)
    assert page.select_one("h1").text.endswith(".")
    assert page.title.text == f"{page.select_one('h1').text} · Rill"
    assert [link["href"] for link in page.select("main a")] == ["/"]


def test_leads_from_an_error_back_to_the_chat(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append([Flag()])
    id = start(client)

    for path in (f"/c/{id}/delete", f"/replies/{reply_id(client, id)}/retry"):
        response = client.post(path, data={"is_meant": "1"})
        back = soup(response).select_one("main a")
        assert response.status_code == 409
        assert back.text == "Back to the chat"
        assert client.get(back["href"], follow_redirects=True).request.path == f"/c/{id}"


def test_shows_everything_so_far_when_reloaded_in_mid_reply(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    growing = [MessageStart("c"), BlockStart(0, {"type": "text", "text": ""}), TextDelta(0, "So far.\n\nAnd")]
    claude.scripts.append([*growing, Flag()])
    id = start(client)
    until_written(services, reply_id(client, id), "And")

    page = soup(client.get(f"/c/{id}"))

    assert page.select_one(".message__body").text.split() == ["So", "far."]
    assert page.select_one("#actions button").text == "Stop"
    assert page.select_one("noscript meta")["content"] == f"0;url=/c/{id}/live"
    assert page.select_one(".chats__live")


def test_asks_for_the_list_again_while_a_chat_in_it_is_live(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    is_over = Flag()
    claude.scripts.append([is_over, *saying("Hello.")])
    live = start(client)

    assert not soup(client.get(f"/c/{live}")).select("#chats-list [hx-get]")
    asking = soup(client.get("/")).select_one("#chats-list [hx-get]")
    growing = soup(client.get(asking["hx-get"], headers=HTMX))
    is_over.set()
    wait(services)
    ended = soup(client.get(asking["hx-get"], headers=HTMX))

    assert "every 3s" in asking["hx-trigger"]
    assert growing.select_one(f"#chats-list a[href='/c/{live}'] .chats__live")
    assert growing.select_one("[hx-get]")
    assert ended.select_one(f"#chats-list a[href='/c/{live}']")
    assert not ended.select(".chats__live, [hx-get]")
    assert client.get("/chats").location == "/"


def test_turns_the_pages_of_the_list(client: FlaskClient, services: Services) -> None:
    oldest, open_now = start(client, "Hello", "n1"), start(client, "Hello", "n2")
    wait(services)
    later = [Conversation(owner_id=LOCAL_OWNER, title=str(n)) for n in range(listing.PAGE - 1)]
    services.db.write(lambda session: session.add_all(later))

    first = soup(client.get("/"))
    second = soup(client.get(first.select_one(".chats__turn a")["href"]))
    beside = soup(client.get(f"/c/{open_now}")).select_one(".chats__turn a")["href"]

    assert first.select_one(".chats__turn").text.split() == ["Older"]
    assert [link["href"] for link in second.select(".chats__link")] == [f"/c/{oldest}"]
    assert second.select_one(".chats__turn").text.split() == ["Latest"]
    assert beside.startswith(f"/c/{open_now}?before=")


def test_grows_in_a_page_without_scripts(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("One.\n\n", "Two.\n\n```py\nx = 1\n```"))
    id = start(client)

    page = soup(client.get(f"/c/{id}/live"))

    reply = page.select_one(".message--reply")
    for old in reply.select(".tail"):
        if old.find_next_siblings():
            old.decompose()
    assert reply.select_one(".prose").get_text(" ").split() == ["One.", "Two.", "py", "x", "=", "1"]
    assert "11 tokens" in reply.select_one(".figures").text
    assert page.select_one("#prompt")
    assert not page.select("#conn")


@pytest.mark.parametrize("why", ["too many", "away", "deleted", "leaving"])
def test_ends_a_page_without_scripts_with_a_sentence_where_it_cannot_follow(
    client: FlaskClient, services: Services, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    claude.scripts.append([*saying("Half ")[:3], Flag()])
    id = start(client)
    reply = reply_id(client, id)
    until_written(services, reply, "Half ")
    sentences = {
        "too many": "More pages are open",
        "away": "Away.",
        "deleted": "no such",
        "leaving": "the reply goes on",
    }
    if why == "too many":
        monkeypatch.setattr(views, "MAX_READERS", 0)
    elif why == "leaving":
        monkeypatch.setattr(frames, "PLAIN_LEAVE_S", 0.0)
        monkeypatch.setattr(services, "is_alive", lambda: False)
    else:
        error = Unreachable("Away.") if why == "away" else NotFound("There is no such reply.")
        monkeypatch.setattr(LiveReply, "refresh", Mock(side_effect=error))

    response = client.get(f"/c/{id}/live")
    page = soup(response)

    assert response.text.rstrip().endswith("</html>")
    assert sentences[why] in page.select_one(".message--reply .message__note").text
    assert page.select_one(".message__note a")["href"] == f"/c/{id}/live"
    assert (bool(page.select_one("#prompt")), page.select(".figures")) == (True, [])


def test_shows_hostile_text_as_text(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    claude.scripts.append(saying(evil))
    id = start(client, evil)
    wait(services)

    page = soup(client.get(f"/c/{id}"))

    assert page.select_one(".message__text").text == evil
    assert page.select_one(".message--reply .prose").text.strip() == evil
    assert [script["src"] for script in page.select("script")] != []
    assert not page.select("main script, main img")


def test_reads_as_often_for_many_messages_as_for_few(client: FlaskClient, services: Services) -> None:
    from sqlalchemy import Engine, event

    id = start(client)
    wait(services)
    counts = []
    for number in range(2):
        seen: list[str] = []
        listener = lambda *args: seen.append(args[2])  # noqa: E731,B023 - taken away again below
        event.listen(Engine, "before_cursor_execute", listener)
        client.get(f"/c/{id}")
        event.remove(Engine, "before_cursor_execute", listener)
        counts.append(len(seen))
        for turn in range(3):
            client.post(f"/c/{id}/messages", data={"text": "x", "nonce": f"{number}-{turn}"})
            wait(services)

    assert counts[0] == counts[1]


def test_offers_retry_for_a_failed_reply(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([RuntimeError("x")])
    id = start(client)
    wait(services)
    failed = reply_id(client, id)

    response = client.post(f"/replies/{failed}/retry")
    wait(services)

    assert response.status_code == 303
    assert soup(client.get(f"/c/{id}")).select_one(".message--reply .prose").text.strip() == "Hello there."


def test_goes_on_with_the_model_of_the_last_reply(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts.append([RuntimeError("x")])
    data = {"text": "Hello", "nonce": "n", "model": "claude-haiku-5-5"}
    id = client.post("/conversations", data=data).location.removesuffix("/live").removeprefix("/c/")
    wait(services)
    chosen = soup(client.get(f"/c/{id}")).select("#model [selected]")
    client.post(f"/replies/{reply_id(client, id)}/retry")
    wait(services)

    assert [option["value"] for option in chosen] == ["claude-haiku-5-5"]
    assert [request.model for request in claude.requests] == ["claude-haiku-5-5"] * 2


def test_offers_to_continue_a_reply_that_broke_off(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    broken = [MessageStart("c"), BlockStart(0, {"type": "text", "text": ""}), TextDelta(0, "One, two"), RuntimeError()]
    claude.scripts.append(broken)
    id = start(client)
    wait(services)
    labels = [button.text for button in soup(client.get(f"/c/{id}")).select(".message__footer button")]

    response = client.post(f"/replies/{reply_id(client, id)}/continue")
    wait(services)

    assert labels == ["Continue", "Retry"]
    assert response.status_code == 303
    texts = [message.get_text(" ", strip=True) for message in soup(client.get(f"/c/{id}")).select(".message")]
    assert texts[1].startswith("One, two")
    assert texts[2].startswith("Your reply broke off. Go on exactly where it stopped")
    assert texts[3].startswith("Hello there.")
    sent = claude.requests[-1].messages
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"] == [{"type": "text", "text": "One, two"}]


@pytest.mark.parametrize(
    ("script", "figures"),
    [
        (saying("Done."), "Input 7 tokens Output 11 tokens"),
        (saying("Cut", stop_reason="max_tokens"), "Input 7 tokens Output 11 tokens Ended length limit"),
        (
            [MessageStart("c", None, {"input_tokens": 1, "output_tokens": 1}), RuntimeError()],
            "Input 1 token Ended failed",
        ),
    ],
)
def test_says_of_a_reply_what_is_known_and_worth_saying(
    client: FlaskClient, services: Services, claude: ScriptedClaude, script: list[object], figures: str
) -> None:
    claude.scripts.append(script)
    id = start(client)
    wait(services)
    pairs = soup(client.get(f"/c/{id}")).select(".figures__pair")
    shown = [pair.get_text(" ", strip=True) for pair in pairs]

    assert " ".join(text for text in shown if text.startswith(("Input", "Output", "Ended"))) == figures


def test_offers_to_continue_at_the_length_limit(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts.append(saying("And so on", stop_reason="max_tokens"))
    id = start(client)
    wait(services)

    footer = soup(client.get(f"/c/{id}")).select_one(".message__footer")

    assert [button.text for button in footer.select("button")] == ["Continue"]
    assert "Press Continue" in footer.text


def test_continues_no_reply_after_which_the_conversation_has_gone_on(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    claude.scripts += [saying("One and", stop_reason="max_tokens"), saying("Two.")]
    id = start(client)
    wait(services)
    first = reply_id(client, id)
    client.post(f"/c/{id}/messages", data={"text": "Next", "nonce": "n2"})
    wait(services)

    refused = client.post(f"/replies/{first}/continue")

    assert refused.status_code == 409
    assert "has gone on since" in refused.text
    page = soup(client.get(f"/c/{id}"))
    assert "Two." in page.text
    assert [button.text for button in page.select(".message__footer button")] == []


@pytest.mark.parametrize(
    ("reason", "note"), [("max_tokens", "while Claude was thinking"), ("end_turn", "without a word")]
)
def test_offers_to_ask_again_where_there_is_no_word(
    client: FlaskClient, services: Services, claude: ScriptedClaude, reason: str, note: str
) -> None:
    claude.scripts.append(saying("\n\n", stop_reason=reason))
    id = start(client)
    wait(services)
    footer = soup(client.get(f"/c/{id}")).select_one(".message__footer")

    assert [button.text for button in footer.select("button")] == ["Retry"]
    assert note in footer.text
    client.post(f"/c/{id}/messages", data={"text": "Well?", "nonce": "n2"})
    wait(services)
    assert [message["role"] for message in claude.requests[-1].messages] == ["user"]


def test_continues_nothing_where_nothing_is(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([RuntimeError("x")])
    id = start(client)
    wait(services)

    assert [b.text for b in soup(client.get(f"/c/{id}")).select(".message__footer button")] == ["Retry"]
    assert client.post(f"/replies/{reply_id(client, id)}/continue").status_code == 422
    assert client.post("/replies/nothing/continue").status_code == 404


@pytest.mark.parametrize(
    "path", ["/conversations", "/c/{id}/messages", "/replies/{reply}/retry", "/replies/{reply}/continue"]
)
def test_takes_no_new_replies_while_the_server_leaves(client: FlaskClient, services: Services, path: str) -> None:
    id = start(client)
    reply = reply_id(client, id)
    wait(services)
    services.runner.refuse()

    response = client.post(path.format(id=id, reply=reply), data={"text": "Precious", "nonce": "n"})

    assert response.status_code == 503
    assert "Rill is restarting" in response.text
    assert len(soup(client.get(f"/c/{id}")).select(".message")) == 2
