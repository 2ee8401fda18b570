"""The wire: bounds on what a server may send, and the SDK's objects as our events."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, TypeVar, cast

import anthropic
import httpx2

from app.adapters.claude_errors import NotAReply, TooLarge, an_id
from app.adapters.gathering import Gathering
from app.adapters.pulse import Pulse
from app.core import wire
from app.core.events import (
    BlockStart,
    BlockStop,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    TextDelta,
    ThinkingDelta,
)
from app.core.request import MessagesRequest
from app.core.sse import decode
from app.core.text import from_json, storable

#: A count of tokens at or above this is nonsense.
_MOST_TOKENS = 10**12
_T = TypeVar("_T")
_ENCODING = re.compile("[a-z]{1,20}")
_TYPE = re.compile(r"[a-z]{1,20}/[a-z.+-]{1,40}(; ?charset=[\w-]{1,20})?")


@dataclass(frozen=True, slots=True)
class Limits:
    """Watchdogs, in seconds and bytes, and how many calls run at once."""

    first_event_s: float = 60
    event_gap_s: float = 300
    total_s: float = 900
    text_bytes: int = 2_000_000
    event_bytes: int = 8_000_000
    total_bytes: int = 64_000_000
    calls: int = 750


class Meter(httpx2.SyncByteStream):
    """Passes a response body on, and raises TooLarge past a size without an event, or in all.

    The SDK itself buffers a line without bound. Once text flows it is left to gather.
    """

    def __init__(self, stream: Any, event_bytes: int, total_bytes: int, *, gathering: Gathering | None = None) -> None:
        self._stream = stream
        self._event_bytes, self._total_bytes = event_bytes, total_bytes
        self._gathering = gathering

    def __iter__(self) -> Iterator[bytes]:
        total, since_event, gathering = 0, 0, self._gathering
        for chunk in self._stream:
            total += len(chunk)
            end = max(chunk.rfind(b"\n\n"), chunk.rfind(b"\n\r\n"))
            since_event = since_event + len(chunk) if end < 0 else len(chunk) - end
            if total > self._total_bytes or since_event > self._event_bytes:
                raise TooLarge
            yield chunk
            if gathering and b"content_block_delta" in chunk:
                gathering.is_flowing, gathering = True, None

    def close(self) -> None:
        """Close the connection's side of it."""
        if self._gathering:
            self._gathering.end()
        self._stream.close()


def timeouts(read_s: float) -> httpx2.Timeout:
    """Give how long each step of a request may take, in seconds; ``read_s`` is the wait for the next bytes."""
    return httpx2.Timeout(connect=5, write=30, pool=5, read=read_s)


def http_client(app: Any, *, connections: int, meter: tuple[int, int], pulse: Pulse) -> httpx2.Client:
    """Make the client the SDK sends with; a WSGI ``app`` is called in place of a network.

    ``meter`` is the most bytes without an event, and in all. Redirects are not followed: the prompt would be posted
    again to wherever they lead.
    """

    def measure(response: httpx2.Response) -> None:
        if (encoding := response.headers.get("content-encoding", "identity")) != "identity":
            raise NotAReply(encoding if _ENCODING.fullmatch(encoding) else "")  # a few bytes could become gigabytes
        gathering = Gathering.of(response.extensions.get("network_stream"), pulse)
        response.stream = Meter(response.stream, *meter, gathering=gathering)

    plain = {"Accept-Encoding": "identity"}
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [measure]}
    timeout = timeouts(60)
    if app is not None:
        return httpx2.Client(transport=httpx2.WSGITransport(app=app), timeout=timeout, event_hooks=hooks, headers=plain)
    limits = httpx2.Limits(max_connections=connections + 20, max_keepalive_connections=20)
    return anthropic.DefaultHttpxClient(
        follow_redirects=False, limits=limits, timeout=timeout, event_hooks=hooks, headers=plain
    )


def params(request: MessagesRequest, options: dict[str, Any], *, thinking_off: str | None = None) -> dict[str, Any]:
    """Write a request as the SDK's parameters, all but whether it is streamed.

    ``thinking_off`` is the type of ``thinking`` that its model takes for none; without one the field is left out.
    """
    found = {"model": request.model, "max_tokens": request.max_tokens, "messages": request.messages, **options}
    if request.system:
        found["system"] = request.system
    if request.thinking == "adaptive":
        found["thinking"] = {"type": "adaptive", "display": request.display}
    elif thinking_off:
        found["thinking"] = {"type": thinking_off}
    if request.user_id:
        found["metadata"] = {"user_id": request.user_id}
    output: dict[str, Any] = {"effort": request.effort} if request.effort else {}
    if request.schema is not None:
        output["format"] = {"type": "json_schema", "schema": request.schema}
    return {**found, "output_config": output} if output else found


