"""What gunicorn.conf.py leaves to the workers, which are forks of the process that read it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.contracts.tree import ROOT

WORKER = """
import os, runpy, sys
runpy.run_path("gunicorn.conf.py")
runpy.run_path("gunicorn.conf.py")  # as at a SIGHUP
assert not [name for name in sys.modules if name.split(".")[0] == "app"], "the code of now, not that of later"
if (child := os.fork()) == 0:
    from app.adapters.metrics import Metrics
    metrics = Metrics(is_one_of_several=True)
    metrics.retries.inc()
    print(metrics.text().decode(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_lets_workers_import_their_code_and_count_together(tmp_path: Path) -> None:
    shared = {"DATABASE_URL": "postgresql://127.0.0.1/rill", "REDIS_URL": "redis://127.0.0.1:1", "WEB_CONCURRENCY": "2"}
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), **shared}

    told = subprocess.run(
        [sys.executable, "-c", WORKER], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )

    assert told.returncode == 0, told.stderr
    assert "rill_retries_total 1.0" in told.stdout
    assert len(list(tmp_path.glob("rill-metrics-*"))) == 1
