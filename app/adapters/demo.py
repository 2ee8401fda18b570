"""The demo Claude: a WSGI app that speaks the Messages API and says what it has by heart.

It is plugged into the real SDK, so that every byte of a demo goes through the same code as Claude's.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent

from app.adapters.demo_replies import example, reply_to

#: Pace of a real reply: seconds to the first token, and tokens a second.
FIRST_TOKEN_S = 0.5
TOKENS_PER_S = 60.0
_TOKEN = re.compile(r"\s*\S{1,4}|\s+")

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def demo_app(*, speed: float = 1.0, sleep: Callable[[float], object] = gevent.sleep) -> Wsgi:
    """Make the app; ``speed`` divides every wait."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/v1/models":
            start_response("200 OK", [("content-type", "application/json")])
            return [json.dumps({"data": [], "has_more": False, "first_id": None, "last_id": None}).encode()]
        try:
            request = json.loads(environ["wsgi.input"].read())
            text = _last_text(request)
        except (ValueError, KeyError, TypeError, IndexError):
            return _refuse(start_response)
        headers = [("request-id", f"req_demo{secrets.token_hex(8)}")]
        if request.get("stream"):
            start_response("200 OK", [("content-type", "text/event-stream; charset=utf-8"), *headers])
            return _stream(request, text, lambda seconds: sleep(seconds / speed))
        message = _whole(request, text)
        sleep((FIRST_TOKEN_S + message["usage"]["output_tokens"] / TOKENS_PER_S) / speed)
        start_response("200 OK", [("content-type", "application/json"), *headers])
        return [json.dumps(message).encode()]

    return app


def _last_text(request: dict[str, Any]) -> str:
    """Read the last message, and with it whether the request has what the API demands."""
    if not isinstance(request["model"], str) or not isinstance(request["max_tokens"], int):
        raise TypeError
    content = request["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return " ".join(str(block.get("text", "")) for block in content)


def _refuse(start_response: Callable[..., Any]) -> list[bytes]:
    error = {"type": "invalid_request_error", "message": "model, max_tokens and messages are required"}
    start_response("400 Bad Request", [("content-type", "application/json")])
    return [json.dumps({"type": "error", "error": error}).encode()]


def _said(request: dict[str, Any], text: str) -> tuple[str, str]:
    """Choose thoughts and reply; where a JSON Schema is to be followed, the smallest example of it."""
    schema = request.get("output_config", {}).get("format", {}).get("schema")
    return ("", json.dumps(example(schema))) if schema else reply_to(text)


def _stream(request: dict[str, Any], text: str, sleep: Callable[[float], object]) -> Iterator[bytes]:
    thinking, reply = _said(request, text)
    tokens = _TOKEN.findall(reply)
    message = _message(request) | {"content": [], "stop_reason": None}
    yield _event("message_start", message=message)
    yield _event("ping")
    sleep(FIRST_TOKEN_S)
    index = 0
    if thinking:
        yield from _thinking(thinking, sleep)
        index = 1
    yield _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
    for token in tokens[: request["max_tokens"]]:
        yield _event("content_block_delta", index=index, delta={"type": "text_delta", "text": token})
        sleep(1 / TOKENS_PER_S)
    yield _event("content_block_stop", index=index)
    whole = _whole(request, text)
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=delta, usage={"output_tokens": whole["usage"]["output_tokens"]})
    yield _event("message_stop")


def _thinking(thinking: str, sleep: Callable[[float], object]) -> Iterator[bytes]:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    yield _event("content_block_start", index=0, content_block=block)
    for token in _TOKEN.findall(thinking):
        yield _event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": token})
        sleep(1 / TOKENS_PER_S)
    signature = {"type": "signature_delta", "signature": "ZGVtbw=="}
    yield _event("content_block_delta", index=0, delta=signature)
    yield _event("content_block_stop", index=0)


def _whole(request: dict[str, Any], text: str) -> dict[str, Any]:
    thinking, reply = _said(request, text)
    tokens = _TOKEN.findall(reply)
    kept = tokens[: request["max_tokens"]]
    content: list[dict[str, Any]] = [{"type": "text", "text": "".join(kept)}]
    if thinking:
        content.insert(0, {"type": "thinking", "thinking": thinking, "signature": "ZGVtbw=="})
    message = _message(request)
    message["usage"]["output_tokens"] = len(kept) + len(_TOKEN.findall(thinking))
    stop_reason = "end_turn" if len(kept) == len(tokens) else "max_tokens"
    return message | {"content": content, "stop_reason": stop_reason}


def _message(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"msg_demo{secrets.token_hex(8)}",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "stop_sequence": None,
        "usage": {"input_tokens": 8 + len(json.dumps(request["messages"])) // 4, "output_tokens": 1},
    }


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
