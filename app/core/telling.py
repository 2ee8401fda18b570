"""What a person should know of a stream at first sight, in sentences."""

from app.core.timeline import STALL_MS, Timeline

#: What takes this share of the time or more is named as what was slow.
_MOST = 0.5
#: A silence at the end of this length, in milliseconds, is told.
_SILENT_MS = 100
#: Replies that took less than this, in milliseconds, have nothing slow in them.
_SLOW_MS = 2_000


def seconds(ms: float) -> str:
    """Write a time: ``0.52 s``, ``12.3 s``, ``75 s``, with a space that does not break."""
    value = ms / 1000
    digits = 2 if value < 9.995 else 1 if value < 59.95 else 0
    return f"{value:.{digits}f}\u00a0s"


def sentences(found: Timeline, *, is_streamed: bool = True, silent_ms: float | None = None) -> list[str]:
    """Say what happened; ``silent_ms`` is how long a reply that still runs has been silent."""
    if not found.count and silent_ms is None:
        after = f" in {seconds(found.end_ms)}" if found.end_ms >= found.last_ms + _SILENT_MS else ""
        return [*_retries(found), f"Claude sent nothing of this reply{after}."]
    if not is_streamed:
        return [*_retries(found), *_whole(found, is_live=silent_ms is not None)]
    said = [*_retries(found), *_first(found), *_gaps(found), *_pace(found)]
    if silent_ms is None:
        said += [*_end(found), *_slow(found)]
    elif silent_ms >= STALL_MS:
        said.append(f"Nothing has come for {seconds(silent_ms)}.")
    return said


def _whole(found: Timeline, *, is_live: bool) -> list[str]:
    if is_live and not found.count:
        return ["This reply is not streamed: nothing comes before all of it does."]
    return [
        f"This reply was not streamed: everything came at once, after {seconds(found.last_ms)}.",
        "The events are those that a stream of it would have had.",
    ]


def _retries(found: Timeline) -> list[str]:
    if not found.retries:
        return []
    waited = seconds(1000 * sum(event.wait_s for _at, event in found.retries))
    codes = ", ".join(dict.fromkeys(event.code for _at, event in found.retries if event.code))
    times = len(found.retries)
    again = "again" if times == 1 else f"{times} more times"
    return [f"Rill had to ask {again}{f' ({codes})' if codes else ''}, and waited {waited} for that."]


def _first(found: Timeline) -> list[str]:
    if found.first_ms is not None:
        return [f"First token after {seconds(found.first_ms)}."]
    return ["No token has come."] if found.rows else ["Nothing has come yet."]


def _gaps(found: Timeline) -> list[str]:
    longest, stalls = found.longest, found.stalls
    if longest is None:
        return []
    said = [f"Longest gap {seconds(longest.ms)}, at {seconds(longest.at_ms)}."]
    if len(stalls) > 1:
        said.append(f"{len(stalls)} stalls of a second or more, {seconds(sum(gap.ms for gap in stalls))} in all.")
    return said


def _pace(found: Timeline) -> list[str]:
    pace, share = found.per_second(), found.tokens_per_character
    if pace is None:
        return []
    return [f"About {pace * share:,.0f} tokens a second." if share else f"About {pace:,.0f} characters a second."]


def _end(found: Timeline) -> list[str]:
    if found.is_complete:
        return [f"Complete after {seconds(found.last_ms)}."]
    said = f"message_stop never came: the last event was at {seconds(found.last_ms)}"
    is_silent = found.end_ms >= found.last_ms + _SILENT_MS
    return [f"{said}, and the reply ended at {seconds(found.end_ms)}." if is_silent else f"{said}."]


def _slow(found: Timeline) -> list[str]:
    total = found.end_ms
    if total < _SLOW_MS or found.first_ms is None:
        return []
    if found.first_ms / total >= _MOST:
        return ["Most of that time went by before the first token."]
    if sum(gap.ms for gap in found.stalls) / total >= _MOST:
        return ["Most of that time went by in stalls."]
    return []


def comparison(
    streamed: tuple[float | None, float | None], whole: tuple[float | None, float | None], *, is_fair: bool = True
) -> str:
    """Compare two replies by their first words and their ends, in seconds; it is not fair if one broke off."""
    if not is_fair:
        return "Not both replies became complete, so their times cannot be compared."
    (early, early_end), (late, late_end) = streamed, whole
    if early is None or late is None:
        return "Not both replies have words, so their times cannot be compared."
    said = (
        f"The streamed reply showed its first word after {tenths(early)}; the other showed nothing for {tenths(late)}."
    )
    if early_end is None or late_end is None:
        return said
    return f"{said} They were complete after {tenths(early_end)} and {tenths(late_end)}."


def tenths(value: float) -> str:
    """Write seconds as a running clock shows them: ``3.4 s``."""
    return f"{value:.1f}\u00a0s"
