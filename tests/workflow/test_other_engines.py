"""Profiles for other batch systems, and a Slurm site's own names, with replacements on the PATH."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.helpers.workflow_tools import ROOT, family, snakemake

pytestmark = pytest.mark.slow

PROFILES = ROOT / "workflow/profiles"
CONFIGS = [ROOT / "tests/slurm.yaml", ROOT / "workflow/configs/paper.yaml"]
NAMES = re.compile(r"\{(?:resources\.)?(\w+)\}")
TWO_RULES = """
rule all:
    input:
        "on_cpu.txt",
        "on_gpu.txt",

rule on_cpu:
    output:
        "on_cpu.txt",
    resources:
        mem_mb=500,
        runtime=5,
    shell:
        "touch {output}"

rule on_gpu:
    output:
        "on_gpu.txt",
    resources:
        mem_mb=500,
        runtime=5,
        gpu=1,
    shell:
        "touch {output}"
"""


def commands(folder, **scripts):
    """A folder of shell scripts in front of the PATH."""
    for name, text in scripts.items():
        file = folder / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/bash\n{text}\n")
        file.chmod(0o755)
    return os.pathsep.join(
        [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )


def profile(name):
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda file: file.stem)
def asked(request, tmp_path_factory):
    """[what a job asks for] of the jobs that are sent with the default resources of both profiles,
    which give no resource two values."""
    queue, kubernetes = (profile(name)["default-resources"] for name in ("queue", "kubernetes"))
    assert queue | kubernetes == kubernetes | queue
    usual = [f"{key}={value}" for key, value in (queue | kubernetes).items()]
    run = snakemake(
        *("-n", "--configfile", request.param, "--default-resources", *usual),
        directory=tmp_path_factory.mktemp("asked"),
    )
    assert run.returncode == 0, run.stderr
    found = []
    for block in re.split(r"^rule ", run.stdout, flags=re.MULTILINE)[1:]:
        rule, _, rest = block.partition(":")
        threads = re.search(r"^    threads: (\d+)$", rest, re.MULTILINE)
        resources = re.search(r"^    resources: (.*)$", rest, re.MULTILINE)
        own = dict(part.split("=", 1) for part in resources[1].split(", "))
        found.append({"rule": family(rule), "threads": threads[1] if threads else "1", **own})
    return found


def test_every_job_says_what_a_batch_system_is_told(asked, tmp_path):
    command = profile("queue")["cluster-generic-submit-cmd"]
    path = commands(tmp_path, qsub='echo "$@" >> told.txt')
    lines = set()
    for job in asked:
        filled = NAMES.sub(lambda name, job=job: job[name[1]], command)
        lines.add((job["gpu"], job["runtime"], filled))
    for _, _, line in lines:
        subprocess.run(line, shell=True, check=True, cwd=tmp_path, env={"PATH": path})
    told = (tmp_path / "told.txt").read_text().splitlines()
    assert len(told) == len(lines) > 5
    seen = [re.search(r"ncpus=\d+:ngpus=(\d+):mem=\d+mb -l walltime=(\d+)$", one) for one in told]
    expected = sorted((gpus, str(60 * int(minutes))) for gpus, minutes, _ in lines)
    assert sorted(one.groups() for one in seen) == expected
    assert {"0", "1"} <= {gpus for gpus, _ in expected}


def test_every_job_says_what_kubernetes_needs(asked):
    """A manufacturer wherever `gpu` stands, 0 included, and limits (`scale` 0)."""
    for job in asked:
        assert job["gpu_manufacturer"] == "nvidia", job
        assert job["scale"] == "0"
        for name in ("gpu", "mem_mb", "disk_mb"):
            assert re.fullmatch(r"\d+", job[name]), (job["rule"], name)


@pytest.mark.skipif(
    importlib.util.find_spec("snakemake_executor_plugin_cluster_generic") is None,
    reason="snakemake-executor-plugin-cluster-generic is not installed: nothing can be submitted",
)
def test_a_run_through_qsub_ends_like_a_local_one(tmp_path):
    folders = tmp_path / "queue", tmp_path / "local"
    for folder in folders:
        folder.mkdir()
    qsub = 'echo "$@" >> told.txt; bash "${@: -1}" > /dev/null 2>&1 & echo $!'
    path = commands(tmp_path, qsub=qsub, qdel='kill "$@"')
    for folder, name in zip(folders, ("queue", "local"), strict=True):
        given = ["--workflow-profile", PROFILES / name, "--configfile", CONFIGS[0]]
        run = snakemake(*given, directory=folder, PATH=path)
        assert run.returncode == 0, run.stdout + run.stderr
    told = (folders[0] / "told.txt").read_text()
    assert re.search("-N embed_pairs .*ngpus=1:mem=1500mb", told)
    tables = [(folder / "results/slurm/paper/table_1.csv").read_bytes() for folder in folders]
    assert tables[0] == tables[1]


def test_slurm_is_told_the_names_of_the_site(tmp_path):
    """The lines of the profile that a site uncomments; a limit on submissions."""
    own = tmp_path / "here"
    own.mkdir()
    text = (PROFILES / "slurm/config.yaml").read_text()
    (own / "config.yaml").write_text(
        re.sub(r"^  # (slurm_account|qos|constraint)", r"  \1", text, flags=re.M)
    )
    (tmp_path / "Snakefile").write_text(TWO_RULES)
    path = commands(
        tmp_path,
        sbatch=f'echo "$@" >> {tmp_path}/told.txt; exit 1',
        sacctmgr="echo my_account",
        sinfo="exit 1",
        scontrol="exit 1",
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--workflow-profile", own, "--retries", "0"),
            *("--slurm-partition-config", PROFILES / "slurm/partitions.yaml"),
            *("--latency-wait", "1", "--verbose", "--slurm-init-seconds-before-status-checks", "1"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Submitting maximum 10 job(s) over 10" in run.stdout + run.stderr
    told = (tmp_path / "told.txt").read_text().splitlines()
    assert len(told) == 2, run.stdout + run.stderr
    for line in told:
        for words in ("-A my_account", "--qos=normal", "-C a100", "-t 5 ", "--mem 500"):
            assert words in line
    assert sorted(re.findall(r"-p (\w+)", " ".join(told))) == ["cpu", "gpu"]
