"""The judge of all fault tests finds what it is there to find."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.record import Record, Seen

KEY, OTHER = "k0123456789", "kabcdefabcd"
SAID = f"{KEY}-1 {KEY}-2 {KEY}-3"


def record(**row: Any) -> Record:
    """Give a run in which all went well, but for what is named of its first reply."""
    rows = {
        "a": {"status": "done", "text": SAID, "epoch": 1, **row},
        "b": {"status": "done", "text": f"{OTHER}-1", "epoch": 1},
    }
    seen = Seen("a", "ann", [f"{KEY}-1", SAID], ["v-1", "v-2"], [KEY], [KEY], SAID, 1)
    return Record(rows, {KEY: [SAID], OTHER: [f"{OTHER}-1"]}, {"a": KEY, "b": OTHER}, {"a": "ann", "b": "bob"}, [seen])


def seen(**changes: Any) -> Record:
    found = record()
    found.viewers = [replace(found.viewers[0], **changes)]
    return found


def asked(calls: list[str], **row: Any) -> Record:
    found = record(**row)
    found.sent[KEY] = calls
    return found


def test_finds_nothing_wrong_where_nothing_is(tmp_path: Path) -> None:
    record().judge()
    record().save(tmp_path / "history.json")

    assert Record.load(tmp_path / "history.json") == record()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: record(status="running"), "no reply is left running"),
        (lambda: record(text="k0123456789-2"), "stored is a prefix"),
        (lambda: asked([SAID, SAID]), "asked once by each worker"),
        (lambda: asked([SAID] * 5, epoch=9), "again and again"),
        (lambda: asked([f"{SAID} {KEY}-4"]), "done means all of it"),
        (lambda: asked([f"{SAID} {KEY}-4"], status="interrupted"), "little is lost"),
        (lambda: seen(errors=["KeyError"]), "KeyError"),
        (lambda: seen(shown=[f"{KEY}-2"]), "shown is a prefix"),
        (lambda: seen(ids=["v-2", "v-1"]), "cursors only go on"),
        (lambda: seen(final=f"{KEY}-1"), "the page ends as what is stored"),
        (lambda: seen(keys=[KEY, OTHER]), "a word of another reply"),
        (lambda: seen(page_keys=[KEY, OTHER]), "a word of another person's"),
    ],
)
def test_finds_what_must_not_be(make: Callable[[], Record], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        make().judge()
