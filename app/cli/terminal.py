"""The terminal: what Claude says goes to standard output, all else to standard error."""

import json
import os
import re
import sys
from contextlib import suppress
from errno import EBADF
from itertools import cycle
from typing import Any, TextIO

import gevent

#: What could move the cursor, change colours or write over what stands there: all controls but newline and tab.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: Seconds that a picture of the spinner stands.
TURN_S = 0.1


class Unwritable(Exception):
    """Standard output takes no more; ``is_gone`` where that is because nobody reads it any longer."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"Standard output cannot be written: {error.strerror}.")
        self.is_gone = isinstance(error, BrokenPipeError)


def clean(text: str) -> str:
    """Take out the control characters."""
    return _CONTROLS.sub("", text)


def to_json(value: Any, *, is_shown: bool, indent: int | None = None) -> str:
    """Write a value as JSON; where it ``is_shown`` on a terminal, with all control characters escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text) if is_shown else text


class Terminal:
    """Both outputs; either may be a terminal, a file, a pipe, or closed."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out, self._err = out or sys.stdout, err or sys.stderr
        self.is_shown, self._is_told = _is_terminal(self._out), _is_terminal(self._err)
        self._is_in_line = False
        self._waiting = ""
        self._spinner: gevent.Greenlet | None = None
        for stream in (self._out, self._err):
            if hasattr(stream, "reconfigure"):  # what the locale has no letter for is written as an escape
                stream.reconfigure(errors="backslashreplace")

    def check(self) -> None:
        """Raise Unwritable where there is no standard output."""
        if self._out is None:
            raise Unwritable(OSError(EBADF, os.strerror(EBADF)))

    def say(self, text: str) -> None:
        """Write to standard output: exactly, or onto a terminal without control characters; raises Unwritable."""
        self.settle()
        text = clean(text) if self.is_shown else text
        if not text or self._out is None:
            return
        self._is_in_line = not text.endswith("\n")  # before it is written: Ctrl-C may come at any time
        try:
            self._out.write(text)
            self._out.flush()
        except OSError as error:
            _discard(self._out)
            raise Unwritable(error) from None
        except KeyboardInterrupt:
            if not self.is_shown:  # a pipe that nobody reads would hold up the end, too
                _discard(self._out)
            raise

    def end(self) -> None:
        """End the line on a terminal, if there is something in it."""
        if self.is_shown and self._is_in_line:
            self.say("\n")

    def tell(self, line: str) -> None:
        """Write a line to standard error."""
        self.settle()
        self._write(f"{clean(line)}\n")

    def wait(self, what: str) -> None:
        """Show on a terminal what is waited for, until something is written."""
        self._waiting = what
        if self._is_told and self._spinner is None:
            self._spinner = gevent.spawn(self._spin)

    def settle(self) -> None:
        """Take the spinner away."""
        if self._spinner is not None:
            self._spinner.kill()
            self._write("\r\x1b[K")
            self._spinner = None

    def _spin(self) -> None:
        for picture in cycle("|/-\\"):
            self._write(f"\r\x1b[K{picture} {self._waiting}"[: 3 + self._columns()])
            gevent.sleep(TURN_S)

    def _columns(self) -> int:
        with suppress(OSError, AttributeError):
            return os.get_terminal_size(self._err.fileno()).columns or 80
        return 80

    def _write(self, text: str) -> None:
        if self._err is None:
            return
        with suppress(OSError):
            self._err.write(text)
            self._err.flush()


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _discard(stream: TextIO) -> None:
    """Let what is still held for a stream go nowhere, so that the end of the process does not try it again."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
