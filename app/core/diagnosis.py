"""What is between Rill and its readers, told from when the ticks of a test stream arrived."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "bad"]

#: When the ticks of a test stream are sent, in seconds from its start: ten in a row, and three after a silence.
PLAN = (*(round(0.3 * turn, 1) for turn in range(10)), 18.7, 19.0, 19.3)
#: The silence in it, in seconds: longer than any that Rill's own streams have.
SILENCE_S = 16
_RUN = 10
_LATE_S = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and what to do about it."""

    name: str
    state: State
    sentence: str


def diagnose(delays_s: Mapping[int, float], *, was_cut: bool = False, encoding: str = "") -> list[Finding]:
    """Judge a test stream by the delays of its ticks, by number, from sending to arrival.

    The delays may be off by a constant, because two clocks may have been read. ``was_cut`` says that the
    connection did not last, and ``encoding`` how the body was compressed, if that is known.
    """
    found = [_arrival(delays_s), _silence(delays_s, was_cut=was_cut)]
    if encoding:
        found.append(
            Finding(
                "Compression",
                "bad",
                f"The stream came as {encoding}. Take text/event-stream out of what the proxy compresses.",
            )
        )
    return found


def _arrival(delays_s: Mapping[int, float]) -> Finding:
    run = [delays_s[turn] for turn in range(_RUN) if turn in delays_s]
    if len(run) < _RUN:
        missing = f"Only {len(run)} of {_RUN} pieces arrived."
        return Finding("Streaming", "bad", f"{missing} Look at the proxy's log: it cuts or drops event streams.")
    arrivals = [PLAN[turn] + delay for turn, delay in enumerate(run)]
    if max(arrivals) - min(arrivals) < (PLAN[_RUN - 1] - PLAN[0]) / 2:
        return Finding(
            "Streaming",
            "bad",
            "The pieces came together, so something buffers them. In nginx, let X-Accel-Buffering be (or set "
            "proxy_buffering off); take text/event-stream out of what is compressed; no virus scanner in between.",
        )
    late = max(run) - min(run)
    if late > _LATE_S:
        return Finding("Streaming", "warn", f"The pieces came one by one, with gaps of up to {late:.1f} s.")
    return Finding("Streaming", "ok", f"The pieces came one by one, none later than {1000 * late:.0f} ms.")


def _silence(delays_s: Mapping[int, float], *, was_cut: bool) -> Finding:
    if was_cut:
        return Finding(
            "Silence",
            "warn",
            f"The connection was cut within {SILENCE_S} s of silence. Rill is never silent for that long, but let "
            "the proxy's idle time-out be a minute (nginx: proxy_read_timeout 60s).",
        )
    if not any(turn in delays_s for turn in range(_RUN, len(PLAN))):
        return Finding("Silence", "bad", f"Nothing arrived after {SILENCE_S} s of silence, and no new connection came.")
    return Finding("Silence", "ok", f"The connection lasts through {SILENCE_S} s of silence.")
