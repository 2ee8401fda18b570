"""Open containers, and what a line means to them."""

from dataclasses import dataclass, field

from app.core.markdown.lines import Line
from app.core.markdown.starts import Start
from app.core.markdown.tree import Node


@dataclass(slots=True)
class Container:
    """An open block that holds blocks."""

    kind: str
    node: Node
    offset: int = 0
    marker: str = ""

    def goes_on(self, line: Line, *, is_empty: bool) -> bool:
        """Take the container's part from the start of a line; False where it has none."""
        if self.kind == "quote":
            rest = line.rest.lstrip(" \t")
            if line.indent > 3 or not rest.startswith(">"):
                return False
            line.strip()
            line.take(1)
            line.skip(1)
        elif self.kind in ("item", "footnote"):
            if line.is_blank:
                return not is_empty
            if line.indent < self.offset:
                return False
            line.skip(self.offset)
        return True


@dataclass(slots=True)
class Plan:
    """What a line means, before anything is done.

    It goes on with ``matched`` containers and perhaps the open leaf, starts others, and the rest is text.
    """

    line: Line
    matched: int
    opens: list[Start] = field(default_factory=list)
    leaf: Start | None = None
    goes_on: bool = False
