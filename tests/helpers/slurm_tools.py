"""The Slurm on the PATH: jobs through it; its controller and nodes, where tests may touch them."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.helpers import warm
from tests.helpers.workflow_tools import ROOT, snakemake

PROFILE = ROOT / "workflow/profiles/slurm"
CONFIG = ("--configfile", ROOT / "tests/slurm.yaml")


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


def commands(shim):
    """[(Slurm's job id, partition, GPUs seen, stage, command line)] of every job so far."""
    line = re.compile(r"(\d*) (\S*) gpu=(\S*) -m lens ((?:each --command )?(\S+).*)")
    found = filter(None, map(line.fullmatch, (shim / "jobs.txt").read_text().splitlines()))
    return [(*got.group(1, 2, 3), got[5].replace("-", "_"), got[4]) for got in found]


class Controller:
    """The slurmctld of a Slurm that this user started for tests, which may be killed.

    Proof: SLURM_CONF is FOLDER/etc/slurm.conf, and FOLDER/pids has a line `slurmctld PID` of a
    process of this user that reads that file, which no site has. Without it the test skips.
    """

    def __init__(self):
        self.config = Path(os.environ.get("SLURM_CONF", "/etc/slurm/slurm.conf"))
        self.pids = self.config.parents[1] / "pids"
        try:
            process = Path("/proc", str(self.pid()))
            self.command = process.joinpath("cmdline").read_text().split("\0")[:-1]
            owner = process.stat().st_uid
        except (OSError, TypeError):
            self.command, owner = [], None
        if owner != os.getuid() or str(self.config) not in self.command:
            pytest.skip(f"{self.pids} names no slurmctld of this user: no test may kill it")

    def pid(self):
        return int(re.search(r"^slurmctld (\d+)$", self.pids.read_text(), re.M)[1])

    def saved(self):
        """When it last saved what it knows of jobs and of nodes, seconds after a change."""
        files = [self.pids.with_name("state") / name for name in ("job_state", "node_state")]
        return {(file, file.stat().st_mtime_ns) for file in files if file.exists()}

    def has_steps(self, job):
        return any(self.pids.with_name("spool").glob(f"*_{job}.*"))

    def kill(self):
        os.kill(self.pid(), signal.SIGKILL)

    def start(self):
        """The same command again, with the state it had; FOLDER/pids names the new process."""
        with open(self.pids.parent / "log/slurmctld.out", "ab") as log:
            started = subprocess.Popen(
                self.command,
                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        names = re.sub(
            r"^slurmctld .*", f"slurmctld {started.pid}", self.pids.read_text(), flags=re.M
        )
        self.pids.write_text(names)

    def set_nodes(self, state):
        scontrol("update", "NodeName=ALL", f"State={state}", "Reason=a_test")


def scontrol(*arguments):
    subprocess.run(["scontrol", *arguments], check=True, timeout=60)


def states():
    """The states of the jobs in the queue, and those of the nodes."""
    return tuple(
        set(subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.split())
        for command in (["squeue", "-h", "-o", "%T"], ["sinfo", "-h", "-o", "%T"])
    )