def refuse_other_than(response: httpx2.Response, kind: str) -> None:
    """Raise NotAReply for a 200 of another type: of a proxy, say, that asks people to sign in."""
    found = response.headers.get("content-type", "")
    if not found.startswith(kind):
        raise NotAReply(found if _TYPE.fullmatch(found) else "")


def events(response: httpx2.Response, began_s: float) -> Iterator[Event | None]:
    """Give the events of a streamed response, and None for each of a type that is not known.

    ``began_s`` is when the request began, on the monotonic clock; every event says how long after that it came.

    The SDK's own reading would take more time than all else that is done for a token. Raises
    anthropic.APIStatusError for an ``error`` event.
    """
    request_id = an_id(response.headers.get("request-id"))
    for name, data in decode(response.iter_bytes()):
        if name == "ping" or not data:
            continue
        raw = from_json(data)
        if name == "error" or raw.get("type") == "error":
            raise anthropic.APIStatusError("error in the stream", response=response, body=raw)
        yield to_event(raw, request_id, round(1000 * (monotonic() - began_s)))


def to_event(raw: dict[str, Any], request_id: str | None, at: int) -> Event | None:
    """Turn one stream event, as it came, into ours; None for a type that is not known.

    Raises TypeError where a field that Rill reads is of another type than it is documented to be.
    """
    event = _to_event(raw, request_id, at)
    is_plain = isinstance(event, TextDelta | ThinkingDelta) and len(raw) == 3 and len(raw["delta"]) == 2
    if event is None or is_plain or (more := wire.more_of(raw, event)) is None:
        return event
    found: Event = replace(cast(Any, event), more=more)  # every one of Claude's has it
    return found


def _to_event(raw: dict[str, Any], request_id: str | None, at: int) -> Event | None:
    match raw.get("type"):
        case "content_block_delta":
            return _delta(_a(int, raw["index"]), _a(dict, raw["delta"]), at)
        case "content_block_start":
            return BlockStart(_a(int, raw["index"]), _block(raw["content_block"]), at)
        case "content_block_stop":
            return BlockStop(_a(int, raw["index"]), at)
        case "message_start":
            message = _a(dict, raw["message"])
            return MessageStart(_a(str, message["model"]), request_id, _usage(message.get("usage")), at, message)
        case "message_delta":
            delta = _a(dict, raw["delta"])
            return MessageDelta(*_ending(delta), _usage(raw.get("usage")), at, delta)
        case "message_stop":
            return MessageStop(at)
        case _:
            return None


def _a(kind: type[_T], value: Any) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} expected")
    return value


def _ending(delta: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    return _a(str, delta.get("stop_reason") or "") or None, _a(dict, delta.get("stop_details") or {}) or None


def _block(block: Any) -> dict[str, Any]:
    kind = _a(str, _a(dict, block).get("type"))
    _a(str, block.get(kind) or "")
    return block  # type: ignore[no-any-return]  # a dict, as has been seen


def whole(message: Any, request_id: str | None, at: int) -> Iterator[Event]:
    """Give a message that was not streamed as the events it would have been."""
    usage, request_id = _usage(_a(dict, message).get("usage")), an_id(request_id)
    yield MessageStart(_a(str, message["model"]), request_id, usage, at, {**message, "content": []})
    for index, block in enumerate(map(_block, _a(list, message["content"]))):
        text = block.get("text") if block["type"] == "text" else None
        if text is None:
            yield BlockStart(index, block, at)
        else:
            yield BlockStart(index, {**block, "text": ""}, at)
            yield _delta(index, {"type": "text_delta", "text": text}, at)
        yield BlockStop(index, at)
    delta = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    yield MessageDelta(*_ending(delta), usage, at, delta)
    yield MessageStop(at)


def _delta(index: int, delta: dict[str, Any], at: int) -> Event:
    match delta["type"]:
        case "text_delta":
            text = storable(_a(str, delta["text"]))
            return TextDelta(index, text, f"{at}:{len(text)} ")
        case "thinking_delta":
            text = storable(_a(str, delta["thinking"]))
            return ThinkingDelta(index, text, f"{at}:{len(text)} ")
        case _:
            return OtherDelta(index, delta, at)


def _usage(usage: dict[str, Any] | None) -> dict[str, Any]:
    """Leave out what is not known, and counts that are no numbers."""
    given = _a(dict, usage or {}).items()
    return {name: value for name, value in given if value is not None and not _is_odd(name, value)}


def _is_odd(name: str, value: Any) -> bool:
    return name.endswith("_tokens") and (not isinstance(value, int) or not 0 <= value < _MOST_TOKENS)
