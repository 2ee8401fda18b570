"""What the parts of the parser share while a text grows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from app.core.markdown.clean import sanitise
from app.core.markdown.inline import References
from app.core.markdown.tree import Node

NOTE = '<p class="note">Shown as plain text: too long, or too much markup, to be formatted.</p>'
#: Cells that rows of tables lack and are given, in all: a row of two characters may lack a hundred.
_MOST_MISSING = 5_000


@dataclass(slots=True)
class Draft:
    """The tree as it grows; ``jobs`` are what has to be done before more text is read."""

    references: References
    root: Node = field(default_factory=lambda: Node("", "", 0, 0))
    version: int = 0
    reset_at: int = 0
    jobs: list[Iterator[object]] = field(default_factory=list)
    cells_left: int = _MOST_MISSING

    def open(self, parent: Node, head: str, tail: str, levels: int = 1) -> Node:
        """Add an element at the end of another."""
        node = Node(head, tail, levels, self.version)
        parent.add(self.version, node)
        return node


def plain(text: str) -> str:
    """Show text as it is."""
    return sanitise(escape(text, quote=False))
