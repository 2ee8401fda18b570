"""Code, formulae and tables while they grow, line by line."""

import re
from collections.abc import Generator

from app.core.markdown import code
from app.core.markdown.draft import Draft, plain
from app.core.markdown.lines import Line
from app.core.markdown.math import display
from app.core.markdown.prose import Prose
from app.core.markdown.starts import LINE_LIMIT, Start, cells
from app.core.markdown.tree import Node

#: A table of more columns is cut.
_COLUMNS = 100
#: A longer formula is text, in characters.
_FORMULA = 2_000


class Code:
    """A code block: its lines appear as they come, and are highlighted once, when it is closed."""

    def __init__(self, draft: Draft, parent: Node, start: Start) -> None:
        self._draft, self._offset = draft, start.offset
        self._language = code.language(start.text)
        self._marker = start.marker[:1]
        self._closer = re.compile(rf"{self._marker}{{{len(start.marker)},}}[ \t]*$") if start.marker else None
        self._source: list[str] = []
        self._new = self._blank = ""
        self.node = draft.open(parent, code.head(self._language), code.TAIL, 3)

    @property
    def is_fence(self) -> bool:
        """Whether it ends with a fence; otherwise, it is indented."""
        return self._closer is not None

    def ends_with(self, line: Line) -> bool:
        """Say whether a line is the closing fence."""
        if self._closer is None or line.indent > 3 or len(line.rest) > LINE_LIMIT:
            return False
        return self._closer.match(line.rest.lstrip(" \t")) is not None

    def may_end_with(self, line: Line) -> bool:
        """Say whether the start of a line may become the closing fence."""
        rest = line.rest.strip(" \t")
        return not rest or (line.indent < 4 and len(rest) <= LINE_LIMIT and not rest.strip(self._marker))

    def add_start(self, line: Line) -> None:
        """Take in the start of a line of code."""
        line.skip(self._offset if self.is_fence else 4)
        self.add(line.rest)

    def add_line(self, line: Line) -> None:
        """Take in a whole line of code."""
        self.add_start(line)
        self.add("\n")

    def add(self, text: str) -> None:
        """Take in more of the source; blank lines at the end are no part of indented code."""
        if not self.is_fence and not text.strip():
            self._blank += text
            return
        self._source += [self._blank, text]
        self._new += self._blank + text
        self._blank = ""

    def show(self) -> None:
        """Bring into the page what came since."""
        if self._new:
            self.node.add(self._draft.version, plain(self._new))
            self._new = ""

    def finish(self) -> None:
        """Close it."""
        if not self.is_fence and not self._new.endswith("\n"):
            self._new += "\n" * (not "".join(self._source).endswith("\n"))
        self.show()
        self._draft.jobs.append(self._highlight())

    def _highlight(self) -> Generator[None]:
        html = yield from code.highlight("".join(self._source), self._language)
        if html:
            self.node.rewrite(self._draft.version, html)


class Formula:
    """A formula on lines of its own: shown as its source until it is complete."""

    def __init__(self, draft: Draft, parent: Node, start: Start) -> None:
        self._draft, self._parent, self._closer = draft, parent, start.marker
        self._opener = {"$$": "$$", r"\]": r"\["}[start.marker]
        self._lines = [start.text]
        self._left = _FORMULA
        self._is_complete = False
        self._new = plain(start.text)
        self.node = draft.open(parent, '<div class="math"><code class="tex">', "</code></div>", 2)

    def goes_on(self, line: Line) -> bool:
        """Say whether a line may belong to it: none has blank lines, or is longer than 2,000 characters."""
        return not line.is_blank and len(line.rest) < self._left

    def add_line(self, line: Line) -> bool:
        """Take in a line, and say whether it was the last one."""
        text = line.rest.strip(" \t")
        self._left -= len(text) + 1
        self._is_complete = text.endswith(self._closer)
        self._lines.append(text.removesuffix(self._closer) if self._is_complete else text)
        self._new += "\n" + plain(text)
        return self._is_complete

    def show(self) -> None:
        """Bring into the page what came since."""
        if self._new and not self._is_complete:
            self.node.add(self._draft.version, self._new)
            self._new = ""

    def finish(self) -> None:
        """Convert it; where its end never came, it was text."""
        version = self._draft.version
        if self._is_complete:
            html = display("\n".join(self._lines))
            self.node.become(version, Node("", "", 0, version, [(version, html)]))
            return
        prose = Prose(self._draft, Node("", "", 0, version), '<p dir="auto">', "</p>")
        prose.add(self._opener + "\n".join(self._lines))
        prose.finish()
        self.node.become(version, prose.node)


class Table:
    """A table, which grows row by row."""

    def __init__(self, draft: Draft, node: Node, header: str, columns: tuple[str, ...]) -> None:
        self._draft, self._node, self._columns = draft, node, columns[:_COLUMNS]
        self._body: Node | None = None
        self._fill(draft.open(node, "<thead><tr>", "</tr></thead>", 2), "th", cells(header))

    @classmethod
    def of(cls, draft: Draft, paragraph: Prose, parent: Node, columns: tuple[str, ...]) -> "Table":
        """Make a table whose header is the last line of a paragraph; what is before it stays a paragraph."""
        header = paragraph.drop_last_line()
        node = Node('<div class="table" tabindex="0"><table dir="auto">', "</table></div>", 2, draft.version)
        table = cls(draft, node, header, columns)
        if paragraph.is_shown and not paragraph.text.strip():
            paragraph.node.become(draft.version, node)
            return table
        paragraph.finish()
        parent.add(draft.version, node)
        return table

    def add_line(self, line: Line) -> None:
        """Take in a row; missing cells are empty, up to a number, and those too many are dropped (GFM 0.29, 4.10)."""
        if self._body is None:
            self._body = self._draft.open(self._node, "<tbody>", "</tbody>")
        self._fill(self._draft.open(self._body, "<tr>", "</tr>"), "td", cells(line.rest))

    def show(self) -> None:
        """Do nothing: rows are shown when they are complete."""

    def finish(self) -> None:
        """Do nothing: rows are finished when they are complete."""

    def _fill(self, row: Node, tag: str, texts: list[str]) -> None:
        missing = min(max(0, len(self._columns) - len(texts)), self._draft.cells_left)
        self._draft.cells_left -= missing
        for text, align in zip([*texts, *[""] * missing], self._columns, strict=False):
            head = f'<{tag} class="align-{align}">' if align else f"<{tag}>"
            cell = Prose(self._draft, row, head, f"</{tag}>", "cell")
            cell.add(text)
            cell.finish()
