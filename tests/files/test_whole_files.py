"""Every file is written beside its place and renamed, whoever writes it, whenever it is killed."""

import os
import stat
import subprocess
import sys

import pytest

from lens.core.errors import LensError
from lens.files import artifacts, atomic

# A parent forks writers and kills each; the writers put two kinds of content in turn, and whoever
# reads must find one kind alone; until twelve writers have been caught in the midst of a file.
KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from lens.files import artifacts
from lens.files.atomic import replacing_folder
from safetensors.numpy import load_file, save_file

folder, draw = Path(sys.argv[1]), random.Random(3)
text, arrays, model = folder / "a.txt", folder / "a.safetensors", folder / "model"

def write_for_ever(begun):
    for number in range(10**9):
        kind = number % 2
        artifacts.write_text(text, str(kind) * 3_000_000)
        artifacts.write_arrays(arrays, {"x": np.full(300_000, kind)})
        with replacing_folder(model) as temporary:
            for name in "pq":
                (temporary / name).write_text(str(kind) * 1_500_000)
        if number == 0:
            os.write(begun, b"!")

def check():
    values = text.read_text()
    assert len(values) == 3_000_000 and len(set(values)) == 1
    values = artifacts.read_arrays(arrays)["x"]
    assert len(values) == 300_000 and len(set(values.tolist())) == 1
    if model.exists():  # between the old one and the new it is away
        values = [(model / name).read_text() for name in "pq"]
        assert values[0] == values[1] and set(map(len, values)) == {1_500_000}
        assert len(set(values[0])) == 1

kills = caught = 0
while caught < 12:
    reader, begun = os.pipe()
    writer = os.fork()
    if writer == 0:
        write_for_ever(begun)
    os.read(reader, 1)
    time.sleep(draw.uniform(0, 0.03))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    kills += 1
    check()
    caught += any(folder.glob(f".*.{writer}.tmp"))
artifacts.write_json(folder / "last.json", 1)
print(*sorted(path.name for path in folder.iterdir()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_writers_killed_at_any_moment_leave_whole_files_and_nothing_else(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert set(run.stdout.split()) - {"model"} == {"a.safetensors", "a.txt", "last.json"}


def left_by(folder, pid, node=None):
    left = folder / f".table.csv.{node or atomic.platform.node()}.{pid}.tmp"
    left.mkdir()
    (left / "new").write_text("half")
    return left


@pytest.mark.slow
def test_what_the_dead_have_left_goes_and_what_others_write_stays(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    gone = left_by(tmp_path, dead.pid)
    alive = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    kept = [left_by(tmp_path, alive.pid), left_by(tmp_path, dead.pid, "elsewhere")]
    kept.append(tmp_path / ".mine.tmp")
    kept[2].mkdir()
    with atomic.replacing(tmp_path / "other.txt") as temporary:
        temporary.write_text("new")
    alive.communicate(b"\n")
    assert not gone.exists()
    assert all(path.is_dir() for path in kept)
    assert (tmp_path / "other.txt").read_text() == "new"


def test_what_another_user_writes_stays(tmp_path, monkeypatch):
    def refuse(pid, signal):
        raise PermissionError(1, "Operation not permitted")

    kept = left_by(tmp_path, 12345)
    monkeypatch.setattr(os, "kill", refuse)
    with atomic.replacing(tmp_path / "other.txt") as temporary:
        temporary.write_text("new")
    assert (kept / "new").read_text() == "half"


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    def write(text, fail):
        with atomic.replacing_folder(tmp_path / "model") as temporary:
            (temporary / "config.json").write_text(text)
            if fail:
                raise RuntimeError

    write("old", False)
    with pytest.raises(RuntimeError):
        write("half", True)
    assert (tmp_path / "model/config.json").read_text() == "old"
    write("new", False)
    assert (tmp_path / "model/config.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def save(folder, name="model.safetensors"):
    with atomic.replacing_folder(folder) as temporary:
        (temporary / name).write_text("new")


def test_a_folder_keeps_what_others_put_there_but_no_other_weights(tmp_path):
    model = tmp_path / "model"
    (model / "mine").mkdir(parents=True)
    (model / "mine/notes.txt").write_text("mine")
    (model / "notes.txt").write_text("mine")
    (model / "model-00001-of-00002.safetensors").write_text("old")
    (model / "model.safetensors").write_text("old")
    save(model)
    assert sorted(path.name for path in model.rglob("*")) == [
        "mine",
        "model.safetensors",
        "notes.txt",
        "notes.txt",
    ]
    assert (model / "model.safetensors").read_text() == "new"
    assert (model / "mine/notes.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_swapped_stays_as_it_was(tmp_path, monkeypatch):
    """The move of the new one fails, after the old one has been moved aside."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("old")
    real, moves = os.replace, []

    def replace(source, target):
        moves.append(target)
        if len(moves) == 2:
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="Input/output"):
        save(tmp_path / "model")
    assert (tmp_path / "model/config.json").read_text() == "old"
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["config.json"]


def test_links_stay_links(tmp_path):
    for name in ("file", "folder"):
        (tmp_path / f"link to {name}").symlink_to(tmp_path / "disk" / name)
    (tmp_path / "disk").mkdir()
    artifacts.write_text(tmp_path / "link to file", "new")
    save(tmp_path / "link to folder")
    assert (tmp_path / "disk/file").read_text() == "new"
    assert (tmp_path / "disk/folder/model.safetensors").read_text() == "new"
    assert (tmp_path / "link to file").is_symlink()
    assert (tmp_path / "link to folder").is_symlink()


def test_pipes_and_folders_are_not_replaced_by_files_nor_files_by_folders(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for name in ("pipe", "folder"):
        with pytest.raises(LensError, match=f"{name}: exists and is not a regular file"):
            artifacts.write_text(tmp_path / name, "new")
    with pytest.raises(LensError, match="file: exists and is not a folder"):
        save(tmp_path / "file")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_folder_may_be_where_one_stands(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    save(".")
    assert (tmp_path / "here/model.safetensors").exists()


def made(path):
    """When this file was begun, as text that sorts. (Snakemake sets the time of change anew.)"""
    return subprocess.run(["stat", "-c", "%w", path], check=True, capture_output=True).stdout


def test_metrics_are_written_last(small_world):
    """A stage's metrics.json, or a shard's report, is newer than all else that it has written."""
    results, seen = small_world / "results/small", set()
    if made(results).strip() == b"-":
        pytest.skip("this file system does not keep when a file was made")
    for metrics in results.rglob("metrics.json"):
        folder = metrics.parent
        others = [
            path
            for path in folder.rglob("*")
            if path.is_file() and "shards" not in path.relative_to(folder).parts
        ]
        assert len(others) > 1
        assert made(metrics) == max(map(made, others)), metrics
        seen.add(metrics.relative_to(results).parts[0])
    for report in results.rglob("shards/*.json"):
        (shard,) = report.parent.glob(f"{report.stem}.[!j]*")
        assert made(report) >= made(shard)
        seen.add(report.relative_to(results).parts[0])
    assert seen >= {"train_base_model", "train_vae", "train_reward", "embed_pairs", "best_of_n"}


def test_a_file_that_is_being_written_has_not_its_name_yet(tmp_path):
    """Costs are found by name wherever they lie under the results."""
    with atomic.replacing(tmp_path / "cost.json") as temporary:
        temporary.write_text("{}")
        assert temporary.is_relative_to(tmp_path)
        assert not list(tmp_path.rglob("cost.json"))
    assert list(tmp_path.rglob("*")) == [tmp_path / "cost.json"]
