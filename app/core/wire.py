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
            return {"type": "message_delta", "delta": event.delta, "usage": event.usage}
        case MessageStop():
            return {"type": "message_stop"}
        case Void():
            return raw(event.sent)
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
        yield type(event)(event.index, event.text[start : start + length], f"{at}:{length} ")
        start += length


def _delta(event: TextDelta | ThinkingDelta | OtherDelta) -> Json:
    if isinstance(event, OtherDelta):
        return event.delta
    kind = "text" if isinstance(event, TextDelta) else "thinking"
    return {"type": f"{kind}_delta", kind: event.text}
