"""``flask chat`` as a process of its own: on a terminal, in a pipe, and with Ctrl-C at any time."""

import fcntl
import os
import shlex
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import psutil
import pytest

from app.cli.outcome import Exit
from tests.cli.conftest import PATIENCE_S, ROOT, OnTerminal
from tests.fakes.claude import HANG, Answer, FakeClaude, delta, failing, opening, saying

Start = Callable[..., OnTerminal]
CTRL_C = b"\x03"
NEWLINE = b"\r\n"  # as a terminal has it
HANGING = Answer([*opening(), delta("This much "), HANG])


@pytest.fixture
def deaf() -> Iterator[str]:
    """Give the URL of a server that lets nobody connect: its queue is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        callers = [socket.socket() for _turn in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for caller in callers:
            caller.close()


def closed(fake: FakeClaude) -> int:
    """Give how many connections were closed early, once there is one."""
    with gevent.Timeout(PATIENCE_S):
        while not fake.closed:
            gevent.sleep(0.02)
    return fake.closed


def has_trace(chat: OnTerminal) -> bool:
    """Say whether there is on the screen what Python or gevent print of an exception."""
    return b"Traceback" in chat.screen or b"KeyboardInterrupt" in chat.screen


def test_shows_only_what_is_safe(start: Start, fake: FakeClaude) -> None:
    fake.answers.append(saying("Here ", "I am.\n\x1b]0;own", "ed\x07\x1b[2Jb\x9b1mc\rd"))

    chat = start("Hi")

    assert chat.end() == Exit.DONE
    waiting, _away, rest = chat.screen.rpartition(b"\r\x1b[K")
    assert waiting.startswith(b"\r\x1b[K| Waiting for Claude")
    assert rest.startswith(
        b"Here I am.\r\n]0;owned[2Jb1mcd" + NEWLINE + b"12 tokens in, 34 out; at most $0.00182; first token "
    )
    assert rest.endswith(b"; claude-fake, end_turn" + NEWLINE)


def test_shows_that_it_tries_again(start: Start, fake: FakeClaude) -> None:
    fake.answers += [failing(529, "overloaded_error"), saying("After all.")]

    chat = start("Hi")

    assert chat.end() == Exit.DONE
    assert b"\r\x1b[KClaude is busy. Trying again in 1 s (attempt 2 of 3)" + NEWLINE in chat.screen
    assert b"claude.failed" not in chat.screen
    assert b"\r\x1b[KAfter all." + NEWLINE in chat.screen


def test_has_no_spinner_in_a_file(start: Start, fake: FakeClaude) -> None:
    fake.answers.append(Answer([0.4, *saying("Here.").body]))

    chat = start("Hi", piped=("stderr",))

    assert chat.end() == Exit.DONE
    assert chat.screen == b"Here." + NEWLINE
    assert chat.process.stderr.read().startswith(b"12 tokens in")


@pytest.mark.parametrize("options", [[], ["--no-stream"]])
def test_stops_before_the_first_word(start: Start, fake: FakeClaude, options: list[str]) -> None:
    fake.answers.append(Answer([HANG]))
    chat = start("Hi", *options)
    chat.until(b"/ Waiting for Claude")
    with gevent.Timeout(PATIENCE_S):
        while not fake.requests:
            gevent.sleep(0.02)

    chat.type(CTRL_C)

    assert chat.end() == Exit.STOPPED
    assert b"Stopped." in chat.screen
    assert not has_trace(chat)
    assert closed(fake) == 1


def test_stops_in_mid_stream(start: Start, fake: FakeClaude) -> None:
    fake.answers.append(HANGING)
    chat = start("Hi")
    chat.until(b"This much ")  # the rest never comes

    chat.type(CTRL_C)

    assert chat.end() == Exit.STOPPED
    assert chat.screen.partition(b"This much ")[2].startswith(b"^C" + NEWLINE + b"Stopped." + NEWLINE)
    assert not has_trace(chat)
    assert closed(fake) == 1


def test_stops_while_words_pour_in(start: Start, fake: FakeClaude) -> None:
    fake.answers.append(saying(*["word "] * 20_000, pause_s=0.0005))
    chat = start("Hi")
    chat.until(b"word word word")

    chat.type(CTRL_C)

    assert chat.end() == Exit.STOPPED
    assert b"Stopped." in chat.screen
    assert not has_trace(chat)
    assert closed(fake) == 1


def test_stops_while_it_waits_to_try_again(start: Start, fake: FakeClaude) -> None:
    fake.answers.append(failing(429, "rate_limit_error", retry_after="19"))
    chat = start("Hi")
    chat.until(b"(attempt 2 of 2)" + NEWLINE)

    chat.type(CTRL_C)

    assert chat.end() == Exit.STOPPED
    assert b"Stopped." in chat.screen
    assert not has_trace(chat)
    assert len(fake.requests) == 1


def test_stops_while_it_connects(start: Start, deaf: str) -> None:
    chat = start("Hi", ANTHROPIC_BASE_URL=deaf)
    chat.until(b"/ Waiting for Claude")

    chat.type(CTRL_C)

    assert chat.end() == Exit.STOPPED
    assert b"Stopped." in chat.screen
    assert b"Trying again" not in chat.screen
    assert not has_trace(chat)


def test_stops_while_nobody_reads_what_it_prints(start: Start, fake: FakeClaude) -> None:
    fake.answers.append(saying(*["word " * 2_000] * 200))
    chat = start("Hi", piped=("stdout",))
    with gevent.Timeout(PATIENCE_S):
        while unread(chat) < 60_000:  # a pipe holds 64 kB
            gevent.sleep(0.02)

    chat.type(CTRL_C)

    assert chat.end() == Exit.STOPPED
    assert not has_trace(chat)
    assert unread(chat) > 0


def unread(chat: OnTerminal) -> int:
    """Give how many bytes wait in the pipe behind standard output."""
    return struct.unpack("i", fcntl.ioctl(chat.process.stdout, termios.FIONREAD, bytes(4)))[0]


def test_stops_while_the_app_loads(start: Start, tmp_path: Path) -> None:
    key = tmp_path / "key"
    os.mkfifo(key)
    chat = start("Hi", ANTHROPIC_API_KEY_FILE=str(key))
    with key.open("wb"):  # it has been opened to be read, too, and nothing comes
        chat.type(CTRL_C)
        code = chat.end()

    assert code == Exit.STOPPED
    assert chat.screen == b"^C"


def test_stops_while_it_reads_the_prompt(start: Start, fake: FakeClaude) -> None:
    chat = start(piped=("stdin",))
    with gevent.Timeout(PATIENCE_S):
        chat.process.stdin.write(b"x" * 200_000)  # more than a pipe holds: it has begun to read
        chat.process.stdin.flush()
        while psutil.Process(chat.process.pid).status() != psutil.STATUS_SLEEPING:  # and waits for the rest
            gevent.sleep(0.02)

    chat.type(CTRL_C)

    assert chat.end() == Exit.STOPPED
    assert not has_trace(chat)
    assert fake.requests == []


def test_ends_quietly_when_the_reader_is_gone(environ: dict[str, str], command: list[str], fake: FakeClaude) -> None:
    fake.answers.append(saying(*["line\n"] * 400, pause_s=0.01))
    chat = subprocess.Popen([*command, "Hi"], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1)

    assert chat.stdout.readline() == b"line\n"
    chat.stdout.close()

    assert chat.stderr.read() == b""
    assert chat.wait(PATIENCE_S) == Exit.UNREAD
    assert closed(fake) == 1


def test_says_that_the_disk_is_full(environ: dict[str, str], command: list[str]) -> None:
    nothing = subprocess.DEVNULL
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*command, "Hi"], cwd=ROOT, env=environ, stdin=nothing, stdout=full, stderr=-1)

    assert done.returncode == Exit.UNWRITTEN
    assert done.stderr == b"Standard output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("options", ["", "--json", "--no-stream"])
def test_asks_nothing_where_there_is_no_output(
    environ: dict[str, str], command: list[str], fake: FakeClaude, options: str
) -> None:
    words = f"{shlex.join(command)} Hi {options} </dev/null >&-"
    done = subprocess.run(["sh", "-c", words], cwd=ROOT, env=environ, stderr=-1, timeout=PATIENCE_S)

    assert done.returncode == Exit.UNWRITTEN
    assert done.stderr == b"Standard output cannot be written: Bad file descriptor.\n"
    assert fake.requests == []


def test_reads_what_is_piped_in(environ: dict[str, str], command: list[str], fake: FakeClaude) -> None:
    done = subprocess.run(
        [*command, "Summarise this"],
        cwd=ROOT,
        env=environ,
        input="Grüße\n".encode(),
        capture_output=True,
        timeout=PATIENCE_S,
    )

    assert (done.returncode, done.stdout) == (Exit.DONE, b"Hello from the fake.")
    assert fake.requests[0]["messages"][0]["content"] == "Summarise this\n\nGrüße\n"


def test_says_what_is_wrong_with_the_settings(environ: dict[str, str], command: list[str]) -> None:
    done = subprocess.run(
        [*command, "Hi"], cwd=ROOT, env=environ | {"RILL_THINKING": "hard"}, capture_output=True, timeout=PATIENCE_S
    )

    assert done.returncode == Exit.SETUP
    assert done.stderr == b"Rill cannot start. RILL_THINKING must be one of: off, adaptive.\n"


def test_shows_the_demo_word_by_word(start: Start) -> None:
    chat = start("Hello", ANTHROPIC_BASE_URL="", RILL_DEMO_SPEED="0.2")
    chat.until(b"Hello! I am")

    assert b"Rill again to talk to Claude" not in chat.screen
    chat.type(CTRL_C)
    assert chat.end() == Exit.STOPPED
    assert b"Rill again to talk to Claude" not in chat.screen
    assert not has_trace(chat)


def test_is_patched_so_that_watchdogs_ring(environ: dict[str, str]) -> None:
    asked = "import wsgi; from gevent import monkey; print(monkey.is_module_patched('socket'))"

    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, env=environ, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("True\n", "")
