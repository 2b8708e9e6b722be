"""Row of `make bench` on the workflow: how much of `make demo` is not computation."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import add

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = re.compile(r"^imports took ([\d.]+) s$", re.MULTILINE)


def demo(rows: list, threads: int) -> None:
    """The share of cores x wall time in which no job computes: start-up of interpreters, imports,
    scheduling, and cores that wait for a job on which all others depend."""
    boot = statistics.median(boots())
    environment = os.environ | {"PYTHONPATH": f"{ROOT}/benchmarks/import_times:{ROOT}"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as on a machine where nobody set it
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [
                "snakemake",
                "--snakefile",
                ROOT / "Snakefile",
                "--directory",
                folder,
                "--workflow-profile",
                ROOT / "workflow/profiles/local",
                "--cores",
                str(threads),
                "--configfile",
                ROOT / "workflow/configs/demo.yaml",
            ],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        wall = time.perf_counter() - start
        walls, imports, computing = {}, {}, 0.0
        for file in Path(folder).glob("results/demo/benchmarks/**/*.jsonl"):
            name = str(file.relative_to(Path(folder) / "results/demo/benchmarks").with_suffix(""))
            record = json.loads(file.read_text().splitlines()[-1])
            walls[name] = record["s"]
            log = (Path(folder) / "logs/demo" / f"{name}.log").read_text()
            imports[name] = sum(map(float, IMPORTS.findall(log)))
            computing += walls[name] - imports[name] - boot  # every job has one core
    print(
        f"    {wall:.0f} s, {len(walls)} jobs, {sum(imports.values()):.0f} s of imports, "
        f"{computing:.0f} s of computation on {threads} cores"
    )
    add(
        rows,
        "make demo: share of time outside computation",
        "-",
        1 - computing / (threads * wall),
        0.20,
        at_most=True,
    )


def boots() -> list[float]:
    """Seconds that an interpreter takes to start and end, five times."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", ""], check=True)
        times.append(time.perf_counter() - start)
    return times
