"""What starts a block: CommonMark 0.31.2, GFM tables, footnotes, and formulae on lines of their own."""

import re
from dataclasses import dataclass

from app.core.markdown.lines import Line

#: A longer line starts nothing but quotes and list items.
LINE_LIMIT = 4_000

_SPECIAL = re.compile(r"[#>`~$\\\[=|:*_+\-0-9]")
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_HEADING_END = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
_FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
_RULE = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|(?:-[ \t]*){3,})$")
_UNDERLINE = re.compile(r"(=+|-+)[ \t]*$")
_BULLET = re.compile(r"([-+*])(?=[ \t]|$)")
_NUMBER = re.compile(r"(\d{1,9})([.)])(?=[ \t]|$)")
_FOOTNOTE = re.compile(r"\[\^([^\]\s\[^]{1,30})\]:")
_DELIMITER = re.compile(r"(?!-[ \t])[|:\-][|:\- \t]*$")
_ALIGNMENT = re.compile(r":?-+:?")
_PIPE = re.compile(r"(?<!\\)\|")
_TASK = re.compile(r"\[([ xX])\][ \t]+(?=\S)")
#: While a line holds nothing else, it may still become anything.
_UNDECIDED = re.compile(r"[\s\-+*_=:|#>~`$\\\d.)\[\]^!<&]*$")
_MATH = {"$$": "$$", r"\[": r"\]"}


@dataclass(frozen=True, slots=True)
class Start:
    """A block that starts: its kind, what is known of it, and for a leaf its first text."""

    kind: str
    text: str = ""
    offset: int = 0
    marker: str = ""
    number: int = 0
    level: int = 0
    columns: tuple[str, ...] = ()


def find(line: Line, paragraph: str | None) -> Start | None:
    """Find what starts at a line's next character; ``paragraph`` is the text of the one it would interrupt.

    For containers the marker is taken from the line.
    """
    rest = line.rest.lstrip(" \t")
    if not _SPECIAL.match(rest):
        return None
    if rest[0] == ">":
        line.strip()
        line.take(1)
        line.skip(1)
        return Start("quote")
    if len(rest) <= LINE_LIMIT and (start := _leaf(line, rest, paragraph)):
        return start
    if match := _FOOTNOTE.match(rest):
        line.strip()
        line.take(match.end())
        return Start("footnote", marker=match[1])
    return _item(line, rest, paragraph)


def _leaf(line: Line, rest: str, paragraph: str | None) -> Start | None:
    if match := _HEADING.match(rest):
        return Start("heading", text=rest[match.end() :], level=len(match[1]))
    if match := _FENCE.match(rest):
        info, marker = (match[2], match[1]) if match[1] else (match[4], match[3])
        return Start("fence", text=info.strip(), marker=marker, offset=line.indent)
    if start := _math(rest):
        return start
    if paragraph is not None:
        if columns := _columns(rest, paragraph):
            return Start("table", columns=columns)
        if (match := _UNDERLINE.match(rest)) and paragraph.strip():
            return Start("underline", level=1 if match[1][0] == "=" else 2)
    return Start("rule") if _RULE.match(rest) else None


def _math(rest: str) -> Start | None:
    closer = _MATH.get(rest[:2])
    if closer is None or rest[2:3] == "$":
        return None
    body, closing, after = rest[2:].partition(closer)
    if not closing:
        if closer == r"\]" and body.strip():  # an escaped bracket at the start of a sentence
            return None
        return Start("math", text=body, marker=closer)
    return Start("formula", text=body) if not after.strip() and body.strip() else None


def _item(line: Line, rest: str, paragraph: str | None) -> Start | None:
    match = _BULLET.match(rest) or _NUMBER.match(rest)
    if not match:
        return None
    number = int(match[1]) if match.re is _NUMBER else 0
    is_empty = not rest[match.end() :].strip()
    if paragraph is not None and (is_empty or (match.re is _NUMBER and number != 1)):
        return None
    before = line.indent
    line.strip()
    line.take(match.end())
    spaces = line.indent
    padding = 1 if is_empty or spaces > 4 else spaces
    line.skip(padding)
    marker = match[2] if match.re is _NUMBER else match[1]
    return Start("item", marker=marker, number=number, offset=before + match.end() + padding)


def heading_text(text: str) -> str:
    """Give a heading's text without its closing sequence."""
    return _HEADING_END.sub("", text.strip(" \t")).strip(" \t")


def cells(row: str) -> list[str]:
    """Split a table's row at its pipes."""
    found = [cell.replace(r"\|", "|").strip(" \t") for cell in _PIPE.split(row.strip(" \t"))]
    if found and not found[0]:
        found = found[1:]
    return found[:-1] if found and not found[-1] else found


def _columns(delimiter: str, paragraph: str) -> tuple[str, ...]:
    """Read the alignments from a table's delimiter row; empty where it is none for the paragraph's last line."""
    header = paragraph.rpartition("\n")[2]
    if not _DELIMITER.match(delimiter) or "|" not in header or len(header) > LINE_LIMIT:
        return ()
    found = cells(delimiter)
    if len(found) != len(cells(header)) or not all(_ALIGNMENT.fullmatch(cell) for cell in found):
        return ()
    names = {(True, True): "center", (True, False): "left", (False, True): "right"}
    return tuple(names.get((cell[0] == ":", cell[-1] == ":"), "") for cell in found)


def task(text: str) -> str | None:
    """Give the mark in a task's box; None where a list item is no task."""
    match = _TASK.match(text)
    return match[1] if match else None


def is_undecided(rest: str, *, is_in_item: bool) -> bool:
    """Say whether the start of a line, found to be text, may still turn out to be something else."""
    if len(rest) > LINE_LIMIT:
        return False
    if rest[0] == "|" or _UNDECIDED.match(rest):
        return True
    if rest.startswith(r"\["):
        return not rest.partition(r"\]")[2].strip()
    if rest[0] == "[":
        end = rest.find("]")
        return end < 0 or end + 1 == len(rest) or (is_in_item and task(rest) is None and not rest[end + 1 :].strip())
    return False
