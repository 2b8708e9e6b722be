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
        share, said = outside(Path(folder), wall, threads, boot)
    print(f"    {said}")
    add(
        rows,
        "make demo: share of time outside computation",
        "-",
        share,
        0.20,
        at_most=True,
    )


def outside(folder: Path, wall: float, threads: int, boot: float) -> tuple[float, str]:
    """(share, its parts in words) of a finished run that took `wall` seconds: what the `benchmark:`
    files say of jobs (seconds, and processor seconds where a job has several threads), less the
    imports that their logs note and a start."""
    run = folder / "results/demo/benchmarks"
    jobs, imports, computing = 0, 0.0, 0.0
    for file in run.glob("**/*.jsonl"):
        job = json.loads(file.read_text().splitlines()[-1])
        took = job["s"] if job["threads"] == 1 else job["cpu_time"]
        log = folder / "logs/demo" / file.relative_to(run).with_suffix(".log")
        own = sum(map(float, IMPORTS.findall(log.read_text())))
        jobs, imports, computing = jobs + 1, imports + own, computing + took - own - boot
    started, idle = jobs * boot, threads * wall - computing - imports - jobs * boot
    said = (
        f"{wall:.0f} s, {jobs} jobs on {threads} cores: {computing:.0f} s of computation, "
        f"{imports:.0f} s of imports, {started:.0f} s of starts, "
        f"{idle:.0f} s of Snakemake and idle cores"
    )
    return 1 - computing / (threads * wall), said


def boots() -> list[float]:
    """Seconds that an interpreter takes to start and end, five times."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", ""], check=True)
        times.append(time.perf_counter() - start)
    return times
