"""Finished texts as HTML: rendered in steps between which other requests have their turn, and remembered."""

from collections import OrderedDict

import gevent

from app.core.markdown import rendering

#: How much is remembered, in characters of texts and their HTML.
LIMIT = 4_000_000


class Remembered:
    """Texts and their HTML, of which those that were not asked for longest are forgotten first."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, str] = OrderedDict()
        self.size = 0

    def get(self, text: str) -> str | None:
        """Give the HTML of a text, if it is remembered."""
        if text in self._found:
            self._found.move_to_end(text)
        return self._found.get(text)

    def put(self, text: str, html: str) -> None:
        """Remember one, and forget others where there is no room."""
        if text in self._found:  # rendered twice at once
            return
        self._found[text] = html
        self.size += len(text) + len(html)
        while self.size > LIMIT and len(self._found) > 1:
            self.size -= sum(map(len, self._found.popitem(last=False)))


_remembered = Remembered()


def html(text: str) -> str:
    """Render a finished text; sanitised."""
    found = _remembered.get(text)
    if found is None:
        found = ""
        for step, _is_late in rendering(text):
            found = step
            gevent.sleep(0)
        _remembered.put(text, found)
    return found
