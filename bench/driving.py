"""One load on one server: who runs, when the fake Claude begins to speak, and what is read off meanwhile."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.processes import LIFETIME_S, Served, get, has_line, line, machine_cpu_s, rill, running, upstream

#: Longest time a load may take, in seconds.
LOAD_S = 60.0


@dataclass
class Outcome:
    """What a load cost the server, and what its readers saw."""

    seen: dict[str, Any]
    cpu_s: float
    whole_cpu_s: float
    wall_s: float
    rss_before_mb: float
    rss_mb: float
    shares: dict[str, float] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """How many requests and streams of readers failed."""
        return sum(self.seen["errors"].values())


def wish(**fields: float | str) -> str:
    """Write the message that asks the fake Claude for a load."""
    return f"[[load: {' '.join(f'{name}={value}' for name, value in fields.items())}]]"


@contextmanager
def stage(
    cores: tuple[set[int], set[int]] | None = None, *, lifetime_s: float = LIFETIME_S, **stores: str
) -> Iterator[tuple[Served, Served]]:
    """Run the fake Claude, for so many seconds at most, and Rill; ``cores`` are those of Rill, and of all else."""
    ours, others = cores or (None, None)
    with upstream(others, lifetime_s=lifetime_s) as claude, rill(claude.url, ours, **stores) as server:
        yield claude, server


@contextmanager
def readers(server: Served, cores: set[int] | None = None, **crowd: Any) -> Iterator[Any]:
    """Run the readers, and wait until all have their stream."""
    with running("bench.viewers", server.url, json.dumps(crowd), cores=cores) as process:
        if not crowd.get("in_turn"):
            assert line(process, LOAD_S) == "ready"
        yield process


def await_held(claude: Served, count: int) -> None:
    """Wait until so many replies are held back."""
    end = time.monotonic() + LOAD_S / 3
    while get(f"{claude.url}/stats")["held"] < count and time.monotonic() < end:
        time.sleep(0.05)


def drive(
    claude: Served, server: Served, *, cores: set[int] | None = None, settle_s: float = 3, **crowd: Any
) -> Outcome:
    """Put a load on the server: open all, let the fake Claude speak, and measure until all have ended."""
    rss_before, whole = server.rss_mb(), server.cpu_s()
    with readers(server, cores, **crowd) as process:
        await_held(claude, crowd["replies"])
        server.settle(settle_s)
        watched = {"server": server, "fake Claude": claude, "readers": Served("", (process.pid,))}
        before, all_before = {name: it.cpu_s() for name, it in watched.items()}, machine_cpu_s()
        started = time.monotonic()
        get(f"{claude.url}/go")
        rss = 0.0
        while not has_line(process, 0.1):
            rss = max(rss, server.rss_mb())
            if time.monotonic() > started + LOAD_S:
                raise RuntimeError(f"the load did not end: {get(f'{claude.url}/stats')}")
        wall = time.monotonic() - started
        spent = {name: it.cpu_s() - before[name] for name, it in watched.items()}
        spent["strangers"] = machine_cpu_s() - all_before - sum(spent.values())
        seen = json.loads(line(process, 1))
    shares = {name: 100 * value / wall for name, value in spent.items()}
    return Outcome(seen, spent["server"], server.cpu_s() - whole, wall, rss_before, rss, shares)


def bare(
    claude: Served, variant: str, count: int, text: str, *, is_held: bool = True, cores: set[int] | None = None
) -> dict[str, Any]:
    """Measure the SDK alone."""
    with running("bench.bare", claude.url, variant, str(count), text, cores=cores) as process:
        if is_held:
            await_held(claude, count)
            get(f"{claude.url}/go")
        figures: dict[str, Any] = json.loads(line(process, LOAD_S))
    return figures
