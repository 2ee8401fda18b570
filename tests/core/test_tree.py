"""Paths through a tree of messages."""

from app.core.tree import newest_below, path_to

PAIRS = [("c", "b"), ("a", None), ("b", "a"), ("d", "b")]


def test_goes_from_the_root_to_the_leaf() -> None:
    assert path_to("d", PAIRS) == ["a", "b", "d"]


def test_is_empty_without_a_leaf() -> None:
    assert path_to(None, PAIRS) == []


def test_ends_at_a_circle_and_at_a_missing_parent() -> None:
    assert path_to("x", [("x", "y"), ("y", "x")]) == ["y", "x"]
    assert path_to("x", [("x", "gone")]) == ["x"]


def test_goes_on_with_the_newest_to_the_end() -> None:
    pairs = [("a", None), ("b", "a"), ("c", "b"), ("d", "b"), ("e", "c"), ("f", "d")]

    assert newest_below("a", pairs) == "f"
    assert newest_below("c", pairs) == "e"
    assert newest_below("e", pairs) == "e"


def test_ends_below_in_a_circle() -> None:
    assert newest_below("x", [("x", "y"), ("y", "x")]) in "xy"
