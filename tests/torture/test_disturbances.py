"""A full disk, write-protected results, a clock set back, too little memory: each is said, and the
run, once that is mended, goes on to the same bytes with nothing done twice.

Each runs the small world with some results taken out, so that these are due.
"""

import os
import re
import shlex
import shutil
import sys
import time
from collections import Counter

import pytest

from lens.files import artifacts
from tests.helpers.torture_tools import PROFILE, RESULTS, differing, in_its_own_mounts
from tests.helpers.workflow_tools import ROOT, SMALL, family, jobs, run, snakemake

pytestmark = pytest.mark.torture
LOST = (
    "train_vae/dialogue",
    "train_reward/dialogue/*/*/lens",
    "best_of_n/dialogue/*/*/lens",
    "paper/table_1*",
)
TARGET = "table_1"


@pytest.fixture(scope="module")
def record():
    """What each test has seen, written when the last has ended."""
    found = {}
    yield found
    artifacts.write_json(RESULTS / "disturbances.json", found)


@pytest.fixture
def due(small_world, tmp_path):
    """(a copy of the small world without some of its results, how often each rule is due)."""
    directory = tmp_path / "run"
    shutil.copytree(small_world, directory)
    for pattern in LOST:
        for path in (directory / "results/small").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(directory / "logs")
    return directory, planned(directory)


def planned(directory):
    listed = run(directory, "--quiet", "progress", "-n", TARGET)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout
    return Counter(rule for rule, _, _ in jobs(listed.stdout))


def finished(said):
    found = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", said, re.MULTILINE)
    return Counter(map(family, found))


def command(directory, said):
    """Snakemake as a shell command whose words go to a file, and its status after them."""
    words = [
        sys.executable,
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
        TARGET,
    ]
    return f"({shlex.join(map(str, words))}; echo status: $?) > {said} 2>&1 || true"


def check(record, name, due, first, second, directory, small_world, message):
    """The first run ends with the message, the second does the rest; the bytes are the same."""
    assert "status: 0" in second, second[-3000:]
    assert "status: 1" in first, first[-3000:]
    said = re.findall(f".*{message}", first)
    assert said, first[-3000:]
    for log in directory.glob("logs/**/*.log"):
        assert "Traceback" not in log.read_text(), log
    done = finished(first), finished(second)
    different = differing(directory, small_world)
    record[name] = {
        "message": said[-1].replace(str(ROOT), "PROJECT").replace(str(directory), "FOLDER"),
        "jobs_before": sum(done[0].values()),
        "jobs_after": sum(done[1].values()),
        "jobs_due": sum(due.values()),
        "different": different,
        "identical": not different,
    }
    assert different == []
    assert done[0] + done[1] == due
    assert "Nothing to be done" in run(directory, "--cores", 2, TARGET).stderr


def said_of(result):
    return f"{result.stdout}{result.stderr}status: {result.returncode}\n"


def test_a_full_disk(due, small_world, tmp_path, record):
    """Others fill it as soon as the first stage has begun."""
    directory, rules = due
    disk, kept, said = tmp_path / "disk", tmp_path / "kept", [tmp_path / name for name in "abc"]
    disk.mkdir()
    log = f"{disk}/logs/small/train_vae/dialogue/tiny-llama/n200/standard.log"
    done = in_its_own_mounts(
        f"""mount -t tmpfs -o size=60m tmpfs {disk}
        cp -a {directory}/. {disk}
        (until [ -e {log} ]; do sleep 0.1; done; cat /dev/zero > {disk}/others 2> /dev/null) &
        {command(disk, said[0])}
        wait || true
        {command(disk, said[1])}
        rm {disk}/others
        {command(disk, said[2])}
        cp -a {disk} {kept}"""
    )
    assert done.returncode == 0, done.stderr
    first, full, second = (file.read_text() for file in said)
    assert f"{disk}/.snakemake: the disk is full. Free some space and run again" in full
    assert "Traceback" not in full
    check(
        record,
        "full disk",
        rules,
        first,
        second,
        kept,
        small_world,
        r"(?:the disk is full\..* is kept\.|No space left on device)",
    )


@pytest.mark.parametrize("part", ["results", "."])
def test_a_folder_that_cannot_be_written(due, small_world, tmp_path, record, part):
    directory, rules = due
    place, said = directory / part, [tmp_path / "1", tmp_path / "2"]
    done = in_its_own_mounts(
        f"""mount --bind {place} {place}
        mount -o remount,ro,bind {place}
        {command(directory, said[0])}
        umount {place}
        {command(directory, said[1])}"""
    )
    assert done.returncode == 0, done.stderr
    first, second = (file.read_text() for file in said)
    assert "Traceback" not in first
    name = "read-only results" if part == "results" else "read-only folder"
    check(record, name, rules, first, second, directory, small_world, "cannot be written.*")


def shift(directory, seconds):
    for path in [*directory.rglob("*"), directory]:
        stat = path.stat()
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + int(seconds * 1e9)))


def test_a_clock_set_back(due, small_world, record):
    """For Snakemake this is as if all that it finds were made an hour from now."""
    directory, rules = due
    shift(directory, 3600)
    assert planned(directory) == rules
    first = run(directory, "--cores", 2, TARGET)
    new = [p for p in directory.rglob("*") if p.stat().st_mtime < time.time() + 60]
    for path in new:  # made while the clock was wrong; an hour later it is right again
        os.utime(path)
    shift(directory, -3600)
    for path in new:
        os.utime(path)
    second = run(directory, "--cores", 2, TARGET)
    check(
        record,
        "clock set back",
        rules,
        said_of(first),
        said_of(second),
        directory,
        small_world,
        "older modification time .*",
    )
    assert "System time" in first.stdout + first.stderr


def test_too_little_memory(due, small_world, tmp_path, record):
    """Every stage has 600 MB of addresses, too few to load torch's libraries."""
    directory, rules = due
    shim = tmp_path / "bin/python"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/bash\nulimit -v 600000\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    path = os.pathsep.join([str(shim.parent), os.environ["PATH"]])
    first = snakemake(
        *PROFILE, "--configfile", SMALL, "--cores", 2, TARGET, directory=directory, PATH=path
    )
    second = run(directory, "--cores", 2, TARGET)
    assert "Traceback" not in first.stdout + first.stderr
    check(
        record,
        "memory limit",
        rules,
        said_of(first),
        said_of(second),
        directory,
        small_world,
        "train-vae: error: out of memory .*",
    )
