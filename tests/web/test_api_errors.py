"""What programs are told when something is wrong: the status, the field, when to try again; how a stream breaks."""

import json
import re
from collections.abc import Callable
from typing import Any, get_args

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event as Flag
from werkzeug.test import TestResponse

from app.chat import direct
from app.core.errors import Kind, RillError, TooMany, Upstream
from app.core.events import BlockStart, MessageStart, Retrying, Void
from app.web import api, api_errors, auth
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying


def error(response: TestResponse, status: int) -> dict[str, Any]:
    """Give the error of an answer that is nothing but an error."""
    assert response.status_code == status, response.data
    assert response.mimetype == "application/json"
    assert set(response.json) == {"error"}
    assert set(response.json["error"]) <= {"type", "message", "retry_after"}
    return dict(response.json["error"])


def ask(client: FlaskClient, **fields: Any) -> TestResponse:
    return client.post("/api/chat", json={"message": "Hi", **fields})


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"mesage": "Hi"}, "mesage"),
        ({"message": 3}, "message"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"model": "gpt"}, "model"),
        ({"model": ""}, "model"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.type"),
        ({"stream": False, "events": True}, "events"),
    ],
)
def test_400_names_the_field(client: FlaskClient, claude: ScriptedClaude, fields: dict[str, Any], name: str) -> None:
    found = error(ask(client, **fields), 400)

    assert found["type"] == "invalid_request_error"
    assert name in found["message"]
    assert claude.requests == []


def test_400_for_what_is_no_json(client: FlaskClient) -> None:
    response = client.post("/api/chat", data="{", content_type="application/json")

    assert "not JSON" in error(response, 400)["message"]


def test_401_is_written_as_anthropic_does(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class SignedOut(RillError):
        status = 401

    def refuse() -> str:
        raise SignedOut("Sign in.")

    monkeypatch.setattr(auth, "owner", refuse)

    assert error(ask(client, conversation="new"), 401) == {"type": "authentication_error", "message": "Sign in."}


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://a.example"}, {"Origin": "null"}])
def test_403_from_elsewhere(client: FlaskClient, claude: ScriptedClaude, headers: dict[str, str]) -> None:
    response = client.post("/api/chat", json={"message": "Hi"}, headers=headers)

    assert error(response, 403)["type"] == "permission_error"
    assert claude.requests == []


@pytest.mark.parametrize("path", ["/api/nothing", "/api/chat/x", "/api/"])
def test_404_for_what_is_not_there(client: FlaskClient, path: str) -> None:
    assert error(client.get(path), 404)["type"] == "not_found_error"


def test_405_says_what_is_allowed(client: FlaskClient) -> None:
    response = client.get("/api/chat")

    assert error(response, 405)["type"] == "invalid_request_error"
    assert "POST" in response.headers["Allow"]


def test_413_for_what_is_too_large(client: FlaskClient) -> None:

    assert error(ask(client, message="x" * api.MAX_BODY), 413)["type"] == "request_too_large"


def test_takes_conversations_larger_than_a_form(client: FlaskClient, claude: ScriptedClaude) -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "A" * 5_000_000}
    content = [{"type": "image", "source": picture}, {"type": "text", "text": "What is this?"}]

    response = client.post("/api/chat", json={"messages": [{"role": "user", "content": content}]})

    assert response.status_code == 200
    assert claude.requests[0].messages[0]["content"] == content


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_415_for_what_is_not_sent_as_json(client: FlaskClient, kind: str | None) -> None:
    response = client.post("/api/chat", data=b'{"message": "Hi"}', content_type=kind)

    assert "Content-Type: application/json" in error(response, 415)["message"]


@pytest.mark.parametrize("text", ["", "  \n", "x" * 200_001])
def test_422_for_an_empty_or_endless_message(client: FlaskClient, text: str) -> None:
    error(ask(client, message=text), 422)
    error(ask(client, message=text, conversation="new"), 422)


def test_429_for_too_many(client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise TooMany("Three at a time.")

    monkeypatch.setattr(services.runner, "check", refuse)

    assert error(ask(client), 429) == {"type": "rate_limit_error", "message": "Three at a time."}


@pytest.mark.parametrize("fields", [{}, {"stream": False}, {"events": True}, {"conversation": "new"}])
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("rate_limit_error", 429, "rate_limit_error"),
        ("overloaded_error", 529, "overloaded_error"),
        ("invalid_request_error", 400, "invalid_request_error"),
        ("context_too_long", 400, "invalid_request_error"),
        ("not_found_error", 404, "not_found_error"),
        ("request_too_large", 413, "request_too_large"),
        ("authentication_error", 503, "api_error"),
        ("connect", 503, "api_error"),
        ("timeout", 503, "api_error"),
    ],
)
def test_what_claude_says_first_becomes_the_status(
    client: FlaskClient, claude: ScriptedClaude, fields: dict[str, Any], code: str, status: int, kind: str
) -> None:
    begun = [] if "events" in fields else [MessageStart("m"), Void(BlockStart(0, {"type": "text"}))]
    claude.scripts.append([*begun, Retrying(1, 3, 0.1, "x"), *begun, Upstream(code, "No.")])

    found = error(ask(client, **fields), status)
    assert found["type"] == kind
    assert (found["message"] == "No.") == ("conversation" in fields)  # what is stored has the sentence of the page


