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
