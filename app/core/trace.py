"""What Claude sent of one reply, and when: deltas of text are kept as time and length, because the text is there."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.core import wire
from app.core.assembly import Block
from app.core.events import BlockStart, Event, Json, TextDelta, ThinkingDelta, Void, from_entry, to_entry

_KINDS: dict[str, type[TextDelta | ThinkingDelta]] = {"text": TextDelta, "thinking": ThinkingDelta}


@dataclass(slots=True)
class Run:
    """Neighbouring deltas of text: of which block, of which kind (``text`` or ``thinking``), and their marks.

    ``more`` is what each had besides.
    """

    kind: str
    index: int
    marks: bytearray = field(default_factory=bytearray)
    more: Json | None = None


class Trace:
    """The events of a reply in their order; feed it every one."""

    def __init__(self) -> None:
        self._items: list[Run | Event] = []

    def add(self, event: Event) -> None:
        """Take in the next event."""
        if not isinstance(event, TextDelta | ThinkingDelta):
            self._items.append(event)
            return
        kind = "text" if isinstance(event, TextDelta) else "thinking"
        last = self._items[-1] if self._items else None
        if not isinstance(last, Run) or (last.kind, last.index, last.more) != (kind, event.index, event.more):
            last = Run(kind, event.index, more=event.more)
            self._items.append(last)
        last.marks += (event.marks or f"0:{len(event.text)} ").encode()

    def dump(self) -> bytes:
        """Write it compactly; ``Trace.load`` reads it."""
        items = [
            [item.kind, item.index, item.marks.decode(), *([item.more] if item.more else [])]
            if isinstance(item, Run)
            else to_entry(item)
            for item in self._items
        ]
        return zlib.compress(json.dumps(items, ensure_ascii=False).encode())

    @classmethod
    def load(cls, dumped: bytes) -> "Trace":
        """Read what ``dump`` wrote."""
        trace = cls()
        for kind, *rest in json.loads(zlib.decompress(dumped)):
            if len(rest) == 1:
                trace._items.append(from_entry(kind, *rest))
                continue
            index, marks, *more = rest
            trace._items.append(Run(kind, index, bytearray(marks.encode()), *more))
        return trace

    def events(self, content: list[Block]) -> Iterator[tuple[int, Event]]:
        """Give every event with when it came, in milliseconds; ``content`` is the reply, which has the text."""
        read: dict[tuple[int, str], int] = {}
        for item in self._items:
            if not isinstance(item, Run):
                if isinstance(item, BlockStart):
                    read |= {(item.index, kind): len(item.block.get(kind) or "") for kind in _KINDS}
                yield getattr(item, "at", 0), item.sent if isinstance(item, Void) else item
                continue
            text = str(content[item.index].get(item.kind) or "") if item.index < len(content) else ""
            for at, length in wire.marks(item.marks.decode()):
                start = read.get((item.index, item.kind), 0)
                read[item.index, item.kind] = start + length
                yield at, _KINDS[item.kind](item.index, text[start : start + length], f"{at}:{length} ", item.more)


def size(raw: Json) -> int:
    """Say how many bytes an event has as JSON."""
    return len(json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode())
