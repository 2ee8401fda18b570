"""The environment and Claude's SDK are read in one place each, however the import is spelled."""

import ast
from pathlib import Path

from tests.contracts.tree import ROOT, files

SOURCES = files("app/*.py")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Give the packages that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def reads_the_environment(path: Path) -> bool:
    words = {"environ", "environb", "getenv", "getenvb"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "os" and words & {alias.name for alias in node.names}:
            return True
        if isinstance(node, ast.Attribute) and node.attr in words and not is_of_a_request(node):
            return True
    return False


def is_of_a_request(node: ast.Attribute) -> bool:
    """Tell the WSGI environment of a request from that of the process."""
    return ast.unparse(node.value) == "request"


def test_reads_the_environment_in_the_settings_only() -> None:
    assert [place(path) for path in SOURCES if reads_the_environment(path)] == ["app/core/settings.py"]


def test_imports_the_sdk_in_its_adapter_only() -> None:
    found = [place(path) for path in SOURCES if "anthropic" in imported(path)]

    assert found
    assert [name for name in found if not name.startswith("app/adapters/claude")] == []
