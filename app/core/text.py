"""Text that every store takes."""

import re

# Postgres has no room for NUL, and UTF-8 none for half a surrogate pair.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Give the text with U+FFFD in place of what cannot be stored."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)
