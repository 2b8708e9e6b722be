"""What a stage, and Snakemake, say on a full or write-protected disk and with too little memory."""

import errno
import shlex
import subprocess
import sys
import weakref

import numpy as np
import pyarrow as pa
import pytest
import torch

from lens.core.errors import LensError, let_go, message
from lens.data.streams import open_out
from lens.files.atomic import replacing
from tests.helpers.torture_tools import PROFILE, in_its_own_mounts
from tests.helpers.workflow_tools import ROOT, SMALL


def build_world(folder):
    words = [
        sys.executable,
        "-m",
        "lens",
        "build-world",
        "--out",
        folder,
        "--pairs",
        400,
        "--corpus",
        400,
        "--gold-corpus",
        400,
    ]
    return shlex.join(map(str, words))


@pytest.mark.slow
def test_a_stage_on_a_full_disk_leaves_no_half_file_and_goes_on_once_there_is_room(tmp_path):
    done = in_its_own_mounts(
        f"""mount -t tmpfs -o size=200k tmpfs {tmp_path}
        {build_world(tmp_path / "world")} || echo failed: $?
        ls -A {tmp_path}/world
        mount -o remount,size=4m {tmp_path}
        {build_world(tmp_path / "world")} && echo made
        ls -A {tmp_path}/world"""
    )
    first, _, second = done.stdout.partition("made")
    whole = ["corpus.jsonl", "dialogue.jsonl", "gold_corpus.jsonl", "summary.jsonl", "truth.json"]
    status, *there = first.splitlines()
    assert status == "failed: 1"
    assert set(there) < set(whole)
    assert "truth.json" not in there  # the last to be written
    assert second.split() == whole
    assert "the disk is full. Free some space and run again" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_write_protected_folder_is_named(tmp_path):
    done = in_its_own_mounts(
        f"""mount --bind {tmp_path} {tmp_path}
        mount -o remount,ro,bind {tmp_path}
        {build_world(tmp_path / "world")} || echo failed: $?"""
    )
    assert done.stdout.strip() == "failed: 1"
    assert f"{tmp_path}/world" in done.stderr
    assert "cannot be written (Read-only file system). Make its folder writable" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_snakemake_in_a_write_protected_folder_says_so(tmp_path):
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
        tmp_path,
        "--cores",
        1,
    ]
    done = in_its_own_mounts(
        f"""mount --bind {tmp_path} {tmp_path}
        mount -o remount,ro,bind {tmp_path}
        {shlex.join(map(str, words))} || echo failed: $?"""
    )
    assert done.stdout.strip() == "failed: 1"
    assert f"{tmp_path}: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_input_that_may_not_be_read_is_not_blamed_on_what_is_written(tmp_path):
    """Rows are read in the midst of writing."""
    out, source = tmp_path / "out.jsonl", tmp_path / "in.jsonl"
    error = PermissionError(13, "Permission denied", str(source))
    with pytest.raises(PermissionError, match=r"in\.jsonl"), open_out(str(out)):
        raise error
    said = r"out\.jsonl: cannot be written \(Permission denied\)"
    with pytest.raises(LensError, match=said), replacing(out) as temporary:
        raise PermissionError(13, "Permission denied", str(temporary))
    assert list(tmp_path.iterdir()) == []


def refused(allocate):
    """The error with which a library refuses memory."""
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        allocate()
    return caught.value


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: np.empty((2**28, 2**28)),
        lambda: torch.empty(2**58),
        lambda: pa.allocate_buffer(2**60),
        lambda: bytearray(2**62),
    ],
    ids=["numpy", "torch", "pyarrow", "python"],
)
def test_memory_that_cannot_be_had_is_said_whichever_library_asked_for_it(allocate):
    said = message(refused(allocate))
    assert said.startswith("out of memory (")
    assert "give the job more memory" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("std::bad_alloc"),  # how bindings of C++ hand it on
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"
        ),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        SystemError("error return without exception set"),
        RuntimeError("unable to mmap 44 bytes: Cannot allocate memory (12)"),
        OSError(errno.ENOMEM, "what the system says in another language"),
    ],
)
def test_the_words_for_want_of_memory_are_known(error):
    assert message(error).startswith("out of memory (")


def test_other_errors_are_not_taken_for_want_of_memory():
    assert message(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    assert message(ImportError("No module named 'trl'")) is None
    assert message(LensError("row 3 is empty")) == "row 3 is empty"
    assert message(FileNotFoundError(2, "No such file or directory", "a")).endswith("'a'.")


def test_want_of_memory_behind_another_message_is_not_hidden():
    damaged = LensError("t.parquet is damaged")
    damaged.__cause__ = MemoryError("malloc of size 64 failed")
    assert message(damaged).startswith("out of memory (")


def test_the_refusal_itself_is_quoted_and_one_that_was_dealt_with_is_not():
    dealt_with = LensError("row 3 is empty")
    dealt_with.__context__, dealt_with.__suppress_context__ = MemoryError("malloc failed"), True
    assert message(dealt_with) == "row 3 is empty"
    damaged = LensError("t.parquet is damaged")
    damaged.__cause__ = MemoryError("malloc of size 64 failed")
    assert "(malloc of size 64 failed)" in message(damaged)


def test_what_ended_functions_held_is_let_go():
    class Held:
        pass

    def fill():
        nonlocal seen
        data = Held()
        seen = weakref.ref(data)
        raise MemoryError(len(str(data)))

    seen = None
    try:
        try:
            fill()
        except MemoryError as error:
            raise LensError("unreadable") from error
    except LensError as error:
        assert seen() is not None
        let_go(error)
        assert seen() is None


# Limits what is left once all is imported: an import without memory fails in a dozen ways.
LITTLE_MEMORY = """
import resource
from lens.cli import build_parser, program
build_parser("prepare-pairs")
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2**27
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
program()
"""


@pytest.mark.slow
def test_a_stage_with_too_little_memory_says_so(tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    with pairs.open("wb") as file:
        file.truncate(2**29)
    made = ["--out", "a.parquet", "--out-prompts", "b.parquet", "--report", "c.json"]
    run = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, "prepare-pairs", "--path", pairs, *made],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 1
    assert "lens prepare-pairs: error: out of memory (" in run.stderr
    assert "Traceback" not in run.stderr
