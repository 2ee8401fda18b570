"""Finished texts as HTML: rendered in steps between which other requests have their turn, and remembered."""

from collections import OrderedDict

import gevent

from app.core.markdown import rendering

#: How much HTML is remembered, in characters.
_LIMIT = 4_000_000
_remembered: OrderedDict[str, str] = OrderedDict()


def html(text: str) -> str:
    """Render a finished text; sanitised."""
    found = _remembered.get(text)
    if found is None:
        for step, _is_late in rendering(text):
            found = step
            gevent.sleep(0)
        _remembered[text] = found or ""
    _remembered.move_to_end(text)
    while len(_remembered) > 1 and sum(map(len, _remembered.values())) > _LIMIT:
        _remembered.popitem(last=False)
    return _remembered[text]
