"""POST /api/chat, to the byte: frames, forms, fields, and what is sent to Claude for them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event as Flag
from werkzeug.test import TestResponse

from app.adapters.models import Conversation, User
from app.core.events import BlockStart, MessageStart, TextDelta
from app.core.request import WHOLE_TOKENS
from app.web import api
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.waiting import until
from tests.web.pages import soup, wait

USAGE = {"input_tokens": 7, "output_tokens": 11}
DONE = b"data: [DONE]\n\n"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def post(client: FlaskClient, accept: str | None = None, **fields: Any) -> TestResponse:
    headers = {"Accept": accept} if accept else {}
    return client.post("/api/chat", json={"message": "Hi", **fields}, headers=headers)


def frames(response: TestResponse) -> list[bytes]:
    """Cut a stream into its frames, each with its end."""
    *found, rest = response.data.split(b"\n\n")
    assert rest == b""
    return [frame + b"\n\n" for frame in found]


def test_streams_each_piece_of_text_then_the_figures_and_the_end(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("Streams ", 'carry "what"\n', "caf\u00e9 \u2028 \N{GRINNING FACE}"))

    response = post(client)

    assert response.status_code == 200
    *texts, figures, done = frames(response)
    assert texts == [
        b'data: {"text": "Streams "}\n\n',
        b'data: {"text": "carry \\"what\\"\\n"}\n\n',
        'data: {"text": "caf\u00e9 \u2028 \N{GRINNING FACE}"}\n\n'.encode(),
    ]
    assert figures.startswith(b'data: {"usage": {')
    assert json.loads(figures[6:]) == {
        "usage": USAGE,
        "model": "claude-test",
        "stop_reason": "end_turn",
        "id": json.loads(figures[6:])["id"],
    }
    assert done == DONE


def test_says_that_nothing_between_may_hold_it_back(client: FlaskClient) -> None:
    headers = post(client).headers

    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"].startswith("no-cache")
    assert headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in headers


def test_gives_the_bare_text(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("caf\u00e9 ", "\N{GRINNING FACE}"))

    response = post(client, "text/plain")

    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.data == "caf\u00e9 \N{GRINNING FACE}".encode()


def test_gives_the_text_that_a_block_came_with(client: FlaskClient, claude: ScriptedClaude) -> None:
    script = [*saying()[:1], BlockStart(0, {"type": "text", "text": "Say "}), *saying("hello")[2:]]
    claude.scripts += [script, script, script]

    assert frames(post(client))[:2] == [b'data: {"text": "Say "}\n\n', b'data: {"text": "hello"}\n\n']
    assert post(client, "text/plain").data == b"Say hello"
    assert post(client, "application/json").json["text"] == "Say hello"


@pytest.mark.parametrize(("accept", "fields"), [("application/json", {}), (None, {"stream": False})])
def test_gives_the_whole_reply_at_once(
    client: FlaskClient, claude: ScriptedClaude, accept: str | None, fields: dict[str, Any]
) -> None:
    response = post(client, accept, **fields)

    assert response.mimetype == "application/json"
    assert response.json == {
        "text": "Hello there.",
        "usage": USAGE,
        "model": "claude-test",
        "stop_reason": "end_turn",
        "id": response.json["id"],
    }
    assert claude.requests[0].is_streamed is False


def test_asks_for_a_stream_where_the_sdk_demands_one(make_app: Callable[..., Flask], claude: ScriptedClaude) -> None:
    client = make_app(RILL_MAX_TOKENS="30000").test_client()

    assert post(client, stream=False, max_tokens=WHOLE_TOKENS + 1).json["text"] == "Hello there."
    assert post(client, stream=False, max_tokens=WHOLE_TOKENS).json["text"] == "Hello there."

    assert [request.is_streamed for request in claude.requests] == [True, False]


@pytest.mark.parametrize(
    ("accept", "fields", "kind"),
    [
        ("*/*", {}, "text/event-stream"),
        ("text/*", {}, "text/event-stream"),
        ("text/html", {}, "text/event-stream"),
        ("text/event-stream, application/json", {}, "text/event-stream"),
        ("text/plain, */*;q=0.1", {}, "text/plain"),
        ("text/plain; charset=utf-8", {}, "text/plain"),
        ("text/plain;charset=UTF-8;q=0.5, application/json;q=0.9", {}, "application/json"),
        ('Application/JSON; profile="x"', {}, "application/json"),
        ("application/json", {"stream": True}, "text/event-stream"),
        ("text/plain", {"stream": False}, "application/json"),
        ("text/plain", {"events": True}, "text/event-stream"),
    ],
)
def test_chooses_the_form(client: FlaskClient, accept: str, fields: dict[str, Any], kind: str) -> None:
    assert post(client, accept, **fields).mimetype == kind


def test_sends_what_was_asked_to_claude(make_app: Callable[..., Flask], claude: ScriptedClaude) -> None:
    client = make_app(RILL_API_SYSTEM="1").test_client()
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    fields = {"messages": messages, "system": "Be brief.", "model": "claude-opus-5-5", "max_tokens": 9}

    assert client.post("/api/chat", json={**fields, "effort": "low", "thinking": "adaptive"}).status_code == 200

    [request] = claude.requests
    assert (request.messages, request.system, request.model) == (messages, "Be brief.", "claude-opus-5-5")
    assert (request.max_tokens, request.effort, request.thinking) == (9, "low", "adaptive")


def test_passes_on_what_is_shown_of_thoughts(client: FlaskClient, claude: ScriptedClaude) -> None:
    post(client, thinking={"type": "adaptive", "display": "omitted"}).close()
    post(client, thinking="adaptive").close()

    assert [request.display for request in claude.requests] == ["omitted", "summarized"]


def test_caps_max_tokens(client: FlaskClient, claude: ScriptedClaude) -> None:
    post(client, max_tokens=10**9).close()

    assert claude.requests[0].max_tokens == 8192


def test_sends_the_operators_prompt(make_app: Callable[..., Flask], claude: ScriptedClaude) -> None:
    client = make_app(RILL_SYSTEM_PROMPT="Ours.").test_client()

    assert post(client).status_code == 200
    response = post(client, system="Theirs.")

    assert claude.requests[0].system == "Ours."
    assert (response.status_code, response.json["error"]["type"]) == (403, "permission_error")
    assert "RILL_API_SYSTEM" in response.json["error"]["message"]
    assert len(claude.requests) == 1


def test_gives_the_object_that_follows_a_schema(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying('{"n"', ": 3}"))

    response = post(client, schema=SCHEMA)

    assert response.json["parsed"] == {"n": 3}
    assert response.json["text"] == '{"n": 3}'
    assert claude.requests[0].schema == SCHEMA


@pytest.mark.parametrize(
    ("stop_reason", "status", "part"),
    [("max_tokens", 422, "max_tokens"), ("refusal", 422, "declined"), ("end_turn", 503, "does not follow the schema")],
)
def test_says_why_there_is_no_object(
    client: FlaskClient, claude: ScriptedClaude, stop_reason: str, status: int, part: str
) -> None:
    claude.scripts.append(saying('{"n"', stop_reason=stop_reason))

    response = post(client, schema=SCHEMA)

    assert response.status_code == status
    assert part in response.json["error"]["message"]


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ('{"n": NaN}', SCHEMA),
        ('{"n": 1e999}', SCHEMA),
        ("[" * 3_000 + "]" * 3_000, {"type": "array"}),
        ('{"m": 1}', SCHEMA),
        ('"n"', SCHEMA),
    ],
)
def test_gives_no_object_that_does_not_follow(
    client: FlaskClient, claude: ScriptedClaude, text: str, schema: dict[str, Any]
) -> None:
    claude.scripts.append(saying(text))

    response = post(client, schema=schema)

    assert (response.status_code, response.json["error"]["type"]) == (503, "api_error")
    assert "does not follow the schema" in response.json["error"]["message"]


def test_gives_no_object_of_a_refusal(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying('{"n": 3}', stop_reason="refusal"))

    response = post(client, schema=SCHEMA)

    assert response.status_code == 422
    assert "declined" in response.json["error"]["message"]


def test_an_object_may_hold_half_a_surrogate_pair(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying('{"n": "\\ud800"}'))

    assert post(client, schema=SCHEMA).json["parsed"] == {"n": "\ufffd"}


def test_gives_the_six_events_as_claude_sent_them(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append(saying("Hello"))

    found = frames(post(client, events=True))

    named = [frame.split(b"\n")[0].decode().removeprefix("event: ") for frame in found if frame.startswith(b"event: ")]
    assert named == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    delta = b'{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}'
    at = found.index(b"event: content_block_delta\ndata: " + delta + b"\n\n")
    assert found[at + 1] == b'data: {"text": "Hello"}\n\n'
    assert found[-1] == DONE


def test_gives_message_start_before_there_is_a_word(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append([MessageStart("claude-test"), Flag()])

    response = client.post("/api/chat", json={"message": "Hi", "events": True}, buffered=False)

    assert next(iter(response.response)).startswith(b"event: message_start\ndata: {")
    response.close()


def test_begins_a_conversation_that_shows_on_the_page(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    start, block, *_texts, stop, delta, end = saying("")
    texts = [TextDelta(0, "Hello", "520:5 "), TextDelta(0, " there.", "540:7 ")]
    claude.scripts.append([start, block, *texts, stop, delta, end])

    *texts, figures, done = frames(post(client, conversation="new"))
    wait(services)

    about = json.loads(figures[6:])
    assert [text for text in texts if text != b":\n\n"] == [
        b'data: {"text": "Hello"}\n\n',
        b'data: {"text": " there."}\n\n',
    ]
    assert done == DONE
    page = soup(client.get(f"/c/{about['conversation']}"))
    assert "Hi" in page.select_one(".message--user").get_text()
    assert "Hello there." in page.select_one(f"#reply-{about['reply']}").get_text()


def test_goes_on_with_a_conversation(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    first = post(client, "application/json", conversation="new").json
    wait(services)
    second = post(client, "application/json", message="And then?", conversation=first["conversation"]).json

    assert second["conversation"] == first["conversation"]
    assert second["text"] == "Hello there."
    assert [(message["role"]) for message in claude.requests[1].messages] == ["user", "assistant", "user"]


def test_does_not_know_the_conversations_of_others(client: FlaskClient, services: Services) -> None:
    def put(session: Any) -> None:
        session.add(User(id="other", name="Other"))
        session.flush()
        session.add(Conversation(id="f" * 32, owner_id="other", title="Theirs"))

    services.db.write(put)

    for id in ("f" * 32, "0" * 32, "", "../x"):
        response = post(client, conversation=id)
        assert (response.status_code, response.json["error"]["type"]) == (404, "not_found_error")


def test_a_conversation_takes_one_message_at_a_time(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    first = post(client, "application/json", conversation="new").json
    wait(services)
    flag = Flag()
    claude.scripts.append([flag, *saying("End.")])
    client.post(f"/c/{first['conversation']}/messages", data={"text": "On the page", "nonce": "n9"})

    response = post(client, conversation=first["conversation"])
    flag.set()
    wait(services)

    assert (response.status_code, response.json["error"]["type"]) == (409, "conflict_error")


def test_is_silent_for_ten_seconds_at_most(
    client: FlaskClient, claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "FIRST_S", 0.02)
    monkeypatch.setattr(api, "BEAT_S", 0.02)
    one, two = Flag(), Flag()
    opening = [MessageStart("claude-test"), BlockStart(0, {"type": "text", "text": ""})]
    claude.scripts.append([one, *opening, TextDelta(0, "Hello"), two, *saying("!")[2:]])

    pieces = iter(post(client).response)
    assert [next(pieces), next(pieces)] == [b":\n\n", b":\n\n"]
    one.set()
    came = b""
    while b"Hello" not in came:
        came = next(pieces)
    assert next(pieces) == b":\n\n"
    two.set()
    rest = b"".join(pieces)

    assert rest.replace(b":\n\n", b"").startswith(b'data: {"text": "!"}\n\ndata: {"usage"')
    assert rest.endswith(DONE)


def test_the_end_of_the_answer_ends_the_call(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    claude.scripts.append([*saying("Hello")[:3], Flag()])

    response = client.post("/api/chat", json={"message": "Hi"}, buffered=False)
    assert next(iter(response.response)) == b'data: {"text": "Hello"}\n\n'
    assert services.directs.running == 1
    response.close()

    until(lambda: not services.directs.running)
    assert claude.closed == 1
