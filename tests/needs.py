"""Programs of the machine that some tests need: without one they are skipped, or fail where nothing may be."""

import os
import shutil
from typing import NoReturn

import pytest


def lacks(sentence: str) -> NoReturn:
    """Skip a test for what the machine lacks; fail it where RILL_REQUIRE_ALL says that the machine must not."""
    if os.environ.get("RILL_REQUIRE_ALL"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def program(*names: str, package: str = "") -> str:
    """Find a program, under one of its names."""
    path = next((path for name in names if (path := shutil.which(name))), None)
    return path or lacks(f"No {names[0]} found; install it with apt-get install {package or names[0]}.")
