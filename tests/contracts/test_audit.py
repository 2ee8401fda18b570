"""The audit of dependencies fails on whatever keeps it from looking, but for a network that is away."""

import json
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import Any

import pytest

from tests.contracts.tree import ROOT

KNOWN, WEAK = {"name": "flask", "vulns": []}, {"id": "CVE-1", "fix_versions": ["9"]}
UNKNOWN = {"name": "flask", "skip_reason": "not found"}
TRACE = "Traceback (most recent call last):\n  File x\n"


@pytest.fixture
def audit() -> Any:
    """Give the script as a module."""
    loader = SourceFileLoader("ci_audit", str(ROOT / ".ci/audit"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def saying(out: object, error: str, code: int = 1) -> list[str]:
    """Give a command that does as pip-audit would."""
    text = out if isinstance(out, str) else json.dumps({"dependencies": out, "fixes": []})
    program = f"import sys; sys.stdout.write({text!r}); sys.stderr.write({error!r}); sys.exit({code})"
    return [sys.executable, "-c", program]


@pytest.mark.parametrize(
    ("out", "error", "code"),
    [
        ([KNOWN], "No known vulnerabilities found", 0),
        ([{**KNOWN, "version": "1", "vulns": [WEAK]}], "Found 1 known vulnerability", 1),
        ([KNOWN, UNKNOWN], "", 1),
        ([UNKNOWN, UNKNOWN], "", 0),
        ([], "", 1),
        ("", "", 1),
        ("{}", "", 1),
        ("[]", "", 1),
        ("", "/usr/bin/python3: No module named pip_audit", 1),
        ("", "ERROR:pip_audit._cli:requirement flask==3.1.2 does not contain a hash", 1),
        ("", "ERROR:pip_audit._cli:invalid requirements input: requirements.lock", 1),
        ("", f"{TRACE}MemoryError", 1),
        ("", f"{TRACE}requests.exceptions.HTTPError: 403 Client Error: Forbidden", 1),
        ("", f"{TRACE}requests.exceptions.ConnectionError: HTTPSConnectionPool(host='pypi.org')", 0),
        ("", f"{TRACE}requests.exceptions.ReadTimeout: timed out", 0),
        ("", f"{TRACE}requests.exceptions.HTTPError: 503 Server Error\n\n{TRACE}pip_audit._service.ServiceError", 0),
        ("", f"{TRACE}pip_audit._service.interface.ConnectionError: Could not connect", 0),
    ],
)
def test_passes_only_where_nothing_is_wrong_or_the_network_is_away(
    audit: Any, capsys: pytest.CaptureFixture[str], out: object, error: str, code: int
) -> None:
    assert audit.main(saying(out, error)) == code

    said = capsys.readouterr()
    assert "0 known weaknesses" in said.out or "CVE-1" in said.out or "NOT AUDITED" in said.err


def test_asks_about_the_lock_with_its_hashes(audit: Any) -> None:
    assert audit.COMMAND[:3] == [sys.executable, "-m", "pip_audit"]
    assert {"requirements.lock", "--require-hashes"} <= set(audit.COMMAND)
