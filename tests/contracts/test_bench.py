"""The benchmark says what its figures mean."""

from bench.peer import verdict


def test_says_that_rill_does_not_stall_where_the_peer_does() -> None:
    flows, said = verdict({1: (400.0, 300.0), 40: (600.0, 500.0), 100: (700.0, 7_000.0), 200: (900.0, 12_000.0)})

    assert flows
    assert said[0] == "40 at once: the last one's first text came in 1.20 × the peer's time"
    assert said[1:] == [
        "100 at once: the last one's first text came in 0.10 × the peer's time",
        "200 at once: the last one's first text came in 0.07 × the peer's time",
        "Rill does not stall where the peer does.",
    ]


def test_says_that_it_does() -> None:
    flows, said = verdict({40: (600.0, 500.0), 100: (8_000.0, 7_000.0)})

    assert not flows
    assert said[-1] == "Rill stalls with 100 at once, no less than the peer."


def test_says_nothing_of_what_was_not_measured() -> None:
    assert verdict({1: (400.0, 300.0)}) == (True, [])
