"""What is shown of a growing text: elements that only ever gain content, and what a reader lacks of them.

The cursor is an empty element at the end of the text, inside the last element. A change names its place by
how far above the cursor it lies, so nothing in the page needs an id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

#: The cursor, as it stands in the page.
CURSOR = '<i class="t"></i>'


@dataclass(frozen=True, slots=True)
class Append:
    """HTML goes in front of the cursor."""

    html: str


@dataclass(frozen=True, slots=True)
class Replace:
    """The element ``level`` above the cursor is replaced: its content, or all of it where ``is_outer``."""

    level: int
    html: str
    is_outer: bool = False


@dataclass(frozen=True, slots=True)
class Grow:
    """HTML goes to the end of the element ``level`` above the cursor."""

    level: int
    html: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Everything is replaced."""

    html: str


Change = Append | Replace | Grow | Reset


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reader lacks; where ``is_moved``, the cursor it has goes away, because it gets another one.

    All places are meant as they were before the first of the changes.
    """

    changes: tuple[Change, ...] = ()
    is_moved: bool = False

    def __bool__(self) -> bool:
        return bool(self.changes) or self.is_moved


@dataclass(slots=True, eq=False)
class Node:
    """An element, or a few nested ones: ``levels`` of them lie around the content, which ``lead`` begins."""

    head: str
    tail: str
    levels: int
    opened_at: int
    items: list[tuple[int, "Node | str"]] = field(default_factory=list)
    lead: str = ""
    replaced_at: int = 0
    outer_at: int = 0
    old_levels: int = 0

    def add(self, version: int, item: "Node | str") -> None:
        """Add content at the end."""
        self.items.append((version, item))

    def shown(self) -> str:
        """Give the text content so far, of a node that holds no nodes."""
        return "".join([item for _version, item in self.items if isinstance(item, str)])

    def rewrite(self, version: int, html: str) -> None:
        """Put other content in place of what is there."""
        self.items = [(version, html)]
        self.replaced_at = version

    def become(self, version: int, other: "Node") -> None:
        """Turn into another element, as when a paragraph turns out to be a heading."""
        self.old_levels = self.levels
        self.head, self.lead, self.tail = other.head, other.lead, other.tail
        self.levels, self.items = other.levels, other.items
        self.replaced_at = self.outer_at = version

    def html(self, *, cursor: str = "") -> str:
        """Give all of it, with the cursor at the end of the last element."""
        return f"{self.head}{self.content(cursor=cursor)}{self.tail}"

    def content(self, *, cursor: str = "") -> str:
        """Give what is inside of it."""
        return self.lead + join(self.items, cursor=cursor)


Path = list[tuple[Node, list[tuple[int, Node | str]]]]


def join(items: Sequence[tuple[int, Node | str]], *, cursor: str = "") -> str:
    """Give the HTML of items, with the cursor after the last one, or inside it."""
    if not items:
        return cursor
    parts = [item if isinstance(item, str) else item.html() for _version, item in items[:-1]]
    last = items[-1][1]
    parts.append(last + cursor if isinstance(last, str) else last.html(cursor=cursor))
    return "".join(parts)


def changes(root: Node, since: int, *, is_last: bool = True) -> Changes:
    """Say what a reader lacks who was shown the tree at the version ``since``.

    Where the tree is not the last of its page any more, the cursor is taken out of it.
    """
    path = _path(root, since)
    if not path[0][1] and len(path) > 1 and is_last and (text := _appended(path, since)) is not None:
        return Changes((Append(text),) if text else ())
    top = next((depth for depth, (_node, new) in enumerate(path) if new), len(path) - 1)
    last = path[-1][0]
    found: list[Change] = []
    level, is_moved = _levels(last, since), not is_last
    for depth in range(len(path) - 1, -1, -1):
        node, new = path[depth]
        cursor = CURSOR if is_last and depth == top else ""
        if node is not last:
            if new:
                found.append(Grow(level + 1, join(new, cursor=cursor)))
                is_moved = True
            level += _levels(node, since)
        elif node.replaced_at > since:
            is_outer = node.outer_at > since
            html = node.html(cursor=cursor) if is_outer else node.content(cursor=cursor)
            found.append(Replace(level if is_outer else 1, html, is_outer))
        elif new:
            has_inner = not is_last or any(isinstance(item, Node) for _version, item in new)
            is_moved |= has_inner
            found.append(Append(join(new, cursor=cursor if has_inner else "")))
    return Changes(tuple(found), is_moved and not isinstance(found[0] if found else None, Replace))


def _appended(path: Path, since: int) -> str | None:
    """Give what was appended to the text, where that is all that happened."""
    last, new = path[-1]
    if last.replaced_at > since or any(fresh for _node, fresh in path[:-1]):
        return None
    texts = [item for _version, item in new if isinstance(item, str)]
    return "".join(texts) if len(texts) == len(new) else None


def _path(root: Node, since: int) -> Path:
    """Follow the cursor as the reader had it; with each node goes what was added to it since."""
    path = []
    node: Node | None = root
    while node is not None:
        items = node.items
        known = len(items)
        while known and items[known - 1][0] > since:
            known -= 1
        path.append((node, items[known:]))
        if node.replaced_at > since:
            break
        inner = items[known - 1][1] if known else None
        node = inner if isinstance(inner, Node) else None
    return path


def _levels(node: Node, since: int) -> int:
    return node.old_levels if node.outer_at > since else node.levels
