"""What the long tests share: Snakemake in a session of its own, its stages, the bytes of a run."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.helpers.workflow_tools import PROFILE, ROOT, SMALL

RESULTS = ROOT / "results/torture"  # what the last `make torture` has found
# Benchmarks, costs and the overview's account of them hold seconds.
TIMED = ("cost.json", ".jsonl", "overview.md", "overview.rst", "overview_observations.csv")


def start(directory, said, *arguments, path=None):
    """Snakemake with two cores; what it says is added to the file `said`."""
    path = path or f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [
        shutil.which("python", path=path),
        "-m",
        "snakemake",
        "--snakefile",
        ROOT / "Snakefile",
        *PROFILE,
        "--configfile",
        SMALL,
        "--directory",
        directory,
        "--cores",
        2,
        *arguments,
    ]
    with open(said, "a", encoding="utf-8") as file:
        return subprocess.Popen(
            list(map(str, command)),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PATH": path},
        )


def processes(sessions):
    """{process id: command line} of what runs in these sessions; Linux alone."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            state, _, _, session = (folder / "stat").read_text().rpartition(") ")[2].split()[:4]
            words = (folder / "cmdline").read_bytes().decode().split("\0")[:-1]
        except (OSError, ValueError):  # it has just ended
            continue
        if int(session) in sessions and state != "Z":
            found[int(folder.name)] = words
    return found


def stages(sessions):
    """{process id: rule} of the stages that run in these sessions."""
    return {
        pid: words[words.index("lens") + 1].replace("-", "_")
        for pid, words in processes(sessions).items()
        if words[1:3] == ["-m", "lens"]
    }


def kill(*pids):
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def contents(directory):
    """{path: bytes} of everything under results/small, less what holds seconds."""
    results, found = Path(directory) / "results/small", {}
    for path in filter(Path.is_file, results.rglob("*")):
        name, content = str(path.relative_to(results)), path.read_bytes()
        if path.name.endswith(TIMED):
            content = None
        elif path.parent.name == "shards" and path.suffix == ".json":  # has its own cost
            content = {key: value for key, value in json.loads(content).items() if key != "cost"}
        if not path.name.startswith(".snakemake"):  # its stamps on folders
            found[name] = content
    return found


def folders(directory):
    results = Path(directory) / "results/small"
    return {str(path.relative_to(results)) for path in results.rglob("*") if path.is_dir()}


def differing(directory, reference):
    """Paths of one run that the other lacks, or that hold other bytes."""
    one, other = contents(directory), contents(reference)
    missing = object()
    different = {p for p in {*one, *other} if one.get(p, missing) != other.get(p, missing)}
    return sorted(different | (folders(directory) ^ folders(reference)))


def in_its_own_mounts(script):
    """Runs a shell script as root of a mount namespace of its own; skips where that is refused."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"]).returncode:
        pytest.skip("nothing can be mounted here: `unshare -rm` is refused")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["unshare", "-rm", "bash", "-euc", script],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PATH": path},
    )
