"""Each target for a number of inputs: a few here, a great many where ``make soak`` says so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.markdown.hostile import HOSTILE
from tests.core.markdown.payloads import PAYLOADS
from tests.fakes.claude import Answer, closing, delta, opening
from tests.fakes.hostile import answers
from tests.servers import ROOT

pytest.importorskip("atheris", reason="atheris has no wheel for this Python")

#: How many inputs make a short run, of a second or two; all targets of a module take turns in one process.
SHORT = {"text": 6_000, "wire": 5_000, "web": 800}
#: How many make a long one, of some minutes.
LONG = {
    ("text", "markdown"): 60_000,
    ("text", "sanitiser"): 1_000_000,
    ("text", "cursors"): 500_000,
    ("text", "api"): 2_000_000,
    ("wire", "upstream"): 500_000,
    ("wire", "in_one_piece"): 500_000,
    ("web", "every"): 60_000,
}
SEED = 20261123
TEXTS = [text.encode("utf-8", "replace") for text in (PAYLOADS + HOSTILE)[::9]]
JSON = [
    b'{"message": "Hello"}',
    b'{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}], "system": "s"}',
    b'{"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", '
    b'"media_type": "image/png", "data": "AA=="}}]}], "thinking": {"type": "adaptive"}, "effort": "low"}',
    b'{"message": "a", "schema": {"type": "object"}, "max_tokens": 9, "model": "m", "stream": false}',
]
WHOLE = [
    b'{"model": "m", "content": [{"type": "text", "text": "a"}], "usage": {"output_tokens": 1}}',
    b'{"model": "m\\ud800", "content": [{"type": "tool_use", "input": {"a": [[["\\u0000"]]]}, "citations": [1]}]}',
]
FORMS = [b"\0\0text=Hello&nonce=a", b'\1\1--x\r\nContent-Disposition: form-data; name="text"\r\n\r\na\r\n--x--']
STREAMS = [
    b"".join(step for step in answer.body if isinstance(step, bytes))[:4_000]
    for answer in [Answer([*opening(), delta("Hello"), *closing()]), *dict(answers()).values()]
]
#: Inputs to begin with; those of ``every`` have the number of a target in front.
SEEDS = {
    "text": {"markdown": TEXTS, "sanitiser": TEXTS, "cursors": TEXTS, "api": JSON},
    "wire": {"upstream": STREAMS, "in_one_piece": WHOLE},
    "web": {"every": FORMS},
}


def seeds(module: str, name: str) -> list[bytes]:
    if name in SEEDS[module]:
        return SEEDS[module][name]
    return [bytes([turn]) + seed for turn, found in enumerate(SEEDS[module].values()) for seed in found]


def run(module: str, name: str, folder: Path, runs: int) -> None:
    """Fuzz a target; fail with what libFuzzer says where it finds something."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds(module, name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-runs={runs}", f"-seed={SEED}", "-max_len=5000", "-timeout=20", "-rss_limit_mb=2048", "-verbosity=0"]
    options += ["-print_final_stats=1", f"-artifact_prefix={folder}/", str(corpus)]
    command = [sys.executable, "-m", "tests.fuzz.harness", module, name, *options]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RILL_", "ANTHROPIC_"))}
    env["PYTHONHASHSEED"] = "0"  # with it, a short run is the same run every time
    found = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, errors="replace", timeout=3_000)
    said = found.stdout + found.stderr
    assert found.returncode == 0, "\n".join(line for line in said.splitlines() if "Instrumenting" not in line)
    assert int(re.search(r"number_of_executed_units: (\d+)", said)[1]) >= runs


@pytest.mark.parametrize("module", SHORT)
def test_holds_for_a_short_run(module: str, tmp_path: Path) -> None:
    run(module, "every", tmp_path, SHORT[module])


@pytest.mark.soak
@pytest.mark.parametrize(("module", "name"), LONG)
def test_holds_for_a_long_run(module: str, name: str, tmp_path: Path) -> None:
    run(module, name, tmp_path, LONG[module, name])


def test_finds_what_is_wrong(tmp_path: Path) -> None:
    """A harness that cannot fail proves nothing: this one is given a sanitiser that lets markup through."""
    code = (
        "import sys; from tests.fuzz import harness, text; text.sanitise = lambda html: html; "
        "sys.argv = ['x', 'text', 'sanitiser', '-runs=20000', '-seed=1', *sys.argv[1:]]; harness.main()"
    )
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a").write_bytes(b"<script>alert(1)</script>")
    command = [sys.executable, "-c", code, f"-artifact_prefix={tmp_path}/", str(corpus)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=100)

    assert found.returncode != 0
    assert "fuzz target exited" in found.stdout + found.stderr or "AssertionError" in found.stdout + found.stderr
