"""The main job through a real Slurm, with mishaps: where jobs land, what fails, times out, resumes.

A `python` before the real one on the PATH notes what each job has, and stages the mishaps.
"""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.helpers import warm
from tests.helpers.workflow_tools import ROOT, snakemake

PROFILE = ROOT / "workflow/profiles/slurm"
CONFIG = ("--configfile", ROOT / "tests/slurm.yaml")
ON_GPU = {"embed_pairs", "embed_candidates", "generate_candidates", "score_candidates"}

# Shard 1 of the pairs stands still after two blocks until its time is up; gold scores of shard 0
# fail however often they are tried. Neither happens once `no_mishaps` is there.
PYTHON = """#!/bin/bash
here={here}
echo "$SLURM_JOB_ID $SLURM_JOB_PARTITION gpu=$CUDA_VISIBLE_DEVICES $*" >> "$here/jobs.txt"
if [ "$2" != lens.files.gpus ] && [ ! -e "$here/no_mishaps" ]; then
  case "$*" in
    *embed_pairs:*,shard=1*) [ -e "$here/timed_out" ] || exec {python} "$@" ;;  # Slurm's to stop
    *score-candidates*--shard\\ 0*) echo "lens score-candidates: error: a mishap" >&2; exit 1 ;;
    *embed-pairs*--shard\\ 1*)
      if mkdir "$here/timed_out" 2> /dev/null; then exec {python} "$here/stop.py" "${{@:3}}"; fi ;;
  esac
fi
exec {warm} "$@"
"""
STOP = """
import os, signal, sys
from lens import cli
from lens.files import saves
save, saved = saves._save, []
def stopping(path, *rest):
    payload = save(path, *rest)
    saved.append(path.name)
    if len(saved) == 2:
        with open({here!r} + "/saved.txt", "w") as file:
            print(*saved, sep="\\n", file=file)
        os.kill(os.getpid(), signal.SIGSTOP)
    return payload
saves._save = stopping
cli.main(sys.argv[1:])
"""


def sinfo():
    if shutil.which("sinfo") is None:
        pytest.skip("no Slurm here: `sinfo` is not on the PATH")
    try:
        known = subprocess.run(
            ["sinfo", "-h", "-o", "%P %G"], capture_output=True, text=True, timeout=20
        )
    except subprocess.TimeoutExpired:
        pytest.skip("Slurm does not answer: `sinfo` takes over 20 s")
    if known.returncode or not re.search("^gpu .*gpu:", known.stdout, re.M):
        pytest.skip(f"no partition `gpu` with GPUs in this Slurm: {known.stdout}{known.stderr}")


def on_slurm(directory, shim, *arguments):
    """Snakemake with the Slurm profile, asking often; sites without accounting need squeue."""
    path = os.pathsep.join([str(shim / "bin"), warm.path()])
    return snakemake(
        "--workflow-profile",
        PROFILE,
        "--slurm-partition-config",
        PROFILE / "partitions.yaml",
        "--slurm-status-command",
        "squeue",
        "--slurm-init-seconds-before-status-checks",
        3,
        "--latency-wait",
        20,
        *CONFIG,
        *arguments,
        directory=directory,
        PATH=path,
    )


def slurm_jobs():
    """{job id: what scontrol says of it} of the jobs that Slurm still knows."""
    text = subprocess.run(
        ["scontrol", "show", "job", "-o"], capture_output=True, text=True, timeout=60
    ).stdout
    found = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in text.splitlines()]
    return {job["JobId"]: job for job in found if "JobId" in job}


@pytest.fixture(scope="module")
def mishaps(tmp_path_factory):
    """(folder, shim's folder, the run with mishaps, Slurm's jobs, results of a local run)."""
    sinfo()
    shim, directory, local = (tmp_path_factory.mktemp(n) for n in ("shim", "slurm", "local"))
    python = shim / "bin/python"
    python.parent.mkdir()
    python.write_text(
        PYTHON.format(
            here=shim, python=sys.executable, warm=shutil.which("python", path=warm.path())
        )
    )
    python.chmod(0o755)
    (shim / "stop.py").write_text(STOP.format(here=str(shim)))
    with ThreadPoolExecutor(1) as pool:
        here = pool.submit(
            snakemake,
            "--workflow-profile",
            ROOT / "workflow/profiles/local",
            *CONFIG,
            "--cores",
            1,
            "--resources",
            "gpu=1",
            directory=local,
        )
        times = ("--retries", 1, "--set-resources", "embed_pairs:runtime=attempt")
        run = on_slurm(directory, shim, *times)
        assert here.result().returncode == 0, here.result().stderr
    return directory, shim, run, slurm_jobs(), local


def commands(shim):
    """[(Slurm's job id, partition, GPUs seen, stage, command line)] of every job so far."""
    line = re.compile(r"(\d*) (\S*) gpu=(\S*) -m lens ((?:each --command )?(\S+).*)")
    found = filter(None, map(line.fullmatch, (shim / "jobs.txt").read_text().splitlines()))
    return [(*got.group(1, 2, 3), got[5].replace("-", "_"), got[4]) for got in found]


