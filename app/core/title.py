"""The title of a conversation: the first words of a message, without the marks of Markdown."""

import re

#: Longest title, and how much of a message is looked at for it, in characters.
_MOST, _READ = 60, 500
_START = re.compile(r"^[ \t]*(?:(?:#{1,6}|>|[-*])[ \t]+)+", re.M)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.M)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_EMPHASIS = re.compile(r"(?<![\w*_])(\*{1,3}|_{1,3}|~~)(?=\S)([^*_~]+)(?<=\S)\1(?![\w*_])")
_CODE = re.compile(r"`+([^`]+)`+")


def title_of(text: str) -> str:
    """Make a title from the first words of a message; what is nothing but marks keeps them."""
    head = text[:_READ]
    line = " ".join(_without_marks(head).split()) or " ".join(head.split())
    if len(line) <= _MOST:
        return line
    first, _space, _rest = line[: _MOST + 1].rpartition(" ")
    return f"{first or line[:_MOST]}…"


def _without_marks(text: str) -> str:
    text = _START.sub("", _FENCE.sub("", text))
    return _CODE.sub(r"\1", _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", text)))
