"""Rill under a quarter of profile A for as long as it takes: does anything grow that is not given back?

``python -m bench.soak [MINUTES]``, 120 without a number. What is remembered for a while (views, journals, finished
texts) grows at first, so the slope is that of the later half.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.driving import drive, stage, wish
from bench.processes import Served
from bench.table import Row

#: A round: replies that are written at once, with three readers each, for 12.5 s, and pages beside them.
LOAD = {"text": wish(tokens=500, rate=40, hold=1), "replies": 25, "viewers": 3, "pages_per_s": 5, "finals": 25}
EXTRA_S = 600.0


def soak(minutes: float) -> list[Row]:
    """Go on for so many minutes, and give how memory and open files grew."""
    grown: list[tuple[float, float, float]] = []
    errors = incomplete = rounds = 0
    with stage(lifetime_s=60 * minutes + EXTRA_S) as (claude, server):
        started = time.monotonic()
        while (now_s := time.monotonic() - started) < 60 * minutes:
            run = drive(claude, server, **LOAD)
            errors, rounds = errors + run.errors, rounds + 1
            incomplete += 75 - run.seen["complete"]
            server.settle()
            grown.append((now_s / 3600, server.rss_mb(), _files(server)))
            print(f"soak      {now_s / 60:6.1f} min {grown[-1][1]:7.1f} MB {grown[-1][2]:4.0f} files", flush=True)
        errors += server.errors()
    later = grown[len(grown) // 2 :]
    return [
        Row("soak", f"growth of RSS, {minutes:g} min, the later half", _slope([row[:2] for row in later]), "MB/h", 2),
        Row("soak", "growth of open files", later[-1][2] - grown[0][2], "", 2),
        Row("soak", "errors", errors, "", 0),
        Row("soak", f"streams that were not complete, of {75 * rounds}", incomplete, "", 0),
        Row("soak", "  RSS at the end", grown[-1][1], "MB"),
    ]


def _files(server: Served) -> float:
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in server.pids)


def _slope(points: Sequence[tuple[float, ...]]) -> float:
    """Give the slope of the line with the least squares."""
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _y in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


if __name__ == "__main__":
    print(*soak(float(sys.argv[1]) if len(sys.argv) > 1 else 120), sep="\n")
