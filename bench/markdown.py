"""Growing Markdown: CPU and bytes, each as a ratio to rendering the same text once, in one run.

A flush is a frame at the page's own pacing, for Claude at 60 tokens of four characters a second. Bytes
are those on the wire: text, envelopes, SSE framing and the heartbeat, without the final fetch.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from app.chat import writer
from app.core.markdown import Changes, Incremental, render
from app.core.sse import Cursor, encode
from app.web import frames, htmx

ROOT = Path(__file__).resolve().parents[1]
CHARACTERS_PER_S = 60 * 4
STEP = round(CHARACTERS_PER_S * writer.TICK_S)
CORPUS = {path.stem: path.read_text() for path in sorted((ROOT / "tests" / "corpus").glob("*.md"))}


@dataclass
class Run:
    """What one reply cost."""

    final: int
    wire: int = 0
    cpu: float = 0.0
    once: float = 0.0
    flushes: int = 0
    calls: list[float] = field(default_factory=list)


def once(text: str) -> float:
    """Measure rendering a whole text: the best of three, in seconds."""
    return min(timed(lambda: render(text))[1] for _ in range(3))


def timed(call: Callable[[], str]) -> tuple[str, float]:
    """Run a call, and give its result and its time; one thread runs, so that is its CPU time."""
    start = perf_counter()
    result = call()
    return result, perf_counter() - start


def frame(changes: Changes, version: int) -> int:
    """Count the bytes of a frame; every fifth second brings a heartbeat."""
    html = htmx.changes(changes) if changes else ""
    if version % round(frames.BEAT_S / writer.TICK_S) == 1:
        html += htmx.partial("#k", frames.BEAT, swap="innerHTML")
    return len(encode(html, id=str(Cursor("abcdef", version)))) if html else 0


def grow(text: str) -> Run:
    """Let a reply grow as it does in the page: the best of three."""
    return min((grow_once(text, once(text)) for _ in range(3)), key=lambda run: run.cpu)


def grow_once(text: str, once_s: float) -> Run:
    """Let a reply grow, a flush for each frame."""
    run = Run(len(render(text).encode()), once=once_s)
    growing = Incremental()
    for start in range(0, len(text), STEP):
        flush(run, growing, text[start : start + STEP])
    growing.end()
    flush(run, growing, "")
    return run


def flush(run: Run, growing: Incremental, text: str) -> None:
    """Do what a frame takes: one call, or more where it brought much work."""
    seen, began = growing.version, perf_counter()
    growing.take_in(text, at=growing.version + 1)
    run.calls.append(perf_counter() - began)
    while growing.is_busy:
        start = perf_counter()
        growing.take_in(at=growing.version + 1)
        run.calls.append(perf_counter() - start)
    changes = growing.changes(seen)
    run.cpu += perf_counter() - began
    run.flushes += 1
    run.wire += frame(changes, run.flushes)


def again(text: str) -> tuple[float, int]:
    """Measure what others do: render all of it for each frame, and send all of it."""
    start, wire = perf_counter(), 0
    for end in range(STEP, len(text) + STEP, STEP):
        wire += len(render(text[:end]).encode())
    return perf_counter() - start, wire


def show(name: str, run: Run) -> None:
    """Print a line of the table."""
    print(
        f"{name:28} {run.final:8,} {run.wire / run.final:6.2f} {run.cpu / run.once:7.2f}"
        f" {run.cpu / run.flushes * 1e6:8.1f} {max(run.calls) * 1e3:8.2f}"
    )


def total(runs: list[Run]) -> Run:
    """Add up."""
    return Run(
        sum(run.final for run in runs),
        sum(run.wire for run in runs),
        sum(run.cpu for run in runs),
        sum(run.once for run in runs),
        sum(run.flushes for run in runs),
        [call for run in runs for call in run.calls],
    )


def sized(size: int) -> str:
    """Make a reply of some size of one that has a bit of everything."""
    text = CORPUS["24-code-review"] + "\n\n"
    return text * round(size / len(text))


def main() -> None:
    """Print the table."""
    for text in CORPUS.values():  # lexers and parsers load with their first text
        render(text)
    gc.collect()
    gc.freeze()
    print(f"{'reply':28} {'HTML':>8} {'wire÷':>6} {'CPU÷':>7} {'µs/flush':>8} {'max ms':>8}")
    runs = {name: grow(text) for name, text in CORPUS.items()}
    for name, run in runs.items():
        show(name, run)
    show("corpus in total", total(list(runs.values())))
    sizes = {size: grow(sized(size)) for size in (2_000, 20_000, 200_000)}
    for size, run in sizes.items():
        show(f"{size // 1000} kB", run)
    per_kb = [run.cpu / size for size, run in sizes.items()]
    print(f"CPU per kB, 200 kB ÷ 2 kB: {per_kb[2] / per_kb[0]:.2f}; 200 kB ÷ 20 kB: {per_kb[2] / per_kb[1]:.2f}")
    text = sized(20_000)
    cpu, wire = again(text)
    grown = sizes[20_000]
    print(f"rendering all per frame, 20 kB: {cpu / grown.cpu:.0f} × the CPU, {wire / grown.wire:.0f} × the bytes")


if __name__ == "__main__":
    main()
