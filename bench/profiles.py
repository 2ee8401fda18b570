"""Loads as they come: a busy hour, two processes, idle readers, one long reply, and everybody back at once."""

import json
import time
from contextlib import closing

from bench.driving import LOAD_S, await_held, drive, readers, stage, wish
from bench.processes import get, line, running
from bench.table import Row
from tests import backends


def profile_a() -> list[Row]:
    """Run a busy hour's load: writing, reading and page loads at once."""
    with stage() as (claude, server):
        drive(claude, server, text=wish(tokens=100, rate=50, hold=1), replies=10)
        text = wish(tokens=500, rate=40, hold=1)
        run = drive(claude, server, text=text, replies=100, viewers=3, pages_per_s=20)
        errors = run.errors + server.errors()
    return [
        Row("a", "delta → reader p99, 100 replies × 40/s, 3 readers each", run.seen["ages"]["p99"], "ms", 400),
        Row("a", f"page load p99, 20/s ({run.seen['pages']['count']} loads)", run.seen["pages"]["p99"], "ms", 300),
        Row("a", "RSS", run.rss_mb, "MB", 300),
        Row("a", "errors", errors, "", 0),
        Row("a", "  streams complete, of 300", run.seen["complete"], "", 300, is_least=True),
        Row("a", "  page load p50", run.seen["pages"]["p50"], "ms"),
        Row("a", "  delta → reader p50", run.seen["ages"]["p50"], "ms"),
        *(Row("a", f"  share of a core: {who}", share, "%") for who, share in run.shares.items()),
    ]


def profile_b() -> list[Row]:
    """Write and read with two processes, on Postgres and Redis, which share the machine's cores with all else."""
    with backends.postgres() as postgres, closing(backends.Redis()) as redis:
        url = postgres.new_database()
        with stage(DATABASE_URL=url, REDIS_URL=redis.url, WEB_CONCURRENCY="2") as (claude, server):
            drive(claude, server, text=wish(tokens=100, rate=50, hold=1), replies=10)
            text = wish(tokens=100, rate=5, hold=1)
            run = drive(claude, server, text=text, replies=300, viewers=4, pages_per_s=20)
            used = postgres.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rill'")[0][0]
            with redis.client() as client:
                clients = len(client.client_list()) - 1
            errors = run.errors + server.errors()
    return [
        Row("b", "delta → reader p99, 300 replies × 5/s, 4 readers each", run.seen["ages"]["p99"], "ms", 400),
        Row("b", f"page load p99, 20/s ({run.seen['pages']['count']} loads)", run.seen["pages"]["p99"], "ms", 300),
        Row("b", "connections to Postgres", float(str(used)), "", 8),
        Row("b", "connections to Redis", clients, "", 6),
        Row("b", "RSS of a process", run.rss_mb, "MB", 300),
        Row("b", "errors", errors, "", 0),
        Row("b", "  streams complete, of 1,200", run.seen["complete"], "", 1_200, is_least=True),
        *(Row("b", f"  share of a core: {who}", share, "%") for who, share in run.shares.items()),
    ]


def profile_c() -> list[Row]:
    """Let 2,000 readers wait on slow replies."""
    with stage() as (claude, server):
        text = wish(tokens=100, rate=0.1, piece="prose", hold=1)
        with readers(server, text=text, replies=20, viewers=100):
            await_held(claude, 20)
            get(f"{claude.url}/go")
            time.sleep(2)
            before, started = server.cpu_s(), time.monotonic()
            time.sleep(10)
            share = 100 * (server.cpu_s() - before) / (time.monotonic() - started)
            rss = server.rss_mb()
    return [
        Row("c", "share of a core, 2,000 readers, 20 replies, a delta in 10 s", share, "%", 10),
        Row("c", "RSS", rss, "MB", 350),
    ]


def profile_e() -> list[Row]:
    """Write one reply of 450 kB: 440 kB as fast as it goes, the rest at 300 tokens a second."""
    with stage() as (claude, server):
        text = wish(tokens=113_000, burst=110_000, rate=300, piece="corpus", hold=1)
        run = drive(claude, server, text=text, replies=1, settle_s=20)
    seen = run.seen
    return [
        Row("e", "frame p99 at 300 tokens/s, behind 440 kB of text", seen["paced_frames"]["p99"], "B", 2_000),
        Row("e", "bytes ÷ finished reply", seen["bytes"] / seen["final_bytes"], "×", 4),
        Row("e", "  finished reply", seen["final_bytes"] / 1e3, "kB"),
        Row("e", "  frame p50 at 300 tokens/s", seen["paced_frames"]["p50"], "B"),
        Row("e", "  frame p99 of all, most as fast as it goes", seen["frames"]["p99"], "B"),
        Row("e", "  CPU in all", run.whole_cpu_s, "s"),
        Row("e", "  errors", run.errors, "", 0),
    ]


def storm() -> list[Row]:
    """Cut 1,000 readers of one reply off, and have them back within a second, while others load pages."""
    with stage() as (claude, server):
        with running("bench.storm", server.url, wish(tokens=3_000, rate=20, hold=1)) as process:
            await_held(claude, 1)
            get(f"{claude.url}/go")
            seen = json.loads(line(process, LOAD_S))
        errors = seen["errors"] + server.errors()
    return [
        Row("storm", "text again after a break, p99, 1,000 readers", seen["again"]["p99"], "ms", 3_000),
        Row("storm", f"page load p99 meanwhile ({seen['pages']['count']} loads)", seen["pages"]["p99"], "ms", 500),
        Row("storm", "readers who had to begin anew", seen["reset"], "", 0),
        Row("storm", "errors", errors, "", 0),
        Row("storm", "  text again, p50", seen["again"]["p50"], "ms"),
    ]
