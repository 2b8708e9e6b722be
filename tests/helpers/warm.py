"""Commands that start in a tenth of a second, for tests that run a whole workflow.

One server (`lens.warm.server`) for the session runs each `python -m lens` or `python -m snakemake`
in a fork. A command that it does not take is run by an ordinary Python: see `warm_python.py`.
"""

import os
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from lens.warm import server

VARIABLE = "LENS_TEST_WARM"
CLIENT = Path(__file__).with_name("warm_python.py")


def announce():
    """In pytest's first process, whose workers then share one server; it ends with that process."""
    os.environ.setdefault(VARIABLE, f"{tempfile.mkdtemp(prefix='lens-warm-')}:{os.getpid()}")
    os.environ[server.VARIABLE] = ""  # no workflow starts another


def withdraw():
    """Removes what `announce` made in this process."""
    folder, owner = os.environ[VARIABLE].rsplit(":", 1)
    if owner == str(os.getpid()):
        shutil.rmtree(folder)
        del os.environ[VARIABLE]


def path():
    """The PATH on which `python` and `lens` start warm, before this Python's commands."""
    folder, owner = os.environ[VARIABLE].rsplit(":", 1)
    with FileLock(f"{folder}/lock"):
        if not Path(folder, "bin").exists():
            _start(Path(folder), int(owner))
    return os.pathsep.join([f"{folder}/bin", str(Path(sys.executable).parent), os.environ["PATH"]])


def _start(folder, owner):
    textual = ["trl.trainer.reward_trainer"] if find_spec("trl") else []
    server.launch(
        str(folder),
        owner,
        "datasets",
        "snakemake.cli",
        "lens.cli",
        "tests.helpers.warm_jobs",
        *textual,
    )
    end = time.monotonic() + 120
    while not (folder / "ready.json").exists():
        assert time.monotonic() < end, "the server did not start: python -m lens.warm.server"
        time.sleep(0.05)
    half = folder / "half"
    half.mkdir()
    warm = f'"{sys.executable}" -IS "{CLIENT}" "{folder}"'
    commands = {"python": warm, "lens": f"{warm} -m lens", "first_python": "python"}
    for name, command in commands.items():
        script = half / name
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        script.chmod(0o755)
    half.rename(folder / "bin")
