"""Checkers stay on: nothing is silenced for a whole file, or without a code and a reason."""

import io
import re
import tokenize
from collections.abc import Iterator

from tests.contracts.tree import ROOT, files

WHOLE_FILE = re.compile(r"#\s*(ruff|flake8)\s*:|#\s*mypy\s*:|#\s*fmt\s*:\s*off|#\s*isort\s*:|#\s*pragma\b", re.I)
SILENCED = re.compile(r"#\s*(noqa|type\s*:\s*ignore)", re.I)
WITH_REASON = re.compile(r"# (type: ignore\[[\w, -]+\]|noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*)\s+(#|-) \w")


def comments() -> Iterator[tuple[str, str]]:
    """Give each comment of our Python with its place."""
    for path in files("*.py"):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
            if token.type == tokenize.COMMENT:
                yield f"{path.relative_to(ROOT)}:{token.start[0]}", token.string


def test_silences_no_checker_for_a_whole_file() -> None:
    assert [place for place, comment in comments() if WHOLE_FILE.search(comment)] == []


def test_gives_a_code_and_a_reason_for_each_exception() -> None:
    silenced = [(place, comment) for place, comment in comments() if SILENCED.search(comment)]

    assert [place for place, comment in silenced if not WITH_REASON.search(comment)] == []
    assert len(silenced) <= 25
