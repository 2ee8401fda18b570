"""Events as Claude sends them: the JSON of the six stream events."""

import re
from collections.abc import Iterator

from app.core.events import (
    BlockStart,
    BlockStop,
    Event,
    Json,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    TextDelta,
    ThinkingDelta,
    Void,
)

_MARK = re.compile(r"(\d+):(\d+) ")


def raw(event: Event) -> Json | None:
    """Write an event in the API's form; None for those that are ours. A joined delta is written as one."""
    if isinstance(event, Void):
        return raw(event.sent)
    sent = _plain(event)
    more = getattr(event, "more", None)
    if sent is None or not more:
        return sent
    if "delta" in more and isinstance(event, TextDelta | ThinkingDelta):
        return {**sent, **more, "delta": {**sent["delta"], **more["delta"]}}
    return {**sent, **more}


def more_of(sent: Json, event: Event) -> Json | None:
    """Give what an event had as it was ``sent`` and would not have as ``raw`` writes it; None for nothing."""
    written = _plain(event) or {}
    more = {name: value for name, value in sent.items() if name not in written or written[name] != value}
    if "delta" in more and isinstance(event, TextDelta | ThinkingDelta):
        more["delta"] = {name: value for name, value in sent["delta"].items() if name not in written["delta"]}
    return {name: value for name, value in more.items() if name != "delta" or value} or None


def _plain(event: Event) -> Json | None:
    match event:
        case MessageStart():
            return {"type": "message_start", "message": event.message}
        case BlockStart():
            return {"type": "content_block_start", "index": event.index, "content_block": event.block}
        case TextDelta() | ThinkingDelta() | OtherDelta():
            return {"type": "content_block_delta", "index": event.index, "delta": _delta(event)}
        case BlockStop():
            return {"type": "content_block_stop", "index": event.index}
        case MessageDelta():
            usage = {"usage": event.usage} if event.usage else {}
            return {"type": "message_delta", "delta": event.delta, **usage}
        case MessageStop():
            return {"type": "message_stop"}
        case _:
            return None


def marks(text: str) -> Iterator[tuple[int, int]]:
    """Read the marks of a joined delta: when each came, in milliseconds, and how many characters it had."""
    return ((int(at), int(length)) for at, length in _MARK.findall(text))


def parts(event: Event) -> Iterator[Event]:
    """Take a joined delta apart into those that came; any other event is given as it is."""
    if not isinstance(event, TextDelta | ThinkingDelta) or event.marks.count(" ") < 2:
        yield event
        return
    start = 0
    for at, length in marks(event.marks):
        yield type(event)(event.index, event.text[start : start + length], f"{at}:{length} ", event.more)
        start += length


def _delta(event: TextDelta | ThinkingDelta | OtherDelta) -> Json:
    if isinstance(event, OtherDelta):
        return event.delta
    kind = "text" if isinstance(event, TextDelta) else "thinking"
    return {"type": f"{kind}_delta", kind: event.text}
