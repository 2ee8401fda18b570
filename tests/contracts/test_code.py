"""The shape of the code: layers, sizes, who may say what, and no script of ours."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.contracts.tree import ROOT, files

SOURCES = [path for path in files("app/*.py") if "migrations" not in path.parts]


def functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]


def lines(node: ast.FunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def those_with(pattern: str, paths: list[Path]) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in paths if re.search(pattern, path.read_text(), re.M)}


def test_keeps_the_layers() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


def test_keeps_files_short() -> None:
    assert len(SOURCES) > 20
    assert {path.name: count for path in SOURCES if (count := len(path.read_text().splitlines())) > 250} == {}


def test_keeps_functions_short() -> None:
    long = {f"{path.name}:{node.name}": lines(node) for path in SOURCES for node in functions(path) if lines(node) > 50}

    assert long == {}


def test_keeps_routes_to_parse_call_render() -> None:
    routes = [
        (f"{path.name}:{node.name}", lines(node))
        for path in SOURCES
        for node in functions(path)
        if any("bp." in ast.unparse(decorator) for decorator in node.decorator_list)
    ]

    assert len(routes) >= 10
    assert [route for route in routes if route[1] > 20] == []


def test_mirrors_the_code_in_the_tests() -> None:
    for layer in ("core", "adapters", "chat", "cli", "web"):
        names = {path.stem.removeprefix("test_") for path in files(f"tests/{layer}/test_*.py")}
        modules = {path.stem for path in files(f"app/{layer}/*.py")}
        strays = {name for name in names if not any(name.startswith(module) for module in modules)}
        assert strays == set(), layer


def test_reads_the_environment_in_one_place() -> None:
    assert those_with(r"os\.environ|getenv", SOURCES) == {"app/core/settings.py"}


def test_talks_to_the_sdk_in_one_place() -> None:
    code = [path for path in SOURCES if path.name != "demo_replies.py"]  # it shows the SDK, as text
    found = those_with(r"^(import|from) (anthropic|httpx2)", code)

    sdk = {"app/adapters/claude.py", "app/adapters/claude_errors.py", "app/adapters/claude_wire.py"}
    assert found == {*sdk, "app/adapters/oidc_wire.py"}
    assert those_with(r"^(import|from) anthropic", code) <= sdk


def test_spells_htmx_headers_in_one_place() -> None:
    assert those_with("HX-", SOURCES) == {"app/web/htmx.py"}


def test_queries_nothing_from_routes() -> None:
    assert those_with(r"\bselect\(|session\.get\(", files("app/web/*.py")) == set()


def test_has_no_script_of_its_own() -> None:
    scripts = {path.relative_to(ROOT).as_posix() for path in files("*.js", "*.mjs", "*.ts")}

    assert {path for path in scripts if not path.startswith(("static/vendor/", "tests/browser/vendor/"))} == set()


def test_names_no_machine() -> None:
    words = "/" + "root/|/" + "work/|file" + "arm"

    assert those_with(words, [path for path in files() if path.suffix not in {".js", ".png"}]) == set()
