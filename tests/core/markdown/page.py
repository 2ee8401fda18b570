"""A page as a reader has it, built from changes alone."""

from bs4 import BeautifulSoup, Tag

from app.core.markdown import Append, Changes, Grow, Incremental, Replace, Reset


class Page:
    """Applies changes the way the browser does: all places are found first."""

    def __init__(self, growing: Incremental | None = None, html: str = '<i class="t"></i>') -> None:
        self._soup = BeautifulSoup(f"<main>{html}</main>", "html.parser")
        self._cursor = self._soup.find("i", class_="t")
        self.growing = growing or Incremental()
        self.resets = 0

    @property
    def html(self) -> str:
        """What is in the page, but for the cursor."""
        return canonical(str(self._soup.main.decode_contents()).replace('<i class="t"></i>', ""))

    def feed(self, text: str) -> None:
        """Feed a text, and what is left to do of it."""
        self.apply(self.growing.feed(text))
        self.settle()

    def finish(self) -> None:
        """End the text."""
        self.apply(self.growing.finish())
        self.settle()

    def settle(self) -> None:
        while self.growing.is_busy:
            self.apply(self.growing.feed())

    def apply(self, changes: Changes) -> None:
        """Do what a browser would."""
        places = [self._above(getattr(change, "level", 0)) for change in changes.changes]
        old, self._cursor = self._cursor, None if changes.is_moved else self._cursor
        for change, place in zip(changes.changes, places, strict=True):
            self._apply(change, place)
        if changes.is_moved:
            old.extract()
        assert self._cursor is not None
        assert any(parent is self._soup for parent in self._cursor.parents)

    def _apply(self, change: object, place: Tag) -> None:
        match change:
            case Append(html):
                for node in self._nodes(html):
                    place.insert_before(node)
            case Grow(_level, html):
                place.extend(self._nodes(html))
            case Replace(_level, html, True):
                for node in self._nodes(html):
                    place.insert_before(node)
                place.extract()
            case Replace(_level, html):
                place.clear()
                place.extend(self._nodes(html))
            case Reset(html):
                self.resets += 1
                self._soup.main.clear()
                self._soup.main.extend(self._nodes(html))

    def _above(self, level: int) -> Tag:
        place = self._cursor
        for _step in range(level):
            place = place.parent
        return place

    def _nodes(self, html: str) -> list[Tag]:
        """Parse, and see whether a new cursor comes."""
        found = nodes(html)
        for node in found:
            cursor = node if getattr(node, "attrs", {}).get("class") == ["t"] else None
            cursor = cursor or (isinstance(node, Tag) and node.find("i", class_="t"))
            if cursor:
                self._cursor = cursor
        return found


def canonical(html: str) -> str:
    """Write HTML so that equal trees are equal texts."""
    return BeautifulSoup(html, "html.parser").decode(formatter="minimal")


def nodes(html: str) -> list[Tag]:
    """Parse inside of ``pre``, where Beautiful Soup leaves white space as it is."""
    return list(BeautifulSoup(f"<pre>{html}</pre>", "html.parser").pre.contents)
