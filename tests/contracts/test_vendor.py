"""Packaged assets are what their packages hold, byte for byte."""

import hashlib
import re

import pytest

from tests.contracts.tree import ROOT, files

FOLDERS = ["static/vendor", "tests/browser/vendor"]


def checksums(folder: str) -> dict[str, str]:
    lines = (ROOT / folder / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def packaged(folder: str) -> set[str]:
    """Give what a folder holds, but for our own two files on it."""
    return {path.relative_to(ROOT / folder).as_posix() for path in files(folder)} - {"README.md", "SHA256SUMS"}


@pytest.mark.parametrize("folder", [*FOLDERS, "tests/core/markdown/spec"])
def test_matches_the_checksums(folder: str) -> None:
    assert packaged(folder) == set(checksums(folder))
    for name, digest in checksums(folder).items():
        assert hashlib.sha256((ROOT / folder / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_version_and_licence(folder: str) -> None:
    readme = (ROOT / folder / "README.md").read_text()

    assert [name for name in packaged(folder) if name not in readme] == []
    assert any("LICENSE" in name for name in packaged(folder))
    for name in packaged(folder):
        assert "LICENSE" in name or re.fullmatch(r"[a-z-]+-\d+\.\d+\.\d+\.min\.js", name), name


def test_loads_only_what_is_packaged() -> None:
    for path in files("templates/*.html"):
        loaded = set(re.findall(r"<script[^>]*static_url\('([^']*)'\)", path.read_text()))
        assert loaded <= set(checksums("static/vendor")), path.name
