"""What is told from the arrival of ticks."""

import pytest

from app.core.diagnosis import PLAN, diagnose

ALL = range(len(PLAN))


def states(**kwargs: object) -> dict[str, str]:
    return {finding.name: finding.state for finding in diagnose(**kwargs)}


@pytest.mark.parametrize("offset_s", [0.0, 0.05, 3.0, -7.0])
def test_is_content_with_what_comes_in_time_whatever_the_clocks_say(offset_s: float) -> None:
    assert states(delays_s={tick: 0.02 * (tick % 3) + offset_s for tick in ALL}) == {
        "Streaming": "ok",
        "Silence": "ok",
    }


def test_notices_what_is_kept_until_the_end() -> None:
    found = diagnose({tick: 19.3 - PLAN[tick] for tick in ALL})

    assert found[0].state == "bad"
    assert "buffers" in found[0].sentence
    assert "X-Accel-Buffering" in found[0].sentence


def test_notices_what_is_kept_until_there_is_enough() -> None:
    assert states(delays_s={tick: 2.7 - PLAN[tick] if tick < 10 else 0.0 for tick in ALL})["Streaming"] == "bad"


def test_notices_gaps() -> None:
    found = diagnose({tick: 1.5 if tick == 4 else 0.0 for tick in ALL})

    assert (found[0].state, "1.5 s" in found[0].sentence) == ("warn", True)


def test_notices_what_is_missing() -> None:
    assert states(delays_s={}) == {"Streaming": "bad", "Silence": "bad"}
    assert states(delays_s=dict.fromkeys(range(5), 0.0))["Streaming"] == "bad"
    assert states(delays_s=dict.fromkeys(range(10), 0.0)) == {"Streaming": "ok", "Silence": "bad"}


def test_notices_a_cut_and_names_the_setting() -> None:
    [silence] = [f for f in diagnose(dict.fromkeys(ALL, 0.0), was_cut=True) if f.name == "Silence"]

    assert (silence.state, "proxy_read_timeout" in silence.sentence) == ("warn", True)


def test_notices_compression() -> None:
    assert states(delays_s={}, encoding="gzip")["Compression"] == "bad"
