"""Rill under load: what a token costs beside the bare SDK, how late it comes, and how many replies fit.

``python -m bench.load [NAME …]`` with names of ``PROFILES``; without names all but ``capacity``. Every ratio is of
figures of one run on one machine. The fake Claude, the readers and the server share its cores.
"""

import json
import os
import sys
import time
from collections.abc import Callable

from bench.driving import LOAD_S, bare, drive, readers, stage, wish
from bench.processes import get, line
from bench.profiles import profile_a, profile_b, profile_c, profile_e, storm
from bench.table import Row


def cpu(count: int) -> list[Row]:
    """Compare the CPU of a token in Rill with that of the bare SDK, measured before and after."""
    tokens, name = 200, f"cpu{count}"
    text = wish(tokens=tokens, rate=50, hold=1)
    with stage() as (claude, server):
        alone = [bare(claude, "stream", count, text)]
        drive(claude, server, text=wish(tokens=100, rate=50, hold=1), replies=10)  # lexers, pages, connections
        ours = drive(claude, server, text=text, replies=count)
        alone.append(bare(claude, "stream", count, text))
        plain = bare(claude, "create", count, text)
        late = get(f"{claude.url}/stats")["late_max_ms"]
    each = 1e6 / (count * tokens)
    base, whole = (sum(run[key] for run in alone) / len(alone) * each for key in ("cpu_s", "whole_cpu_s"))
    return [
        Row(name, f"CPU of a token ÷ SDK's ({base:.0f} µs), one reader each", ours.cpu_s * each / base, "×", 1.3),
        Row(name, f"  replies complete, of {count}", ours.seen["complete"], "", count, is_least=True),
        Row(name, "  the same with beginning: post, page, request", ours.whole_cpu_s * each / whole, "×"),
        Row(name, "  CPU of a token in Rill", ours.cpu_s * each, "µs"),
        Row(name, "  CPU of a token, SDK's create(stream=True)", plain["cpu_s"] * each, "µs"),
        Row(name, "  spread of the two runs of the SDK", spread([run["cpu_s"] for run in alone]), "%"),
        *(Row(name, f"  share of a core: {who}", share, "%") for who, share in ours.shares.items()),
        Row(name, "  age of a delta at the reader, p99", ours.seen["ages"]["p99"], "ms"),
        Row(name, "  latest delta of the fake Claude", late, "ms"),
    ]


def spread(values: list[float]) -> float:
    """Give how far figures lie apart, in percent of the least."""
    return 100 * (max(values) / min(values) - 1)


def latency() -> list[Row]:
    """Measure how old a delta is when its bytes are at the reader."""
    with stage() as (claude, server):
        drive(claude, server, text=wish(tokens=100, rate=50, hold=1), replies=10)
        run = drive(claude, server, text=wish(tokens=400, rate=40, hold=1), replies=100)
    ages = run.seen["ages"]
    return [
        Row("latency", f"delta → reader p99, 100 replies × 40/s ({ages['count']:,} marks)", ages["p99"], "ms", 250),
        Row("latency", "  p50", ages["p50"], "ms"),
        Row("latency", "  replies complete, of 100", run.seen["complete"], "", 100, is_least=True),
    ]


def first() -> list[Row]:
    """Measure what Rill adds to the time to the first text, on an idle server."""
    rows = []
    with stage() as (claude, server):
        drive(claude, server, text=wish(tokens=30, rate=50, hold=1), replies=3)
        for wait, turns in ((0, 15), (0.3, 15)):
            text = wish(tokens=3, rate=50, wait=wait)
            alone = sorted(bare(claude, "first", turns, text, is_held=False)["first_ms"])
            with readers(server, text=text, replies=turns, in_turn=True) as process:
                seen = json.loads(line(process, LOAD_S))
            for kind, what in (("first_next", "message"), ("first_new", "conversation")):
                added = seen[kind]["p50"] - alone[len(alone) // 2]
                rows.append(
                    Row("first", f"time to first text − SDK's, p50, {what}, Claude takes {wait} s", added, "ms", 15)
                )
    return rows


def memory() -> list[Row]:
    """Measure what a running reply with one reader takes."""
    with stage() as (claude, server):
        drive(claude, server, text=wish(tokens=200, rate=50, hold=1), replies=10)
        server.settle()
        run = drive(claude, server, text=wish(tokens=250, rate=50, hold=1), replies=100)
    grown = (run.rss_mb - run.rss_before_mb) * 1e3 / 100
    return [
        Row("memory", "growth per running reply with one reader, at 100", grown, "kB", 150),
        Row("memory", "  RSS before", run.rss_before_mb, "MB"),
    ]


def capacity() -> list[Row]:
    """Find how many replies at 50 tokens a second fit; Rill has a core of its own.

    How fast that core is, the bare SDK says: what one of its tokens costs there bounds how many it could read.
    """
    available = sorted(os.sched_getaffinity(0))
    cores = ({available[0]}, set(available[1:2]) or {available[0]})
    rows, best, bare_us = [], 0, 0.0
    for count in (100, 150, 200, 250, 300):
        with stage(cores) as (claude, server):
            alone = bare(claude, "stream", 100, wish(tokens=200, rate=50, hold=1), cores=cores[0])
            bare_us = max(bare_us, 1e6 * alone["cpu_s"] / (100 * 200))
            drive(claude, server, cores=cores[1], text=wish(tokens=100, rate=50, hold=1), replies=10)
            run = drive(claude, server, cores=cores[1], text=wish(tokens=300, rate=50, hold=1), replies=count)
        p99, others = run.seen["ages"]["p99"], run.shares["fake Claude"] + run.shares["readers"]
        is_full = " (SATURATED: says little)" if others > 90 else ""
        rows += [
            Row("capacity", f"  {count} replies: delta → reader p99", p99, "ms"),
            Row("capacity", f"  {count} replies: complete", run.seen["complete"], ""),
            Row("capacity", f"  {count} replies: Rill's share of its core", run.shares["server"], "%"),
            Row("capacity", f"  {count} replies: share of fake Claude and readers{is_full}", others, "%"),
            Row("capacity", f"  {count} replies: share of strangers, on both cores", run.shares["strangers"], "%"),
        ]
        if run.seen["complete"] < count or p99 >= 250:
            break
        best = count
    most = 1e6 / (50 * bare_us)
    return [
        Row("capacity", "replies at 50/s, all complete, p99 < 250 ms", best, "", 200, is_least=True),
        Row("capacity", "  the bare SDK could read, by its CPU on that core", most, ""),
        Row("capacity", "  ratio (200 beside a bare SDK's 300)", best / most, "×", 0.67, is_least=True),
        *rows,
    ]


PROFILES: dict[str, Callable[[], list[Row]]] = {
    "cpu50": lambda: cpu(50),
    "cpu200": lambda: cpu(200),
    "latency": latency,
    "first": first,
    "memory": memory,
    "a": profile_a,
    "b": profile_b,
    "c": profile_c,
    "e": profile_e,
    "storm": storm,
    "capacity": capacity,
}


def main(*names: str) -> int:
    """Run the profiles, print the table as it grows, and give how many could not be run."""
    failed = 0
    chosen = [name for word in names for name in (("cpu50", "cpu200") if word == "cpu" else (word,))]
    for name in chosen or [name for name in PROFILES if name != "capacity"]:
        started = time.monotonic()
        try:
            print(*PROFILES[name](), sep="\n", flush=True)
        except RuntimeError as error:
            failed += 1
            print(f"{name:9} failed: {error}", flush=True)
        print(f"{name:9} took {time.monotonic() - started:.0f} s", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
