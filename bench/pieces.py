"""What the fake Messages API says: texts of the corpus, cut into deltas of which some carry a mark."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.fakes.claude import delta

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "corpus"
#: What the pieces are made of: files of the corpus, without formulae, in which a mark would not stay a word.
PIECES = {
    "prose": ("02", "20", "22", "23"),
    "code": ("06", "25", "26", "28"),
    "mixed": ("03", "05", "06", "09", "13", "14", "21", "22", "23", "24", "25", "28", "35"),
}
MARK = "t000000000000x"
MARK_EVERY = 10


def chunk(data: bytes) -> bytes:
    """Frame bytes as a chunk of HTTP."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def marked(text: str) -> tuple[bytes, bytes]:
    """Give the bytes of a delta around the digits of the mark in it; without one, all are in front."""
    head, _digits, tail = chunk(delta(text)).partition(MARK[1:-1].encode())
    return head, tail


@cache
def script(name: str) -> tuple[list[tuple[bytes, bytes]], list[int]]:
    """Give the deltas of a piece, to be sent round and round, and the places where its texts begin."""
    steps: list[tuple[bytes, bytes]] = []
    starts = []
    for path in sorted(CORPUS.glob("*.md")):
        if name == "corpus" or path.stem[:2] in PIECES[name]:
            starts.append(len(steps))
            steps += texts(path.read_text() + "\n\n", is_marked=name != "corpus")
    return steps, starts


def texts(text: str, *, is_marked: bool) -> Iterator[tuple[bytes, bytes]]:
    """Cut a text into deltas, with a mark now and then where a word begins.

    Not in rows and in what is bold: Rill shows those when Claude has ended them, however long that takes.
    """
    since = 0
    for match in re.finditer("(?s).{1,4}", text):
        token, before = match[0], text[: match.start()]
        since += 1
        is_word = before.endswith(" ") and token[0].isalpha()
        if is_marked and since >= MARK_EVERY and is_word and not _is_held(before):
            token, since = f"{MARK} {token}", 0
        yield marked(token)


def _is_held(before: str) -> bool:
    """Whether what follows is held back until it is whole."""
    is_row = before.rpartition("\n")[2].startswith("|")
    return is_row or before.rpartition("\n\n")[2].count("**") % 2 == 1
