"""A conversation is a tree of messages; the page shows one path through it."""

from collections.abc import Iterable


def path_to(leaf: str | None, parents: Iterable[tuple[str, str | None]]) -> list[str]:
    """Give the ids from the root to ``leaf``, from ``(id, parent id)`` pairs in any order.

    A parent that is not among the pairs, or a circle, ends the path there.
    """
    parent_of = dict(parents)
    path: list[str] = []
    while leaf is not None and leaf in parent_of and leaf not in path:
        path.append(leaf)
        leaf = parent_of[leaf]
    return path[::-1]


def newest_below(id: str, parents: Iterable[tuple[str, str | None]]) -> str:
    """Give where the branch ends that goes on from ``id``: with the newest each time, as pairs come oldest first."""
    child_of = {parent: child for child, parent in parents}
    while id in child_of:
        id = child_of.pop(id)  # so that a circle ends
    return id
