"""Runs one target under atheris: ``python -m tests.fuzz.harness MODULE TARGET [-runs=N -seed=N FOLDER]``."""

import sys
from importlib import import_module

from gevent import monkey

monkey.patch_all()

import atheris  # noqa: E402 - nothing may be imported before gevent has patched what it imports


def main() -> None:
    """Fuzz the target that is named; the rest is libFuzzer's."""
    module, name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["app"]):
        found = import_module(f"tests.fuzz.{module}")
    atheris.Setup([sys.argv[0], *options], getattr(found, name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
