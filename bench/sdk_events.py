"""What one stream event costs: the SDK's plain stream against its accumulating helper, in one run."""

import json
from collections.abc import Callable
from time import process_time
from typing import Any

import anthropic
import httpx2

EVENTS = 5_000
ROUNDS = 5
REQUEST: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}


def event(kind: str, **fields: Any) -> bytes:
    """Write one event of the wire."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer every request with a reply of EVENTS deltas."""
    start_response("200 OK", [("content-type", "text/event-stream")])
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    message |= {"stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    delta = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "word "})
    return [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *[delta] * EVENTS,
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 9}),
        event("message_stop"),
    ]


def plain(client: anthropic.Anthropic) -> int:
    """Count the deltas of ``messages.create(stream=True)``."""
    return sum(event.type == "content_block_delta" for event in client.messages.create(stream=True, **REQUEST))


def helper(client: anthropic.Anthropic) -> int:
    """Count the deltas of ``messages.stream()``."""
    with client.messages.stream(**REQUEST) as stream:
        return sum(event.type == "content_block_delta" for event in stream)


def cost(read: Callable[[anthropic.Anthropic], int], client: anthropic.Anthropic) -> float:
    """Give the least CPU seconds an event took, of several rounds."""
    times = []
    for _ in range(ROUNDS):
        started = process_time()
        assert read(client) == EVENTS
        times.append((process_time() - started) / EVENTS)
    return min(times)


if __name__ == "__main__":
    client = anthropic.Anthropic(
        api_key="none",
        base_url="http://bench.invalid",
        http_client=httpx2.Client(transport=httpx2.WSGITransport(app=app)),
        open_telemetry=False,
    )
    low, high = cost(plain, client), cost(helper, client)
    print(f"messages.create(stream=True)  {low * 1e6:6.1f} µs an event")
    print(f"messages.stream()             {high * 1e6:6.1f} µs an event, {high / low:.1f} times as much")
