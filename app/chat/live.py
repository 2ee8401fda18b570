"""Live views: the journal of one running reply folded into blocks, for any number of readers.

A reader is a cursor, the version it was shown. What changed since is computed from the view, so a slow
reader gets fewer, larger frames, and nothing queues up.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

import gevent

from app.adapters.feed import Entry, Subscription
from app.adapters.signal import Signal
from app.core.events import (
    BlockStart,
    BlockStop,
    End,
    Event,
    Retrying,
    TextDelta,
    ThinkingDelta,
    from_entry,
)
from app.core.markdown import Incremental
from app.core.sse import Cursor

#: The types of content blocks whose text the page shows.
TEXTUAL = ("text", "thinking")
T = TypeVar("T")


@dataclass(slots=True)
class Block:
    """One content block as the page shows it; ``waiting`` is text that has come and is not rendered yet."""

    index: int
    type: str
    label: str = ""
    opened_at: int = 0
    is_ended: bool = False
    waiting: str = ""
    markdown: Incremental = field(default_factory=Incremental)

    @property
    def has_text(self) -> bool:
        """Whether the page shows its text."""
        return self.type in TEXTUAL

    @property
    def is_behind(self) -> bool:
        """Whether something of it has come that is not rendered yet."""
        return bool(self.waiting) or self.markdown.is_busy

    @property
    def is_open(self) -> bool:
        """Whether more of it is to be shown: not when the last has come, but when it is rendered."""
        return not self.is_ended or self.is_behind

    def html(self, *, cursor: str = "") -> str:
        """Everything that is shown of it."""
        return self.markdown.html(cursor=cursor)


class LiveReply:
    """One reply's view; ``refresh`` takes in what was committed since."""

    def __init__(self, subscription: Subscription, read: Callable[[int], list[Entry]]) -> None:
        self.id = secrets.token_hex(3)
        self.version = 0
        self.blocks: list[Block] = []
        self.retrying: tuple[Retrying, float] | None = None
        self.retrying_at = 0
        self.end: End | None = None
        self._end: End | None = None
        self._ended: End | None = None
        self.has_text = False
        self.readers = 0
        self.left_at = self.grew_at = monotonic()
        self.seq = 0
        self._shared: tuple[int, dict[object, Any]] = (0, {})
        self._is_behind = False
        self._is_refreshing = self._is_awaited = False
        self.subscription, self._read = subscription, read
        for entry in read(0):
            self._fold(entry)
        self._render()

    @property
    def reply_id(self) -> str:
        """The reply it shows."""
        return self.subscription.reply_id

    @property
    def is_late(self) -> bool:
        """Whether something was defined after its use, so that only the finished page shows it right."""
        return any(block.markdown.is_late for block in self.blocks)

    @property
    def changed(self) -> Signal:
        """Is set whenever there is something to take in."""
        return self.subscription.changed

    @property
    def cursor(self) -> Cursor:
        """What a reader has who was shown all of this."""
        return Cursor(self.id, self.version)

    def shared(self, key: object, render: Callable[[], T]) -> T:
        """Give what ``render`` makes of this state of the view: once for all readers who want the same."""
        if self._shared[0] != self.version:
            self._shared = self.version, {}
        found = self._shared[1]
        if key not in found:
            found[key] = render()
        made: T = found[key]
        return made

    def refresh(self) -> None:
        """Take in what has been committed; reads the journal where the feed left a gap."""
        if self._is_refreshing:  # another reader is at it, and waits for the journal
            self._is_awaited = True
            return
        self._is_refreshing = True
        try:
            self._take_in()
        finally:
            self._is_refreshing = False
            if self._is_awaited:
                self._is_awaited = False
                self.changed.set()

    def catch_up(self, ended: End | None = None) -> None:
        """Have the journal read at the next refresh; ``ended`` is how the reply did, should that not be there."""
        self._is_behind, self._ended = True, ended
        self.changed.set()

    def _take_in(self) -> None:
        if self._is_behind:
            self._is_behind = False
            for entry in self._read(self.seq):
                self._fold(entry)
            self._end = self._end or self._ended
        entries = self.subscription.entries
        while entries and not self._end:
            entry = entries.popleft()
            if entry.seq > self.seq + 1:
                for missed in self._read(self.seq):
                    self._fold(missed)
            if entry.seq > self.seq:
                self._fold(entry)
        self._render()

    def _fold(self, entry: Entry) -> None:
        self.seq = entry.seq
        self.version += 1
        self.grew_at = monotonic()
        self._apply(from_entry(entry.kind, entry.body))

    def _apply(self, event: Event) -> None:
        match event:
            case BlockStart():
                self._open(event.index, event.block.get("type", "unknown"), event.block)
            case TextDelta() | ThinkingDelta():
                self._grow(event)
            case BlockStop():
                self._close(event.index)
            case Retrying():
                self.retrying, self.retrying_at = (event, monotonic() + event.wait_s), self.version
            case End():
                self._end = event
                for block in self.blocks:
                    self._close(block.index)
            case _:
                pass

    def _open(self, index: int, kind: str, block: dict[str, object]) -> Block:
        if self.retrying is not None:
            self.retrying, self.retrying_at = None, self.version
        opened = Block(index, kind, label=str(block.get("name") or ""), opened_at=self.version)
        self.blocks.append(opened)
        opened.waiting = str(block.get("text") or block.get("thinking") or "")
        return opened

    def _grow(self, event: TextDelta | ThinkingDelta) -> None:
        block = next((b for b in reversed(self.blocks) if b.index == event.index), None)
        if block is None:
            block = self._open(event.index, "text" if isinstance(event, TextDelta) else "thinking", {})
        block.waiting += event.text
        self.has_text = True

    def _close(self, index: int) -> None:
        for block in self.blocks:
            if block.index == index:
                block.is_ended = True
                block.markdown.end()

    def _render(self) -> None:
        """Render what has come since, in steps between which others have their turn; only then is it the end."""
        for block in self.blocks:
            while block.is_behind:
                text, block.waiting = block.waiting, ""
                self.version += 1
                block.markdown.take_in(text, at=self.version)
                if block.markdown.is_busy:
                    gevent.sleep(0)
        self.end = self._end
