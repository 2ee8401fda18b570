"""What may reach a terminal, and a file."""

import io
import json
import os
from typing import TextIO

import gevent
import pytest

from app.cli.terminal import TURN_S, Terminal, Unwritable, clean, to_json

HOSTILE = "a\x1b]0;owned\x07b\x1b[2Jc\x9b31md\x7fe\x08\r\nf\tg\x00"


class Screen(io.StringIO):
    """A terminal that remembers everything."""

    def isatty(self) -> bool:
        return True


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


def test_takes_out_what_could_rewrite_the_screen() -> None:
    assert clean(HOSTILE) == "a]0;ownedb[2Jc31mde\nf\tg"


def test_leaves_letters_of_all_languages() -> None:
    text = "é ß ﷽ 日本 👩‍👩‍👧 \u200f\u00a0"

    assert clean(text) == text


@pytest.mark.parametrize("make", [io.StringIO, Screen])
def test_cleans_what_is_shown_only(make: type[TextIO]) -> None:
    out = make()

    Terminal(out, io.StringIO()).say(HOSTILE)

    assert out.getvalue() == (clean(HOSTILE) if out.isatty() else HOSTILE)


def test_cleans_whatever_is_told() -> None:
    err = io.StringIO()

    Terminal(io.StringIO(), err).tell("claude-\x1b[31mx")

    assert err.getvalue() == "claude-[31mx\n"


def test_escapes_controls_in_json_that_is_shown() -> None:
    shown = to_json({"text": HOSTILE + "é"}, is_shown=True)

    assert clean(shown) == shown
    assert "é" in shown
    assert json.loads(shown) == json.loads(to_json({"text": HOSTILE + "é"}, is_shown=False)) == {"text": HOSTILE + "é"}


def test_ends_the_line_on_a_terminal_only() -> None:
    screen, file = Screen(), io.StringIO()
    for out in (screen, file):
        terminal = Terminal(out, io.StringIO())
        terminal.end()
        terminal.say("one\n")
        terminal.end()
        terminal.say("two")
        terminal.end()

    assert screen.getvalue() == "one\ntwo\n"
    assert file.getvalue() == "one\ntwo"


def test_turns_a_spinner_until_something_is_written() -> None:
    out, err = io.StringIO(), Screen()
    terminal = Terminal(out, err)

    terminal.wait("Waiting")
    gevent.sleep(TURN_S * 2.5)
    terminal.wait("Thinking")
    gevent.sleep(TURN_S * 1.5)
    terminal.say("text")
    written = err.getvalue()
    gevent.sleep(TURN_S * 2.5)

    assert written.startswith("\r\x1b[K| Waiting\r\x1b[K/ Waiting")
    assert " Thinking" in written
    assert written.endswith("\r\x1b[K")
    assert err.getvalue() == written


def test_turns_nothing_in_a_file() -> None:
    err = io.StringIO()
    terminal = Terminal(Screen(), err)

    terminal.wait("Waiting")
    gevent.sleep(TURN_S * 1.5)
    terminal.settle()

    assert err.getvalue() == ""


def test_says_when_the_disk_is_full() -> None:
    with pytest.raises(Unwritable, match="cannot be written: No space left") as caught:
        Terminal(Full(), io.StringIO()).say("text")

    assert not caught.value.is_gone


def test_knows_when_the_reader_is_gone() -> None:
    reading, writing = os.pipe()
    os.fdopen(reading).close()  # at once; os.close leaves it to the loop
    with os.fdopen(writing, "w") as out, pytest.raises(Unwritable) as caught:
        Terminal(out, io.StringIO()).say("text")

    assert caught.value.is_gone


def test_needs_no_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    terminal = Terminal()

    terminal.wait("Waiting")
    terminal.say("text")
    terminal.tell("line")
    terminal.end()

    assert not terminal.is_shown
