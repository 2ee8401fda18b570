"""Where inline Markdown can be cut while it grows, so that each part can be rendered on its own.

A cut lies in front of white space (or between two letters of a script that has none), outside of code,
links and formulae. Outside of emphasis it is safe: what is before it can no longer change.
"""

import re
from typing import NamedTuple

Open = tuple[str, ...]

_ORDINARY = re.compile(r"[^\\`*_~\[!<&$]+")
_RUN = re.compile(r"([`*_~$])\1*")
_ENTITY = re.compile(r"&(?:#\w{1,8}|\w{1,31});")
_ENTITY_START = re.compile(r"&#?\w{0,31}$")
_AUTOLINK = re.compile(r"<[^\s<>]*>")
_AUTOLINK_START = re.compile(r"<[^\s<>]*$")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u205e\u3001-\u3003\u3008-\u3011]")
_BRACKET = re.compile(r"\\.|`+|[\[\]]", re.S)
_URL = re.compile(r"[(*_~]*(?:https?|www|ftp|mailto)", re.I)
#: First letter of the scripts that write words without spaces between them (CJK and its punctuation).
_CJK = "\u2e80"

#: How much text, in characters, may wait for the end of a link, a formula or code before it is shown as it is.
PATIENCE = 300
#: How many marks are looked at in one go; a text with more of them is hardly one.
_MARKS = 400
#: How deep brackets may nest in a link's text.
_DEPTH = 8
_HOLD = -1


class Cut(NamedTuple):
    """A place in the text, and the emphasis that is open there."""

    pos: int
    open: Open


def find(text: str, start: Cut, *, is_complete: bool = False) -> tuple[Cut, Cut]:
    """Give the last safe cut after ``start``, and the last cut of any kind."""
    pos, open_, size = start.pos, list(start.open), len(text)
    safe = last = start
    marks = _MARKS if is_complete else _MARKS // 4
    while pos < size and marks:
        if match := _ORDINARY.match(text, pos):
            place = _in_run(text, pos, match.end(), is_complete=is_complete)
            if place > last.pos:
                last = Cut(place, tuple(open_))
                if not open_:
                    safe = last
            pos = match.end()
            continue
        marks -= 1
        pos = _after_special(text, pos, open_)
        if pos == _HOLD:
            break
    return safe, last


def _in_run(text: str, start: int, end: int, *, is_complete: bool) -> int:
    """Find the last place to cut in text without markup; 0 where there is none."""
    place = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
    word = place + 1 if place >= 0 else start
    if end - word > 1 and text[end - 1] > _CJK and text[end - 2] > _CJK and not _URL.match(text, word):
        return end - 1
    if end - word > PATIENCE and not is_complete:
        return end - 1
    while place > start and text[place - 1].isspace():
        place -= 1
    return max(place, 0)


def _after_special(text: str, pos: int, open_: list[str]) -> int:
    """Step over what starts at ``pos``; below 0 where its end is not known yet."""
    char = text[pos]
    if char in "*_~":
        return _emphasis(text, pos, open_)
    if char == "`" or char == "$":
        return _closed_run(text, pos)
    if char == "[":
        return _waiting(text, pos, _link(text, pos))
    if pos + 1 == len(text):
        return _HOLD
    if char == "\\":
        closer = {"(": r"\)", "[": r"\]"}.get(text[pos + 1])
        return _waiting(text, pos, _find(text, closer, pos + 2)) if closer else pos + 2
    if char == "<":
        match = _AUTOLINK.match(text, pos)
        return match.end() if match else _waiting(text, pos, _HOLD if _AUTOLINK_START.match(text, pos) else pos + 1)
    if char == "&":
        match = _ENTITY.match(text, pos)
        return match.end() if match else _HOLD if _ENTITY_START.match(text, pos) else pos + 1
    return pos + 1


def _waiting(text: str, pos: int, end: int) -> int:
    """Stop waiting for an end that does not come."""
    return pos + 1 if end == _HOLD and len(text) - pos > PATIENCE else end


def _find(text: str, closer: str, start: int) -> int:
    end = text.find(closer, start)
    return end + len(closer) if end >= 0 else _HOLD


def _closed_run(text: str, pos: int) -> int:
    """Step over code, or a formula between dollars."""
    match = _RUN.match(text, pos)
    assert match
    run, start = match[0], match.end()
    if start == len(text):
        return start if start - pos > PATIENCE else _HOLD
    if run[0] == "$" and (len(run) > 2 or text[start].isspace() or (len(run) == 1 and text[start].isdigit())):
        return start
    char = re.escape(run[0])
    pattern = rf"(?<!{char}){char}{{{len(run)}}}(?!{char})" if run[0] == "`" else rf"(?<![\s\\]){char}{{{len(run)}}}"
    close = re.compile(pattern).search(text, start)
    end = close.end() if close else _waiting(text, pos, _HOLD)
    return start if end == pos + 1 else end


def _link(text: str, pos: int) -> int:
    """Step over a link or an image, up to its target where it has one."""
    depth, end = 0, _HOLD
    for match in _BRACKET.finditer(text, pos, pos + PATIENCE + 1):
        depth += {"[": 1, "]": -1}.get(match[0], 0)
        if depth > _DEPTH:
            return pos + 1
        if depth == 0:
            end = match.end()
            break
    if end == _HOLD or end == len(text):
        return _HOLD
    if text[end] == "(":
        return _find(text, ")", end + 1)
    if text[end] == "[":
        return _find(text, "]", end + 1)
    return end


def _emphasis(text: str, pos: int, open_: list[str]) -> int:
    """Open or close emphasis, by CommonMark's rules of flanking (0.31.2, 6.2)."""
    match = _RUN.match(text, pos)
    assert match
    run, end = match[0], match.end()
    if end == len(text):
        return _HOLD
    before, after = text[pos - 1] if pos else " ", text[end]
    is_left = not after.isspace() and (not _PUNCTUATION.match(after) or _is_edge(before))
    is_right = not before.isspace() and (not _PUNCTUATION.match(before) or _is_edge(after))
    if run[0] == "_":
        is_left, is_right = (
            is_left and (not is_right or bool(_PUNCTUATION.match(before))),
            is_right and (not is_left or bool(_PUNCTUATION.match(after))),
        )
    if run[0] == "~" and len(run) != 2:
        return end
    left = len(run)
    while is_right and left and (place := _last_open(open_, run[0])) is not None and len(open_[place]) <= left:
        left -= len(open_[place])
        del open_[place:]
    if is_left and left and len(open_) < 6:
        open_.extend([run[0] * 2] * (left // 2) + [run[0]] * (left % 2))
    return end


def _is_edge(char: str) -> bool:
    return char.isspace() or bool(_PUNCTUATION.match(char))


def _last_open(open_: list[str], char: str) -> int | None:
    return next((place for place in range(len(open_) - 1, -1, -1) if open_[place][0] == char), None)
