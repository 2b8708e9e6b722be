"""Two machines that a stage may not tell apart, and the comparison of what it wrote on them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.helpers.workflow_tools import ROOT

# Where, when and how a run happens, which no result may depend on. Locales other than C's are not
# on every machine; under POSIX without coercion Python reads and writes ASCII unless it is told.
HERE = {
    "PYTHONHASHSEED": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "LENS_FOLDERS": "in order",
    "LENS_CLOCK": "right",
}
ELSEWHERE = {
    "PYTHONHASHSEED": "2",
    "TZ": "Asia/Kathmandu",
    "LC_ALL": "POSIX",
    "LANG": "POSIX",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
    "OMP_NUM_THREADS": "2",
    "LENS_FOLDERS": "backwards",
    "LENS_CLOCK": "ahead",
}


def environment(machine):
    shim = f"{ROOT / 'tests/helpers/elsewhere'}{os.pathsep}{ROOT}"
    return {**os.environ, "PYTHONPATH": shim, **machine}


def python(machine, *words, folder):
    """Runs Python on one of the machines and returns what it said."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env=environment(machine),
        timeout=900,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(folder):
    """{path in the folder: bytes} of all files but those that say what a stage took.

    A shard's report also holds its cost, beside all else; of it the rest is taken.
    """
    found = {}
    for file in sorted(Path(folder).rglob("*")):
        name = file.relative_to(folder)
        if file.is_file() and file.name != "cost.json":
            found[str(name)] = without_cost(file) if "shards" in name.parts else file.read_bytes()
    return found


def without_cost(file):
    if file.suffix != ".json":
        return file.read_bytes()
    report = json.loads(file.read_text(encoding="utf-8"))
    return json.dumps({key: value for key, value in report.items() if key != "cost"}).encode()


def differing(one, other):
    """Names of the files that are in one alone, or not the same in both."""
    return sorted(name for name in one | other if one.get(name) != other.get(name))
