"""The documents say what is the case."""

import re
import tomllib
from dataclasses import fields

from app.cli.outcome import MEANINGS
from app.core.settings import Settings
from tests.contracts.tree import ROOT

README = (ROOT / "README.md").read_text()


def table() -> str:
    """Write the settings table as the README should have it."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for field in fields(Settings):
        default = field.default
        default = int(default) if isinstance(default, bool) else default  # as it is written in the environment
        shown = ", ".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
        name = f"`{field.metadata['env']}`"
        if field.metadata["secret"]:
            name += f" or `{field.metadata['env']}_FILE`"
        rows.append(f"| {name} | {f'`{shown}`' if shown else ''} | {field.metadata['about']} |")
    return "\n".join(rows)


def test_lists_every_setting() -> None:
    found = re.search("<!-- settings -->\n(.*?)\n<!-- /settings -->", README, re.S)

    assert found, "README.md has no settings table"
    assert found[1] == table(), f"README.md should say:\n{table()}"


def test_lists_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", README, re.M)

    assert rows == [(str(int(code)), meaning) for code, meaning in MEANINGS.items()]


def test_names_only_targets_that_exist() -> None:
    targets = set(re.findall("^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))

    assert {"run", "test"} <= set(re.findall("make ([a-z]+)", README)) <= targets
    assert set(re.findall("`make ([a-z]+)`", (ROOT / "CONTRIBUTING.md").read_text())) <= targets


def test_has_a_line_for_each_dependency() -> None:
    names = re.findall(r"^([a-z0-9_-]+)", (ROOT / "requirements.txt").read_text(), re.M)
    decisions = (ROOT / "DECISIONS.md").read_text()

    assert [name for name in names if f"`{name}`" not in decisions] == []
    assert len(names) <= 18


def test_pins_every_dependency() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            assert re.fullmatch(r"-r requirements\.txt|[\w-]+(\[\w+\])?==[\w.]+", line), line


def test_holds_only_tools_in_pyproject() -> None:
    assert set(tomllib.loads((ROOT / "pyproject.toml").read_text())) == {"tool"}


def test_locks_every_dependency_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text().replace("\\\n", "")
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)(?= +--hash=sha256:[0-9a-f]{64}\b)", lock, re.M))
    pinned = re.findall(r"^([\w-]+)(?:\[\w+\])?==([\w.]+)$", (ROOT / "requirements.txt").read_text(), re.M)

    assert len(locked) == len(re.findall("^[^#\\s]", lock, re.M)) >= 40
    assert [(name, version) for name, version in pinned if locked.get(name.replace("_", "-")) != version] == []
