"""Puts a reply together from its events: content blocks as the API has them, usage, and how it ended."""

from io import StringIO
from typing import Any, TypeVar

from app.core.events import (
    BlockStart,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    TextDelta,
    ThinkingDelta,
)
from app.core.text import from_json

Block = dict[str, Any]
_T = TypeVar("_T")
_KEYS = ("text", "thinking")


class Assembly:
    """A reply so far; feed it every event in order."""

    def __init__(self) -> None:
        self._blocks: dict[int, Block] = {}
        self._grown: dict[tuple[int, str], StringIO] = {}
        self._input_json: dict[int, str] = {}
        self.id: str | None = None
        self.model: str | None = None
        self.request_id: str | None = None
        self.usage: dict[str, Any] = {}
        self.stop_reason: str | None = None
        self.is_complete = False

    def add(self, event: Event) -> None:
        """Take in the next event."""
        match event:
            case MessageStart():
                self.id, self.model, self.request_id = event.message.get("id"), event.model, event.request_id
                self.usage = dict(event.usage)  # perhaps of another attempt than what had come
            case BlockStart():
                self._open(event.index, event.block)
            case TextDelta():
                self._join(event.index, "text", "text", event.text)
            case ThinkingDelta():
                self._join(event.index, "thinking", "thinking", event.text)
            case OtherDelta():
                self._merge(event.index, event.delta)
            case MessageDelta():
                self.stop_reason = event.stop_reason or self.stop_reason
                self.usage.update(event.usage)
            case MessageStop():
                self.is_complete = True
            case _:
                pass

    @property
    def content(self) -> list[Block]:
        """The content blocks in their order, as the API would give them in a whole message."""
        return [self._finished(index) for index in sorted(self._blocks)]

    @property
    def text(self) -> str:
        """What Claude wrote for the reader, without thinking and tools."""
        return text_of(self.content)

    def _open(self, index: int, block: Block) -> None:
        self._blocks[index] = dict(block)
        for key in _KEYS:
            self._grown.pop((index, key), None)

    def _join(self, index: int, kind: str, key: str, text: str) -> None:
        self._blocks.setdefault(index, {"type": kind})
        if (grown := self._grown.get((index, key))) is None:
            grown = self._grown[index, key] = StringIO()
        grown.write(text)

    def _merge(self, index: int, delta: Block) -> None:
        block = self._blocks.setdefault(index, {"type": "unknown"})
        match delta.get("type"):
            case "input_json_delta":
                self._input_json[index] = self._input_json.get(index, "") + _of(str, delta.get("partial_json"))
            case "signature_delta":
                block["signature"] = delta.get("signature", "")
            case "citations_delta":
                block["citations"] = [*_of(list, block.get("citations")), delta.get("citation")]
            case _:
                block["deltas"] = [*_of(list, block.get("deltas")), delta]

    def _finished(self, index: int) -> Block:
        block = dict(self._blocks[index])
        for key in _KEYS:
            if grown := self._grown.get((index, key)):
                block[key] = _of(str, block.get(key)) + grown.getvalue()
        if not (raw := self._input_json.get(index)):
            return block
        try:
            return {**block, "input": from_json(raw)}
        except ValueError:
            return {**block, "partial_json": raw}


def _of(kind: type[_T], value: Any) -> _T:
    """Give the value if it is of the kind, else an empty one: blocks may hold anything."""
    return value if isinstance(value, kind) else kind()


def text_of(content: list[Block]) -> str:
    """Join the text blocks of a message."""
    return "\n\n".join(block.get("text") or "" for block in content if block.get("type") == "text")
