"""A Messages API that means harm: markup in every field of every event, and events that nobody knows."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.claude import CUT, SSE, Answer, closing, delta, event, failing, opening

#: What would show, were it ever taken for markup: in the title, in the log of requests, or as a dialog.
MARKUP = (
    "\"'><img src=https://away.example/owned onerror=alert('owned')><script>alert('owned')</script>"
    "<hx-partial hx-target='#log'>owned</hx-partial><p hx-get=/owned hx-trigger=load>"
)
TEXT = {"type": "text", "text": ""}
USAGE = {"input_tokens": MARKUP, "output_tokens": MARKUP, "service_tier": MARKUP, MARKUP: MARKUP}


def _message(**fields: Any) -> dict[str, Any]:
    message = {"id": MARKUP, "type": MARKUP, "role": MARKUP, "model": MARKUP, "content": []}
    return {**message, "stop_reason": None, "stop_sequence": MARKUP, "usage": {"input_tokens": 1}, **fields}


def _between(*bodies: bytes) -> Answer:
    """Put events into a reply that is otherwise in order."""
    return Answer([*opening(), delta("Before. "), *bodies, delta("After."), *closing()])


def _named(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


UNKNOWN = [
    event(kind, code="alert('owned')", script=MARKUP, html=MARKUP, data={"code": MARKUP})
    for kind in (
        "execute",
        "execute:tool",
        "script",
        "html",
        "replace",
        "message",
        "hx-partial",
        "close",
        "open",
        "citation",
    )
]
RAW = [
    b"event: execute\ndata: alert('owned')\n\n",
    b'data: {"type":"execute","code":"alert(1)"}\n\n',
    b'id: <script>\nretry: 1\nevent: done\ndata: {"type": "done"}\n\n',
    b": <script>alert('owned')</script>\n\n",
    _named(MARKUP, '{"type": "nothing"}'),
]
CITED = [
    event("content_block_delta", index=0, delta=piece)
    for piece in (
        {"type": "citations_delta", "citation": 7},
        {"type": "input_json_delta", "partial_json": 7},
        {"type": "beam"},
        {"type": "text_delta", "text": "Hello"},
    )
]
FIELDS = {
    "start": [event("message_start", message=_message()), event("content_block_start", index=0, content_block=TEXT)],
    "usage": [
        event("message_start", message=_message(usage=USAGE)),
        event("content_block_start", index=0, content_block=TEXT),
    ],
}


def answers() -> Iterator[tuple[str, Answer]]:
    """Give every answer, with a name for it."""
    for number, sent in enumerate(UNKNOWN):
        yield f"unknown-{number}", _between(sent)
    for number, sent in enumerate(RAW):
        yield f"raw-{number}", _between(sent)
    for name, head in FIELDS.items():
        yield name, Answer([*head, delta("Hello"), *closing()])
    for kind in (
        MARKUP,
        "tool_use",
        "server_tool_use",
        "web_search_tool_result",
        "image",
        "redacted_thinking",
        "thinking",
    ):
        block = {"type": kind, "id": MARKUP, "name": MARKUP, "input": {MARKUP: MARKUP}, "content": MARKUP}
        block |= {
            "thinking": MARKUP,
            "signature": MARKUP,
            "source": {"type": "url", "url": "https://away.example/owned"},
        }
        yield f"block-{kind[:8]}", Answer([*opening(block), *closing()])
    for kind in ("citations_delta", "input_json_delta", "signature_delta", MARKUP):
        piece = {"type": kind, "citation": {"url": "javascript:alert(1)", "title": MARKUP}, "partial_json": MARKUP}
        yield f"delta-{kind[:8]}", _between(event("content_block_delta", index=0, delta={**piece, "signature": MARKUP}))
    yield "stop", Answer([*opening(), delta("Hello"), *closing(stop_reason=MARKUP)])
    details = {"stop_reason": "refusal", "stop_details": {"type": MARKUP, "explanation": MARKUP, "category": MARKUP}}
    ending = [event("message_delta", delta=details, usage=USAGE), event("message_stop")]
    yield "refusal", Answer([*opening(), delta("Hello"), *ending])
    yield "index", _between(event("content_block_delta", index=MARKUP, delta={"type": "text_delta", "text": MARKUP}))
    for value in (None, 7, [], {"a": MARKUP}):
        yield (
            f"text-{value}",
            _between(event("content_block_delta", index=0, delta={"type": "text_delta", "text": value})),
        )
    yield "null", _between(b"event: content_block_delta\ndata: null\n\n")
    yield "list", _between(b"event: content_block_delta\ndata: [1]\n\n")
    yield "deep", _between(b"event: content_block_delta\ndata: " + b"[" * 50_000 + b"\n\n")
    yield from _odd()
    yield "no-json", _between(b"event: content_block_delta\ndata: " + MARKUP.encode() + b"\n\n")
    for status in (400, 401, 403, 404, 413, 422, 429, 500, 529):
        yield f"status-{status}", failing(status, MARKUP, MARKUP, code=MARKUP)
    yield "error", Answer([*opening(), delta("Hello"), event("error", error={"type": MARKUP, "message": MARKUP})])
    headers = {**SSE, "request-id": MARKUP, "x-request-id": MARKUP, "content-type": "text/event-stream; <script>"}
    yield "headers", Answer([*opening(), delta("Hello"), *closing()], headers=headers)
    yield "page", Answer([MARKUP.encode()], headers={"content-type": "text/html", "location": "javascript:alert(1)"})
    yield "moved", Answer([], 307, {"location": "https://away.example/owned"})
    yield "cut", Answer([*opening(), delta(MARKUP), CUT])


def _odd() -> Iterator[tuple[str, Answer]]:
    """Give blocks that cannot be written down, read again or joined as they are."""
    nested = json.loads("[" * 150 + "]" * 150)
    yield "nested", Answer([*opening({"type": "tool_use", "input": nested}), *closing()])
    yield "half", Answer([*opening({"type": "tool_use\ud800", "input": {"a": "\udc00"}}), *closing()])
    yield "citations", Answer([*opening({**TEXT, "citations": 5, "deltas": 5}), *CITED, *closing()])
