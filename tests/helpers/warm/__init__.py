"""Commands that start in a tenth of a second, for tests that run a whole workflow.

Half of what a small world costs is the import of torch and transformers by each of its jobs. Here
one process imports them once for the session, and runs each `python -m lens` or `python -m
snakemake` in a fork of its own. A command whose environment differs in anything that imports may
look at is run by an ordinary Python: see `client.py`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

VARIABLE = "LENS_TEST_WARM"
HERE = Path(__file__).parent


def announce():
    """In pytest's first process, whose workers then share one server; it ends with that process."""
    os.environ.setdefault(VARIABLE, f"{tempfile.mkdtemp(prefix='lens-warm-')}:{os.getpid()}")


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
            _start(Path(folder), owner)
    return os.pathsep.join([f"{folder}/bin", str(Path(sys.executable).parent), os.environ["PATH"]])


def _start(folder, owner):
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, HERE / "server.py", folder, owner],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd=HERE.parents[2],
        )
    assert server.stdout
    assert server.stdout.readline() == b"ready\n", (folder / "log.txt").read_text()
    half = folder / "half"
    half.mkdir()
    for name, words in (("python", ""), ("lens", "-m lens")):
        script = half / name
        run = f'exec "{sys.executable}" -ISE "{HERE}/client.py" "{folder}"'
        script.write_text(f'#!/bin/sh\n{run} {words} "$@"\n')
        script.chmod(0o755)
    half.rename(folder / "bin")
