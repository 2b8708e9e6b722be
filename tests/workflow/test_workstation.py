"""The profile for a machine with several GPUs, by Snakemake itself on a machine that pretends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.workflow_tools import ROOT

SNAKEFILE = """
rule all:
    input:
        expand("{n}.txt", n=range(7)),

rule one:
    output:
        "{n}.txt",
    resources:
        gpu=1,
    shell:
        "python -m lens.files.gpus {resources.gpu} python job.py {output}"
"""
# Fails if another job is on its GPU; waits until four have begun, so that four must run at once.
JOB = """
import os, sys, time
from pathlib import Path
seen = os.environ["CUDA_VISIBLE_DEVICES"]
Path(f"on {seen}").mkdir()
Path(f"begun {sys.argv[1]}").touch()
for _ in range(1200):
    if len(list(Path().glob("begun *"))) >= 4:
        break
    time.sleep(0.05)
else:
    sys.exit("fewer than four at once")
time.sleep(0.3)
Path(f"on {seen}").rmdir()
Path(sys.argv[1]).write_text(seen)
"""
NVIDIA_SMI = """#!/bin/sh
[ "$1" = -L ] || exit 0
for n in 0 1 2 3; do echo "GPU $n: NVIDIA A100-SXM4-80GB (UUID: GPU-$n)"; done
"""


@pytest.mark.slow
def test_four_gpus_run_four_jobs_and_none_holds_two(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "job.py").write_text(JOB)
    fake = tmp_path / "bin/nvidia-smi"
    fake.parent.mkdir()
    fake.write_text(NVIDIA_SMI)
    fake.chmod(0o755)
    profile = ROOT / "workflow/profiles/workstation"
    words = ["snakemake", "--workflow-profile", str(profile), "--cores", "8"]
    path = [str(fake.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    own = {"PATH": os.pathsep.join(path), "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    left = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=tmp_path,
        env=left | own,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = [(tmp_path / f"{n}.txt").read_text() for n in range(7)]
    assert set(seen) == {"0", "1", "2", "3"}
