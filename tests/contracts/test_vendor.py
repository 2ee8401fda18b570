"""Packaged assets are what their packages hold, byte for byte."""

import hashlib
from pathlib import Path

import pytest

from tests.contracts.tree import ROOT


@pytest.mark.parametrize("folder", ["static/vendor", "tests/browser/vendor"])
def test_matches_the_checksums(folder: str) -> None:
    sums = dict(reversed(line.split()) for line in (ROOT / folder / "SHA256SUMS").read_text().splitlines())
    scripts = {path.name for path in (ROOT / folder).glob("*.js")}

    assert scripts <= set(sums)
    for name, digest in sums.items():
        assert hashlib.sha256((ROOT / folder / name).read_bytes()).hexdigest() == digest, name


def test_names_version_and_licence() -> None:
    readme = (ROOT / "static/vendor/README.md").read_text()

    for script in Path(ROOT / "static/vendor").glob("*.js"):
        assert script.name in readme
