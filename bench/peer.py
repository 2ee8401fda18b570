"""Rill beside the backend that a lesson teaches (``bench/lesson.py``): the same API, the same upstream, in one run.

``python -m bench.peer [COUNT …]`` with how many programs ask at once; 1, 40, 100 and 200 without. The peer gets an
environment of its own, ``.venv-peer``. Both servers run all the time and take turns: peer, Rill, Rill, peer. Each has
one process. They, the fake Claude and the programs share the machine's cores, so only the ratios say something.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.driving import wish
from bench.processes import ROOT, Served, free_port, line, rill, running, upstream, wait_for

COUNTS = (1, 40, 100, 200)
MOST = 250
#: Streams that the peer reads at once.
THREADS = 40
#: Tokens of a reply: more where few ask, because CPU is counted in hundredths of a second.
TOKENS, TOKENS_OF_FEW, FEW = 100, 400, 10
#: As fast as Claude, who takes so long to the first token.
PACE = {"rate": 50, "wait": 0.3}
#: Longest time a turn, and the installation, may take, in seconds.
TURN_S, INSTALL_S = 60.0, 300.0
ENVIRONMENT, REQUIREMENTS = ROOT / ".venv-peer", ROOT / "bench" / "peer-requirements.txt"


@dataclass(frozen=True)
class Turn:
    """What a turn of one server took: milliseconds, and milliseconds of CPU for 1,000 tokens."""

    first_ms: float
    last_first_ms: float
    end_ms: float
    last_end_ms: float
    cpu_ms: float
    whole: int


def install() -> str:
    """Make the peer's environment, unless it is as it should be, and give its Python."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed.txt"
    if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        for words in (
            [sys.executable, "-m", "venv", "--clear", ENVIRONMENT],
            [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r", REQUIREMENTS],
        ):
            subprocess.run(words, check=True, timeout=INSTALL_S)
        stamp.write_bytes(REQUIREMENTS.read_bytes())
    return str(python)


@contextmanager
def lesson(python: str, upstream_url: str) -> Iterator[Served]:
    """Serve the peer."""
    with tempfile.TemporaryDirectory(prefix="rill-peer-") as folder:
        port, log = free_port(), Path(folder) / "log"
        env = {"ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": upstream_url}
        words = ("uvicorn", "bench.lesson:app", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning")
        with running(*words, log=log, python=python, **env) as process:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/openapi.json")
            yield Served(url, (process.pid,), log)


def take_turn(server: Served, count: int) -> Turn:
    """Let so many programs ask at once, and measure until all have ended."""
    tokens = TOKENS_OF_FEW if count < FEW else TOKENS
    server.settle(2)
    before = server.cpu_s()
    with running("bench.chatters", server.url, str(count), wish(tokens=tokens, **PACE)) as process:
        seen: dict[str, Any] = json.loads(line(process, TURN_S))
    cpu_ms = (server.cpu_s() - before) * 1e3 / (count * tokens / 1e3)
    if not seen["whole"]:
        raise RuntimeError(f"no reply of {count} came whole")
    first, end = seen["first"], seen["end"]
    return Turn(first["p50"], first["max"], end["p50"], end["max"], cpu_ms, seen["whole"])


def table(count: int, ours: list[Turn], peers: list[Turn]) -> Iterator[str]:
    """Write the figures of both, means of their turns, and the ratios."""
    for name, what in (
        ("first_ms", "first text, p50"),
        ("last_first_ms", "first text, last of all"),
        ("end_ms", "complete, p50"),
        ("last_end_ms", "complete, last of all"),
        ("cpu_ms", "CPU of 1,000 tokens"),
    ):
        mine, its = (sum(getattr(turn, name) for turn in turns) / len(turns) for turns in (ours, peers))
        ratio = f"{mine / its:9.2f} ×" if its else "        –"
        yield f"{count:7}  {what:26}{mine:9,.0f} ms{its:9,.0f} ms{ratio}"
    mine, its = (sum(turn.whole for turn in turns) for turns in (ours, peers))
    yield f"{count:7}  {'replies that came whole':26}{mine:9,}   {its:9,}   of {count * len(ours):,} each"


def last_first(turns: list[Turn]) -> float:
    """Give when the last of all had its first text, on average of the turns."""
    return sum(turn.last_first_ms for turn in turns) / len(turns)


def verdict(last_firsts: dict[int, tuple[float, float]]) -> tuple[bool, list[str]]:
    """Say whether Rill stalls where the peer does: by the last first text of each count, ours and the peer's.

    The peer has 40 threads, so more programs than that wait there for others to end.
    """
    crowds = {count: ours / peers for count, (ours, peers) in last_firsts.items() if count >= THREADS and peers}
    said = [
        f"{count} at once: the last one's first text came in {ratio:.2f} × the peer's time"
        for count, ratio in crowds.items()
    ]
    stalled = [count for count, ratio in crowds.items() if count > THREADS and ratio > 1]
    if stalled:
        return False, [*said, f"Rill stalls with {', '.join(map(str, stalled))} at once, no less than the peer."]
    return True, [*said, "Rill does not stall where the peer does."] if any(
        count > THREADS for count in crowds
    ) else said


def main(*words: str) -> int:
    """Measure, and print the table as it grows and what it says; give 1 if something failed, broke off or stalled."""
    counts = [int(word) for word in words] or COUNTS
    if not all(1 <= count <= MOST for count in counts):
        print(f"Between 1 and {MOST} programs can ask at once.", file=sys.stderr)
        return 2
    started, is_whole = time.monotonic(), True
    last_firsts: dict[int, tuple[float, float]] = {}
    try:
        python = install()
        with upstream() as claude, rill(claude.url) as ours, lesson(python, claude.url) as peer:
            for server in (ours, peer):  # what is loaded or made at first use
                take_turn(server, FEW)
            print(f"{'streams':7}  {'':26}{'Rill':>12}{'peer':>12}{'Rill ÷ peer':>13}")
            for count in counts:
                first, *mine, last = (take_turn(server, count) for server in (peer, ours, ours, peer))
                print(*table(count, mine, [first, last]), sep="\n", flush=True)
                is_whole = is_whole and all(turn.whole == count for turn in mine)
                last_firsts[count] = last_first(mine), last_first([first, last])
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"peer failed: {error}", file=sys.stderr)
        return 1
    flows, said = verdict(last_firsts)
    for line_ in said:
        print(line_, flush=True)
    print(f"peer took {time.monotonic() - started:.0f} s", file=sys.stderr)
    return 0 if is_whole and flows else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
