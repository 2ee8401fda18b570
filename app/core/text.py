"""Text, and JSON, that every store takes."""

import json
import re
import unicodedata
from math import isinf
from typing import Any

#: How deep JSON may be nested: pages read again, within many calls of their own, what a stream was read into.
MAX_DEPTH = 100

# Postgres has no room for NUL, and UTF-8 none for half a surrogate pair.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def finite(digits: str) -> float:
    """Read a number of JSON; raises ValueError where no double holds it."""
    number = float(digits)
    if isinf(number):  # it would be written as Infinity, which is no JSON
        raise ValueError("a number out of range")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=finite)  # json.loads would make one for each text


def storable(text: str) -> str:
    """Give the text with U+FFFD in place of what cannot be stored."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def plain(text: str) -> str:
    """Give the text on one line, without what cannot be seen: controls, changes of direction, what is not assigned."""
    seen = (" " if each.isspace() else each for each in text if each.isspace() or unicodedata.category(each)[0] != "C")
    return " ".join("".join(seen).split())


def is_meant(written: str, name: str) -> bool:
    """Say whether somebody wrote a name, to say that they mean what they do to it."""
    return " ".join(written.split()).casefold() == " ".join(name.split()).casefold()


def lowered(text: str) -> str:
    """Give the text with the letters of ASCII small, and all others as they are: no two names become one."""
    return "".join(each.lower() if each.isascii() else each for each in text)


def from_json(text: str) -> Any:
    """Read JSON, with U+FFFD for NUL and half a surrogate pair, which can be escaped but not be stored or sent.

    Raises ValueError for what is no JSON, what is nested deeper than MAX_DEPTH, and numbers that no double holds.
    """
    try:
        found = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if text.count("{") + text.count("[") > MAX_DEPTH and not _is_within(found, MAX_DEPTH):
        raise ValueError("nested too deep")
    if "\\u" in text:
        written = storable(json.dumps(found, ensure_ascii=False))
        found = json.loads(_ESCAPED_NUL.sub("\\1\ufffd", written))
    return found


def _is_within(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_within(item, depth - 1) for item in inner)