@pytest.mark.parametrize("kind", get_args(Kind))
def test_tells_programs_of_no_page(client: FlaskClient, claude: ScriptedClaude, kind: Kind) -> None:
    claude.scripts.append([Upstream("connect", "Your message is kept: press Retry.", kind=kind)])

    message = ask(client).json["error"]["message"]

    assert message.endswith(".")
    assert not re.search("Retry|kept|chat|page", message)


def test_passes_on_what_claude_says_of_the_request(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append([Upstream("invalid_request_error", "No.", kind="request", said="max_tokens: too many")])

    assert error(ask(client), 400)["message"] == "Claude could not accept the request. It said: max_tokens: too many"


@pytest.mark.parametrize("fields", [{}, {"stream": False}, {"conversation": "new"}])
def test_retry_after_is_in_whole_seconds(client: FlaskClient, claude: ScriptedClaude, fields: dict[str, Any]) -> None:
    claude.scripts.append([Upstream("rate_limit_error", "Slow down.", retry_after_s=2.1)])

    response = ask(client, **fields)

    assert error(response, 429)["retry_after"] == 3
    assert response.headers["Retry-After"] == "3"


def test_503_while_too_many_programs_ask(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "MAX_CALLS", 0)

    assert error(ask(client), 503)["type"] == "api_error"
    assert services.directs.running == 0


def test_500_for_a_mistake_of_ours(client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.runner, "check", lambda: 1 // 0)

    assert error(ask(client), 500)["type"] == "api_error"


@pytest.mark.parametrize("fields", [{}, {"events": True}, {"conversation": "new"}])
def test_a_stream_that_breaks_off_ends_with_the_error(
    client: FlaskClient, claude: ScriptedClaude, fields: dict[str, Any]
) -> None:
    claude.scripts.append([*saying("This much")[:3], Upstream("overloaded_error", "Busy.", retry_after_s=5)])

    response = ask(client, **fields)

    assert response.status_code == 200
    written = response.data.replace(b":\n\n", b"")
    assert b'data: {"text": "This much"}\n\n' in written
    *_rest, last, end = written.split(b"\n\n")
    assert end == b""
    assert json.loads(last.removeprefix(b"data: "))["error"] == {
        "type": "overloaded_error",
        "message": "Busy." if "conversation" in fields else "Claude is busy, and asks to wait 5 s. Try later.",
        "retry_after": 5,
    }
    assert b"[DONE]" not in written
    assert b'"usage": {"input_tokens": 7, "output_tokens": 11}' not in written


def test_bare_text_that_breaks_off_is_cut(client: FlaskClient, claude: ScriptedClaude) -> None:
    claude.scripts.append([*saying("This much")[:3], gevent_pause(), Upstream("overloaded_error", "Busy.")])
    response = client.post("/api/chat", json={"message": "Hi"}, headers={"Accept": "text/plain"}, buffered=False)

    written: list[bytes] = []
    with pytest.raises(BrokenPipeError):
        written.extend(iter(response.response))

    assert b"".join(written) in (b"", b"This much")


def gevent_pause() -> Flag:
    """Give a flag that is set soon."""
    flag = Flag()
    gevent.spawn_later(0.05, flag.set)
    return flag


def test_a_restart_ends_a_stream_with_an_error(
    make_app: Callable[..., Flask], claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PLAIN_LEAVE_S", 0)
    monkeypatch.setattr(api, "BEAT_S", 0.02)
    app = make_app()
    claude.scripts.append([*saying("This much")[:3], Flag()])
    services: Services = app.extensions["rill"]
    alive = Flag()
    alive.set()
    services.is_alive = alive.is_set
    response = app.test_client().post("/api/chat", json={"message": "Hi"}, buffered=False)
    pieces = iter(response.response)
    assert next(pieces) == b'data: {"text": "This much"}\n\n'

    alive.clear()
    with gevent.Timeout(20):
        rest = b"".join(pieces)

    assert b'data: {"error": {"type": "api_error", "message": "Rill is restarting.' in rest
    assert b"[DONE]" not in rest


def test_every_status_has_a_type() -> None:
    kinds = {status: api_errors.body(status, "x")["error"]["type"] for status in (400, 401, 403, 404, 413, 429, 529)}

    assert kinds == {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