@pytest.mark.slow
def test_jobs_land_where_they_belong(mishaps):
    _, shim, _, known, _ = mishaps
    seen = set()
    for job, partition, gpus, stage, command in commands(shim):
        seen.add(stage)
        if stage in ON_GPU:
            assert partition == "gpu", command
            assert gpus in ("0", "1"), command
            assert known[job]["TresPerJob"] == "gres:gpu:1"
        elif stage.startswith("gather"):
            assert (job, gpus) == ("", ""), command  # beside Snakemake itself
        else:
            assert (partition, gpus) == ("cpu", ""), command
            assert "TresPerJob" not in known[job]
    assert seen >= ON_GPU | {"build_world", "train_vae", "train_reward", "gather_embeddings"}


@pytest.mark.slow
def test_a_failing_job_is_reported_and_its_siblings_survive(mishaps):
    directory, shim, run, known, _ = mishaps
    assert run.returncode == 1
    said = run.stdout + run.stderr
    assert "Error in rule score_candidates" in said
    assert "lens score-candidates: error: a mishap" in said  # its log is shown
    results = directory / "results/slurm"
    assert not (results / "score_candidates/dialogue/tiny-llama/gold.parquet").exists()
    assert (results / "score_candidates/dialogue/tiny-llama/shards/1.parquet").exists()
    assert len(list(results.glob("train_reward/*/*/*/*/*/metrics.json"))) == 3
    assert not list(results.glob("paper/*.csv"))
    tries = [
        known[job]
        for job, *_, stage, line in commands(shim)
        if stage == "score_candidates" and "--shard 0" in line
    ]
    assert [job["JobState"] for job in tries] == ["FAILED", "FAILED"]
    assert [job["MinMemoryNode"] for job in tries] == ["1500M", "2250M"]
    minutes = [job["TimeLimit"] for job in tries]
    assert minutes[1] > minutes[0]


@pytest.mark.slow
def test_a_job_out_of_time_goes_on_where_it_was(mishaps):
    directory, shim, _, known, _ = mishaps
    tries = [
        known[job]
        for job, *_, stage, line in commands(shim)
        if stage == "embed_pairs" and "--shard 1" in line
    ]
    assert [job["JobState"] for job in tries] == ["TIMEOUT", "COMPLETED"]
    assert [job["MinMemoryNode"] for job in tries] == ["1500M", "2250M"]
    assert [job["TimeLimit"] for job in tries] == ["00:01:00", "00:02:00"]
    saved = (shim / "saved.txt").read_text().split()
    assert len(saved) == 2
    log = directory / "logs/slurm/embed_pairs/dialogue/tiny-llama/1.log"
    assert (
        sorted(re.findall(r"blocks/(\S+): already complete, not made again", log.read_text()))
        == saved
    )
    assert not list(directory.glob("results/slurm/embed_pairs/**/blocks"))


@pytest.mark.slow
def test_once_mended_it_ends_like_a_local_run(mishaps):
    directory, shim, _, _, local = mishaps
    before = len(commands(shim))
    (shim / "no_mishaps").touch()
    run = on_slurm(directory, shim)
    assert run.returncode == 0, run.stdout + run.stderr
    again = [stage for *_, stage, _ in commands(shim)[before:]]
    assert sorted(again) == ["best_of_n", "gather_candidates", "score_candidates", "table_1"]
    places = [folder / "results/slurm" for folder in (directory, local)]
    for name in ("table_1.csv", "table_1_observations.csv", "table_1.md"):
        assert (places[0] / "paper" / name).read_bytes() == (
            places[1] / "paper" / name
        ).read_bytes()
    shards = sorted(path.relative_to(places[1]) for path in places[1].rglob("*.safetensors"))
    assert len(shards) > 10
    for shard in shards:
        assert (places[0] / shard).read_bytes() == (places[1] / shard).read_bytes()
    logs, benchmarks = directory / "logs/slurm", places[0] / "benchmarks"
    for stage in ("embed_pairs", "train_reward", "best_of_n"):
        assert list(logs.glob(f"{stage}/**/*.log"))
        assert list(benchmarks.glob(f"{stage}/**/*.jsonl"))


@pytest.mark.slow
def test_a_partition_that_does_not_exist_is_named(tmp_path):
    sinfo()
    own = tmp_path / "partitions.yaml"
    own.write_text("partitions: {nowhere: {max_runtime: 100}}")
    run = snakemake(
        "--workflow-profile",
        PROFILE,
        "--slurm-partition-config",
        own,
        *CONFIG,
        "--retries",
        0,
        "--slurm-init-seconds-before-status-checks",
        1,
        directory=tmp_path,
    )
    assert run.returncode == 1
    assert "invalid partition specified: nowhere" in run.stdout + run.stderr
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").rglob("*.jsonl"))
