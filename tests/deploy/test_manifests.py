"""What platforms read about Rill says what is the case: app.json, the Dockerfile, the systemd unit, and their page."""

import json
import re
import shlex
import subprocess
import sys
from configparser import ConfigParser
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path

from app.adapters.engines import POOL
from app.core.settings import Settings
from tests import needs
from tests.servers import ROOT

#: Variables that are not Rill's own settings, and who reads them.
OTHERS = {"SECRET_KEY": "Flask", "GUNICORN_CMD_ARGS": "gunicorn", "DYNO": "the platform sets it"}
#: Connections of the plans that app.json asks for.
LIMITS = {"heroku-postgresql:essential-0": 20, "heroku-redis:mini": 20}

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
APP = json.loads((ROOT / "app.json").read_text())
PAGE = (ROOT / "docs/deploy.md").read_text()


def known() -> set[str]:
    """Give the names of all variables that mean something."""
    return {field.metadata["env"] for field in fields(Settings)} | set(OTHERS)


def unit() -> dict[str, str]:
    """Read the service section of the unit."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep capitals
    parser.read(ROOT / "docs/rill.service")
    return dict(parser["Service"])


def seconds(name: str) -> int:
    """Read a time from gunicorn.conf.py, which cannot be imported without patching this process."""
    found = re.search(rf"^{name} = (\d+)$", (ROOT / "gunicorn.conf.py").read_text(), re.M)
    assert found
    return int(found[1])


def copied() -> list[str]:
    """Give what the Dockerfile copies from the repository."""
    return [path for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.M) for path in shlex.split(line)[:-1]]


def test_asks_platforms_for_known_variables() -> None:
    assert set(APP["env"]) <= known()
    assert APP["env"]["SECRET_KEY"]["generator"] == "secret"
    assert APP["env"]["ANTHROPIC_API_KEY"]["required"] is False
    assert all(entry["description"] for entry in APP["env"].values())
    given = {name: entry["value"] for name, entry in APP["env"].items() if "value" in entry}
    asked = {"SECRET_KEY": "k" * 64, "RILL_ADMIN_PASSWORD": "a cellar for the lantern", "RILL_URL": "https://x.example"}
    assert {name for name, entry in APP["env"].items() if entry.get("required") is True} <= set(asked)
    assert Settings.from_env({**given, **asked}).ways == ("accounts",)


def test_asks_platforms_for_what_several_processes_need() -> None:
    plans = [addon["plan"] for addon in APP["addons"]]
    workers = int(APP["env"]["WEB_CONCURRENCY"]["value"])

    assert set(plans) == set(LIMITS)
    assert APP["formation"] == {"web": {"quantity": 1}}
    assert set(APP["formation"]) | {"release"} == set(PROCFILE)
    assert workers * 2 * (POOL + 1) + 1 <= LIMITS["heroku-postgresql:essential-0"]
    assert workers * 2 * 3 <= LIMITS["heroku-redis:mini"]


def test_holds_only_what_the_schema_of_app_json_has() -> None:
    assert set(APP) <= {"name", "description", "keywords", "success_url", "buildpacks", "formation", "addons", "env"}
    assert len(APP["name"]) <= 30
    assert APP["buildpacks"] == [{"url": "heroku/python"}]


def test_copies_what_exists_and_is_not_ignored() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied())
    assert [path for path in copied() if not (ROOT / path).exists()] == []
    assert not [path for path in copied() if fnmatch(path, "*.env") or path in ("instance", ".git", "tests")]


def test_installs_what_the_hashes_say() -> None:
    assert re.findall(r"pip install .*$", DOCKERFILE, re.M)
    for line in re.findall(r"pip install .*$", f"{DOCKERFILE}\n{PAGE}", re.M):
        assert "--require-hashes -r requirements.lock" in line, line


def test_builds_on_the_python_that_is_tested() -> None:
    version = (ROOT / ".python-version").read_text().strip()

    assert re.findall(r"^FROM (.+)$", DOCKERFILE, re.M) == [f"python:{version}-slim"]


def test_starts_in_the_image_as_elsewhere_without_rights() -> None:
    command = re.search(r"^CMD (.+)$", DOCKERFILE, re.M)
    assert command

    assert json.loads(command[1]) == ["sh", "-c", f"{PROCFILE['release']} && exec {PROCFILE['web']}"]
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.M) == ["rill"]
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nCMD ")


def test_checks_health_with_a_program_that_runs() -> None:
    check = re.search(r"^HEALTHCHECK .*?CMD (.+)$", DOCKERFILE, re.M)
    assert check
    python, flag, program = json.loads(check[1])

    compile(program, "HEALTHCHECK", "exec")
    assert (python, flag) == ("python", "-c")
    assert "/livez" in program


def test_starts_as_a_service_as_elsewhere() -> None:
    service = unit()

    assert service["ExecStartPre"] == f"/opt/rill/.venv/bin/{PROCFILE['release']}"
    assert service["ExecStart"] == f"/opt/rill/.venv/bin/{PROCFILE['web']}"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["KillMode"] == "mixed"


def test_gives_replies_the_time_that_they_are_promised() -> None:
    assert seconds("DRAIN_S") < seconds("graceful_timeout") < int(unit()["TimeoutStopSec"])
    assert f"go on for {seconds('DRAIN_S')} s" in PAGE
    assert f"gone within {seconds('graceful_timeout')} s" in PAGE
    assert f"**give it {unit()['TimeoutStopSec']} s**" in PAGE


def test_is_a_unit_that_systemd_understands(tmp_path: Path) -> None:
    text = (ROOT / "docs/rill.service").read_text()
    here = tmp_path / "rill.service"
    here.write_text(
        text.replace("/opt/rill/.venv/bin", str(Path(sys.executable).parent)).replace("/opt/rill", str(ROOT))
    )

    command = [needs.program("systemd-analyze", package="systemd"), "verify", here]
    verified = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (verified.returncode, verified.stderr) == (0, "")


def test_is_a_unit_with_few_rights() -> None:
    command = [needs.program("systemd-analyze", package="systemd"), "security", "--offline=true", "--threshold=20"]
    rated = subprocess.run(
        [*command, "--no-pager", ROOT / "docs/rill.service"], capture_output=True, text=True, timeout=60
    )

    assert rated.returncode == 0, rated.stdout[-200:] + rated.stderr


def test_names_variables_and_files_that_exist() -> None:
    variables = set(re.findall(r"\b(?:RILL_[A-Z_]+|[A-Z]+_(?:URL|KEY|CONCURRENCY|CMD_ARGS)|DYNO)\b", PAGE))
    links = re.findall(r"\]\(([^):]+)\)", PAGE) + re.findall(r"docs/[\w.]+", PAGE)

    assert variables <= known()
    assert links
    assert [link for link in links if not (ROOT / "docs" / link.removeprefix("docs/")).exists()] == []
