"""GPUs that jobs of one machine share: none holds two jobs, and a killed job frees its own."""

import os
import signal
import subprocess
import sys
import time

import pytest

from lens.files import gpus
from tests.helpers.workflow_tools import ROOT

FOUR = "".join(f"GPU {n}: NVIDIA A100-SXM4-80GB (UUID: GPU-{n}aaa-{n})\n" for n in range(4))
CUT_UP = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-0aaa-0)
  MIG 3g.20gb     Device  0: (UUID: MIG-c7a2)
  MIG 3g.20gb     Device  1: (UUID: MIG-d801)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-1aaa-1)
"""
LOST = """GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-0aaa-0)
Unable to determine the device handle for gpu 0000:41:00.0: GPU is lost.  Reboot the system.
GPU 2: NVIDIA A100-SXM4-80GB (UUID: GPU-2aaa-2)
"""


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine of its own: its locks lie in a new folder, and hold until the tests end."""
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def asks(listing, busy=""):
    return lambda *arguments: listing if arguments == ("-L",) else busy


def visible(count, listing, busy=""):
    return gpus.environment(count, asks(listing, busy)).get("CUDA_VISIBLE_DEVICES")


def test_jobs_get_gpus_of_their_own():
    assert [visible(1, FOUR) for _ in range(2)] == ["0", "1"]
    assert visible(2, FOUR) == "2,3"
    assert gpus.take(1, ["GPU-0aaa-0", "GPU-3aaa-3"]) == []


def test_a_job_without_a_gpu_or_on_a_machine_without_one_is_left_alone():
    assert gpus.environment(0, asks(FOUR)) == {}
    assert gpus.environment(1, asks("")) == {}


def test_instances_of_a_gpu_that_is_cut_up_are_given_out_one_by_one():
    assert [visible(1, CUT_UP) for _ in range(3)] == ["MIG-c7a2", "MIG-d801", "GPU-1aaa-1"]


def test_a_job_of_several_processes_takes_whole_gpus_alone():
    with pytest.raises(SystemExit, match="asks for 2 whole GPUs, but may use 1 here"):
        visible(2, CUT_UP)


def test_a_lost_gpu_is_passed_over_and_the_rest_are_named_by_uuid():
    assert [visible(1, LOST) for _ in range(2)] == ["GPU-0aaa-0", "GPU-2aaa-2"]


def test_gpus_where_others_compute_come_last():
    assert [visible(1, FOUR, "GPU-0aaa-0\nGPU-2aaa-2\n") for _ in range(3)] == ["1", "3", "0"]


@pytest.mark.parametrize("named", ["2, 1", "GPU-2aaa,GPU-1aaa-1", "2,7,1"])
def test_what_the_user_has_named_is_what_there_is(named, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert [visible(1, FOUR), visible(1, FOUR)] == ["2", "1"]
    assert gpus.take(1, gpus.usable(1, named, gpus.listed(FOUR))) == []


def test_names_alone_are_given_out_unless_a_batch_system_has_chosen(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert [visible(1, ""), visible(1, "")] == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert visible(1, "") is None


def test_a_pair_is_taken_whole_or_not_at_all():
    assert visible(1, FOUR) == "0"
    assert gpus.take(4, [f"GPU-{n}aaa-{n}" for n in range(4)]) == []
    assert visible(3, FOUR) == "1,2,3"


JOB = """
import os, sys, time
open(sys.argv[1], "w").write(os.environ["CUDA_VISIBLE_DEVICES"])
time.sleep(float(sys.argv[2]))
"""


def start(folder, name, seconds):
    """A job by the command that rules run, on two GPUs that `CUDA_VISIBLE_DEVICES` names."""
    own = {"CUDA_VISIBLE_DEVICES": "0,1", "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "lens.files.gpus", "1", sys.executable, "-c", JOB]
    return subprocess.Popen(
        [*command, str(folder / name), str(seconds)], env={**os.environ, **own}, stderr=-1
    )


def wait(file, process):
    for _ in range(600):
        if file.is_file() and (text := file.read_text()):
            return text
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"{file} was not written: {process.stderr.read()}")


@pytest.mark.slow
def test_a_killed_job_frees_its_gpu_for_the_one_that_waits(tmp_path):
    first, second = (start(tmp_path, name, 600) for name in ("a", "b"))
    held = {job: wait(tmp_path / name, job) for name, job in (("a", first), ("b", second))}
    assert set(held.values()) == {"0", "1"}
    third = start(tmp_path, "c", 0)
    assert b"waits for 1 of 2 GPUs" in third.stderr.readline()
    assert not (tmp_path / "c").exists()
    first.send_signal(signal.SIGKILL)
    assert wait(tmp_path / "c", third) == held[first]
    second.kill()
    for job in (first, second, third):
        job.communicate(timeout=60)
    assert third.returncode == 0
