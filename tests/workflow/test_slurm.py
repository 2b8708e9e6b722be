"""The main job through a real Slurm, with mishaps: where jobs land, what fails, times out, resumes;
and with its controller killed and its node taken away.

A `python` before the real one on the PATH notes what each job has, and stages the mishaps.
"""

import asyncio
import re
import shutil
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import MagicMock

import pytest

from lens.core.slurm import AWAY, outlast_controller
from tests.helpers import slurm_tools, warm
from tests.helpers.slurm_tools import CONFIG, PROFILE, commands, on_slurm, sinfo, slurm_jobs
from tests.helpers.workflow_tools import ROOT, snakemake

ON_GPU = {"embed_pairs", "embed_candidates", "generate_candidates", "score_candidates"}

# Shard 1 of the pairs cuts its time to a minute after two blocks, and stands still until it is up;
# gold scores of shard 0 fail however often they are tried. Neither happens once `no_mishaps` is
# there. Three stages wait while `hold` is there.
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
case "$*" in
  *lens\\ train-vae*|*gather-candidates\\ --shards\\ results/slurm/gen*|*lens\\ each*best-of-n*)
    while [ -e "$here/hold" ]; do sleep 0.2; done ;;
esac
exec {warm} "$@"
"""
# Notes how a command of Slurm ends.
NOTE = """#!/bin/sh
{command} "$@"
code=$?
echo "{name} $code" >> {here}/calls.txt
exit $code
"""
STOP = """
import os, signal, subprocess, sys
from lens import cli
from lens.files import saves
save, saved = saves._save, []
def stopping(path, *rest):
    payload = save(path, *rest)
    saved.append(path.name)
    if len(saved) == 2:
        with open({here!r} + "/saved.txt", "w") as file:
            print(*saved, sep="\\n", file=file)
        job = f"JobId={{os.environ['SLURM_JOB_ID']}}"
        subprocess.run(["scontrol", "update", job, "TimeLimit=1"], check=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    return payload
saves._save = stopping
cli.main(sys.argv[1:])
"""


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
        times = ("--retries", 1, "--set-resources", "embed_pairs:runtime=20*attempt")
        run = on_slurm(directory, shim, *times)
        assert here.result().returncode == 0, here.result().stderr
    return directory, shim, run, slurm_jobs(), local


def assert_same_results(directory, local):
    places = [folder / "results/slurm" for folder in (directory, local)]
    names = [f"paper/{name}" for name in ("table_1.csv", "table_1_observations.csv", "table_1.md")]
    shards = sorted(path.relative_to(places[1]) for path in places[1].rglob("*.safetensors"))
    assert len(shards) > 10
    for name in [*names, *shards]:
        assert (places[0] / name).read_bytes() == (places[1] / name).read_bytes(), name


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
    assert [job["TimeLimit"] for job in tries] == ["00:01:00", "00:40:00"]
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
    assert_same_results(directory, local)
    logs, benchmarks = directory / "logs/slurm", directory / "results/slurm/benchmarks"
    for stage in ("embed_pairs", "train_reward", "best_of_n"):
        assert list(logs.glob(f"{stage}/**/*.log"))
        assert list(benchmarks.glob(f"{stage}/**/*.jsonl"))


def lose_controller(shim, controller, until):
    """Killed while one job runs and a local one is about to release four more, on a node that is
    drained; back once a submission has failed and a status check has ended. Jobs then wait."""
    until(lambda stages: {"train_vae", "gather_candidates"} <= stages.keys())
    saved = controller.saved()
    controller.set_nodes("drain")
    job = [job for job, *_, stage, _ in commands(shim) if stage == "train_vae"][-1]
    slurm_tools.scontrol("update", f"JobId={job}", "Comment=saved")
    # Else it starts jobs once more that ended in the last seconds.
    until(lambda _: len(controller.saved() - saved) == 2)
    controller.kill()
    calls = shim / "calls.txt"
    calls.unlink()
    (shim / "hold").unlink()
    try:
        until(
            lambda _: (
                calls.exists()
                and re.search("^sbatch [^0]", calls.read_text(), re.M)
                and re.search("^(squeue|sacct) ", calls.read_text(), re.M)
            )
        )
    finally:
        controller.start()
    until(lambda _: slurm_tools.states() == ({"PENDING"}, {"drained"}))
    (shim / "hold").touch()  # for the job that loses its node
    controller.set_nodes("resume")


def lose_node(shim, controller, until):
    """Slurm kills its job, and starts it again two minutes later; here once the node is clean."""
    until(lambda stages: stages["best_of_n"])
    job = commands(shim)[-1][0]
    controller.set_nodes("down")
    (shim / "hold").unlink()
    until(lambda _: slurm_tools.states()[0] == {"PENDING"} and not controller.has_steps(job))
    slurm_tools.scontrol("update", f"JobId={job}", "StartTime=now+2")


@pytest.mark.slow
def test_neither_a_lost_controller_nor_a_lost_node_costs_a_finished_job(mishaps):
    directory, shim, _, _, local = mishaps
    controller = slurm_tools.Controller()
    for name in ("sbatch", "squeue", "sacct"):
        note = shim / "bin" / name
        note.write_text(NOTE.format(command=shutil.which(name), name=name, here=shim))
        note.chmod(0o755)
    (shim / "no_mishaps").touch()
    (shim / "hold").touch()
    before = len(commands(shim))

    def stages():
        return Counter(stage for *_, stage, _ in commands(shim)[before:])

    def until(condition):
        end = time.monotonic() + 600
        while not condition(stages()):
            assert not run.done(), run.result()
            assert time.monotonic() < end, stages()
            time.sleep(0.2)

    with ThreadPoolExecutor(1) as pool:
        again = ("--forcerun", "generate_candidates", "train_vae")
        run = pool.submit(on_slurm, directory, shim, *again)
        try:
            lose_controller(shim, controller, until)
            lose_node(shim, controller, until)
        finally:
            (shim / "hold").unlink(missing_ok=True)
    assert run.result().returncode == 0, run.result()
    assert AWAY in run.result().stderr
    twice = ["generate_candidates", "embed_candidates", "score_candidates", "gather_candidates"]
    once = ["gather_embeddings", "train_vae", "train_reward", "table_1"]
    lost = ["best_of_n"]
    assert stages() == Counter([*twice, *twice, *once, *lost, *lost])
    assert_same_results(directory, local)


@pytest.mark.slow
def test_a_controller_that_is_away_costs_no_job_and_no_retry(monkeypatch):
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm")
    reported, submitted = [], []

    async def without_answer(command, logger):
        return None, None

    monkeypatch.setattr(plugin, "query_job_status", without_answer)
    monkeypatch.setattr(
        plugin.Executor, "_report_job_error_threadsafe", lambda *given: reported.append(given[1:])
    )
    outlast_controller()
    assert asyncio.run(plugin.query_job_status("squeue", MagicMock())) == ({}, 0.0)
    executor, info = MagicMock(), MagicMock()
    executor._job_submission_executor.submit = lambda *given: submitted.append(given)
    accepted = AWAY.replace("connect", "receive")  # perhaps
    for message in (f"SLURM sbatch failed: {AWAY}", accepted, "invalid partition"):
        plugin.Executor._report_job_error_threadsafe(executor, info, message)
    assert submitted == [(executor.run_job, info.job)]
    assert reported == [(info, accepted), (info, "invalid partition")]


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
