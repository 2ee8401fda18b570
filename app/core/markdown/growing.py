"""Markdown that grows: text in, what changed in the page out."""

import re
from collections.abc import Iterator

from app.core.markdown.blocks import Blocks
from app.core.markdown.draft import Draft
from app.core.markdown.inline import References
from app.core.markdown.starts import LINE_LIMIT
from app.core.markdown.tree import CURSOR, Changes, Reset, changes, join

#: Text taken in by one call, in characters; more has to wait for the next one.
_BUDGET = 1_000
#: The start of a line that holds nothing but marks is looked at up to this length, in characters.
_HELD = 2 * LINE_LIMIT
_LINE_END = re.compile(r"\r\n?")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")


class Incremental:
    """Renders Markdown as it grows.

    A call does a bounded amount of work, some milliseconds; while ``is_busy``, more calls are due, with
    or without text. Each call makes a version, so that any reader can be told what it lacks.
    """

    def __init__(self, references: References | None = None) -> None:
        self._draft = Draft(references or References())
        self._blocks = Blocks(self._draft)
        self._queue = self._line = ""
        self._at = 0
        self._is_after_return = self._is_in_line = self._is_last = self._is_closed = False

    @property
    def version(self) -> int:
        """The version of what is shown."""
        return self._draft.version

    @property
    def is_busy(self) -> bool:
        """Whether there is more to do than the calls so far could."""
        return bool(self._draft.jobs or self._at < len(self._queue) or (self._is_last and not self._is_closed))

    @property
    def is_late(self) -> bool:
        """Whether something was defined after its use, so that only ``render`` shows it right."""
        return self._draft.references.late

    def feed(self, text: str = "") -> Changes:
        """Take in text, and say what changed."""
        since = self.version
        self.take_in(text, at=since + 1)
        return self.changes(since)

    def finish(self) -> Changes:
        """Say that no more text will come, and what that changes."""
        self.end()
        return self.feed()

    def take_in(self, text: str = "", *, at: int) -> None:
        """Take in text, as the version ``at``; versions must rise."""
        self._draft.version = at
        if self._is_in_line and len(text) < _BUDGET and text.isprintable() and not self.is_busy:
            self._blocks.read_more(text)  # the usual case, and the cheapest: some more words
        else:
            self._queue = self._queue[self._at :] + self._usable(text)
            self._at = 0
            self._work()
        if not self._draft.jobs:
            self._blocks.show()

    def end(self) -> None:
        """Say that no more text will come."""
        self._is_last = True

    def changes(self, since: int, *, is_last: bool = True) -> Changes:
        """Say what a reader lacks who was shown the version ``since``; the cursor stays in the last text of a page."""
        if since < self._draft.reset_at:
            return Changes((Reset(self.html(cursor=CURSOR if is_last else "")),))
        return changes(self._draft.root, since, is_last=is_last)

    def html(self, *, cursor: str = "") -> str:
        """Give everything that is shown so far."""
        return self._draft.root.html(cursor=cursor)

    def blocks(self, start: int = 0, *, cursor: str = "") -> list[str]:
        """Give the outermost blocks from one on; the last may still grow, and gets the cursor."""
        items = self._draft.root.items[start:]
        return [join([item], cursor=cursor if item is items[-1] else "") for item in items]

    def _usable(self, text: str) -> str:
        """Make every line end a line feed, and replace what HTML cannot hold."""
        if not text:
            return ""
        is_half = self._is_after_return and text.startswith("\n")
        self._is_after_return = text.endswith("\r")
        if is_half:
            text = text[1:]
        if text.isprintable():
            return text
        return _UNUSABLE.sub("\ufffd", _LINE_END.sub("\n", text))

    def _work(self) -> None:
        left = _BUDGET
        while left > 0:
            if self._draft.jobs:
                left -= self._do_job()
            elif self._at < len(self._queue):
                left -= self._read(left)
            elif self._is_last and not self._is_closed:
                self._close()
            else:
                return

    def _do_job(self) -> int:
        if next(self._draft.jobs[0], self) is self:
            del self._draft.jobs[0]
            return _BUDGET // 2
        return _BUDGET

    def _read(self, size: int) -> int:
        """Take text up to a line's end from the queue, so that a job it brings comes before the next line."""
        end = self._queue.find("\n", self._at, self._at + size)
        is_line = end >= 0
        text = self._queue[self._at : end if is_line else self._at + size]
        self._at += len(text) + is_line
        if self._is_in_line:
            self._blocks.read_more(text)
            if is_line:
                self._blocks.end_line()
        else:
            text = self._line = self._line + text
            if is_line:
                self._blocks.read(text)
            elif len(text) <= _HELD:
                self._is_in_line = self._blocks.read_start(text)
        if is_line or self._is_in_line:
            self._line = ""
        self._is_in_line = self._is_in_line and not is_line
        return len(text) + 50

    def _close(self) -> None:
        if self._line and not self._is_in_line:
            self._blocks.read(self._line)
        self._line = ""
        self._blocks.finish()
        self._is_closed = True


def render(text: str) -> str:
    """Render a whole text as sanitised HTML, with what is defined after its use; the caller waits for all of it."""
    *_, (html, _is_late) = rendering(text)
    return html


def rendering(text: str) -> Iterator[tuple[str, bool]]:
    """Render like ``render``, in steps of some milliseconds.

    The last thing given is the whole, and whether something was defined after its use.
    """
    references = References()
    if "]:" in text:
        yield from _grow(Incremental(references), text)
    growing = Incremental(references)
    yield from _grow(growing, text)
    yield growing.html(), references.late


def _grow(growing: Incremental, text: str) -> Iterator[tuple[str, bool]]:
    growing.end()
    growing.take_in(text, at=1)
    while growing.is_busy:
        yield "", False
        growing.take_in(at=1)
