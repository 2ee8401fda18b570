"""What htmx makes of a stream: a page built from the frames alone."""

import re

from bs4 import BeautifulSoup, Tag


def nodes(html: str) -> list[object]:
    """Parse inside of ``pre``, where Beautiful Soup leaves white space as it is."""
    return list(BeautifulSoup(f"<pre>{html}</pre>", "html.parser").pre.contents)


class Page:
    """Applies each frame to a tree, the way htmx does: all targets are found before the first swap."""

    def __init__(self, reply_id: str, html: str = "") -> None:
        self._body = f"reply-{reply_id}-body"
        page = (
            f'<div id="{self._body}">{html}</div><p id="w"></p><div id="k"></div><p id="status"></p><p id="notice"></p>'
        )
        self.tree = BeautifulSoup(page, "html.parser")
        self.ids: list[str] = []
        self.is_done = False
        self.bytes = 0

    @property
    def body(self) -> Tag:
        """The part of the page that grows."""
        return self.tree.find(id=self._body)

    @property
    def text(self) -> str:
        """The text of the reply."""
        return " ".join(self.body.get_text(" ").split())

    @property
    def html(self) -> str:
        """The reply, without the cursor and the mark of its end."""
        marks = r'<i class="(t|whole)"></i>'
        return re.sub(marks, "", BeautifulSoup(self.body.decode_contents(), "html.parser").decode())

    def take(self, wire: str) -> "Page":
        """Take in what came over the wire."""
        self.bytes += len(wire.encode())
        for event in wire.split("\n\n"):
            if "event: done" in event:
                self.is_done = True
                continue
            self.ids += re.findall("^id: (.*)$", event, re.M)
            self._swap("\n".join(re.findall("^data: ?(.*)$", event, re.M)))
        return self

    def _swap(self, data: str) -> None:
        tasks = []
        text = []
        for node in nodes(data):
            if isinstance(node, Tag) and node.name == "hx-partial":
                places = self._find(node["hx-target"])
                if node["hx-swap"] == "delete" and not places:
                    continue
                [place] = places
                tasks.append((place, node["hx-swap"], list(node.contents)))
            else:
                text.append(node)
        if "".join(node.get_text() for node in text).strip():
            [cursor] = self.tree.select(".t")
            tasks.insert(0, (cursor, "beforebegin", text))
        for task in tasks:
            _apply(*task)

    def _find(self, target: str) -> list[Tag]:
        """Find what a selector means; Beautiful Soup knows no ``:has(>*>.t)``, so that is walked."""
        if not target.startswith(":has("):
            return self.tree.select(target)
        [cursor] = self.tree.select(".t")
        for _level in range(target.count(">")):
            cursor = cursor.parent
        return [cursor]


def _apply(place: Tag, swap: str, content: list[object]) -> None:
    match swap:
        case "beforeend":
            place.extend(content)
        case "beforebegin":
            place.insert_before(*content) if content else None
        case "outerHTML":
            place.replace_with(*content)
        case "delete":
            place.extract()
        case "innerMorph" | "innerHTML" | "textContent":
            place.clear()
            place.extend(content)
        case _:
            raise AssertionError(swap)
