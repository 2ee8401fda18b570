"""Paragraphs, headings and cells while they grow: text appears word by word, rendered."""

import re

from app.core.markdown import cuts
from app.core.markdown.cuts import Cut
from app.core.markdown.draft import NOTE, Draft, plain
from app.core.markdown.inline import is_too_much, to_html
from app.core.markdown.starts import heading_text
from app.core.markdown.tree import Node

#: Text is rendered at most this much at once, in characters; a longer paragraph is cut where that is safe.
_SEGMENT = 1_000
#: How much emphasised text may wait for the end of the emphasis, in characters.
_PATIENCE = 32
_CELL = re.compile(r"(?:^|(?<=\s))\|", re.M)


class Prose:
    """A block of inline text; it enters the page with its first word."""

    def __init__(self, draft: Draft, parent: Node, head: str, tail: str, kind: str = "paragraph") -> None:
        self._draft, self._parent, self.kind = draft, parent, kind
        self.node = Node(head, tail, 1, draft.version)
        self._is_shown = self._is_plain = False
        self._before: list[tuple[str, str]] = []
        self._text = ""
        self._cut = Cut(0, ())

    @property
    def text(self) -> str:
        """All of the source so far."""
        return "".join(source for source, _html in self._before) + self._text

    def add(self, text: str) -> None:
        """Take in more of the source."""
        for start in range(0, len(text), _SEGMENT):
            self._text += text[start : start + _SEGMENT]
            while len(self._text) > _SEGMENT + cuts.PATIENCE:
                self._close_segment()

    def show(self) -> None:
        """Bring into the page what is certain enough."""
        if not self._is_shown and self.kind == "paragraph" and self._may_be_definition():
            return
        safe, last = cuts.find(self._text[: self._header_at()], self._cut)
        cut = last if self._cut.open or last.pos - safe.pos > _PATIENCE else safe
        if cut.pos > self._cut.pos:
            self._attach()
            self.node.add(self._draft.version, self._render(self._cut, cut))
            self._cut = cut

    def finish(self) -> None:
        """Bring everything into the page; nothing comes after."""
        if self.kind == "paragraph":
            self.take_definitions()
        self._text = heading_text(self._text) if self.kind == "heading" else self._text.rstrip(" \t\n")
        self._draft.references.note_use(self.text)
        html = "".join(html for _source, html in self._before) + self._segment(self._text)
        shown = self.node.shown()
        if not html and self._is_shown:
            self._detach()
        elif html or self.kind != "paragraph":
            self._attach()
            if not html.startswith(shown):
                self.node.rewrite(self._draft.version, html)
            elif len(html) > len(shown):
                self.node.add(self._draft.version, html[len(shown) :])
        if self._is_plain:
            self._parent.add(self._draft.version, NOTE)

    def take_definitions(self) -> None:
        """Take the link reference definitions out of the text; they come at its start."""
        if not self._before and self._text.startswith("[") and "]:" in self._text:
            self._text = self._draft.references.take(self._text)

    def turn(self, head: str, tail: str) -> None:
        """Become a heading, which is finished with that."""
        if not self._is_shown:
            self.node.head, self.node.tail = head, tail
            self.finish()
            return
        self.finish()
        self.node.become(self._draft.version, Node(head, tail, 1, self._draft.version, self.node.items))

    @property
    def is_shown(self) -> bool:
        """Whether some of it is in the page."""
        return self._is_shown

    def drop_last_line(self) -> str:
        """Take the last line back, for it turned out to be something else, and give it."""
        text, _, line = self._text.rpartition("\n")
        self._text = text
        return line

    def _close_segment(self) -> None:
        self.show()
        cut = cuts.find(self._text[:_SEGMENT], Cut(0, ()), is_complete=True)[0].pos
        head = self._text[: cut or _SEGMENT]
        self._before.append((head, self._segment(head) if cut else plain(head)))
        self._is_plain |= not cut
        self._text = self._text[len(head) :]
        is_ahead = self._cut.pos > len(head)
        self._cut = Cut(self._cut.pos - len(head), self._cut.open) if is_ahead else Cut(0, ())

    def _segment(self, text: str) -> str:
        if is_too_much(text):
            self._is_plain = True
            return plain(text)
        return to_html(text, self._draft.references)

    def _render(self, start: Cut, end: Cut) -> str:
        """Render a part in which emphasis may be open at both ends."""
        text = self._text[start.pos : end.pos]
        if not start.open and not end.open:
            return self._segment(text)
        body = text.lstrip()
        closed = "".join(start.open) + body + "".join(reversed(end.open))
        return plain(text[: len(text) - len(body)]) + self._segment(closed)

    def _header_at(self) -> int | None:
        """Find where the last line may be the header of a table; its cells wait for the line after it."""
        line = self._text.rfind("\n") + 1
        if self.kind != "paragraph" or self._text.find("|", line) < 0:
            return None
        match = _CELL.search(self._text, line)
        return match.start() if match and len(self._text) - match.start() < cuts.PATIENCE else None

    def _may_be_definition(self) -> bool:
        if self._before or not self._text.startswith("["):
            return False
        end = self._text.find("]")
        return end < 0 or self._text[end + 1 : end + 2] in ("", ":")

    def _attach(self) -> None:
        if not self._is_shown:
            self._is_shown = True
            self.node.opened_at = self._draft.version
            self._parent.add(self._draft.version, self.node)

    def _detach(self) -> None:
        self._parent.items = [item for item in self._parent.items if item[1] is not self.node]
        self._draft.reset_at = self._draft.version
