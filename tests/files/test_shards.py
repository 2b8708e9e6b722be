"""Work in shards: the same bytes however it is split, stopped, damaged and resumed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lens.core.errors import LensError
from lens.files import artifacts, shards
from lens.files.embeddings import read_embedded
from tests.helpers.sharded import (
    ROWS,
    StoppedError,
    blocks,
    damage,
    embed,
    shard_file,
    whole,
)


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 40])
@pytest.mark.parametrize("flush", [1, 4, 50])
def test_shards_are_the_same_blocks_in_order_whatever_their_number(rows, flush):
    expected = [(start, min(start + flush, rows)) for start in range(0, rows, flush)]
    for count in (1, 2, 3, 7):
        parts = [shards.Share(shard, count, flush).blocks(rows) for shard in range(count)]
        assert [block for part in parts for block in part] == expected
        sizes = list(map(len, parts))
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("share", [(-1, 2, 4), (2, 2, 4), (0, 0, 4), (0, 1, 0)])
def test_a_shard_that_cannot_be_is_refused(share):
    with pytest.raises(LensError, match="shards count from 0"):
        shards.Share(*share)


def test_the_number_of_shards_changes_no_bit(pairs, llama_folder, tmp_path, lens):
    one, three, nine = (tmp_path / name for name in ("one", "three", "nine"))
    expected = whole(lens, pairs, llama_folder, one, 1)
    assert expected["chosen"].shape == (ROWS, 16)
    for folder, count in ((three, 3), (nine, 9)):  # nine shards of six blocks: three are empty
        found = whole(lens, pairs, llama_folder, folder, count)
        for side in ("chosen", "rejected"):
            assert np.array_equal(found[side], expected[side])
        mine, first = (artifacts.read_json(f / "metrics.json") for f in (folder, one))
        assert mine == first
        assert mine["metrics"]["texts"] == 2 * ROWS
        costs = [artifacts.read_json(f / "cost.json") for f in (folder, one)]
        assert costs[0]["tokens"] == costs[1]["tokens"] == mine["metrics"]["tokens"]
        assert costs[0]["parameters"] == costs[1]["parameters"] > 0
    assert not (three / "shards/blocks").exists()


def test_a_stopped_job_loses_one_block_and_goes_on(pairs, llama_folder, tmp_path, lens, stop_at):
    lens(*embed(pairs, llama_folder, tmp_path / "whole"))
    stop_at(2)
    folder = tmp_path / "stopped"
    with pytest.raises(StoppedError):
        lens(*embed(pairs, llama_folder, folder))
    assert len(blocks(folder)) == 4  # two blocks, a note for each
    assert not shard_file(folder, 0).exists()
    made = stop_at(99)
    lens(*embed(pairs, llama_folder, folder))
    assert made == [8, 8, 8, 6]
    same = [shard_file(f, 0).read_bytes() for f in (tmp_path / "whole", folder)]
    assert same[0] == same[1]
    assert not blocks(folder)
    reports = [artifacts.read_json(f / "shards/0.json") for f in (tmp_path / "whole", folder)]
    for name in ("metrics", "inputs", "rows", "sha256"):
        assert reports[0][name] == reports[1][name]
    costs = [report["cost"] for report in reports]
    assert costs[0]["tokens"] == costs[1]["tokens"]


def test_seconds_of_earlier_attempts_count(pairs, llama_folder, tmp_path, lens, stop_at):
    stop_at(2)
    with pytest.raises(StoppedError):
        lens(*embed(pairs, llama_folder, tmp_path))
    for note in tmp_path.glob("shards/blocks/*.json"):
        artifacts.write_json(note, artifacts.read_json(note) | {"seconds": 1000.0})
    stop_at(99)
    lens(*embed(pairs, llama_folder, tmp_path))
    cost = artifacts.read_json(tmp_path / "shards/0.json")["cost"]
    assert 2000 < cost["wall_seconds"] < 2500
    assert 2000 < cost["device_seconds"] < 2500


def test_another_number_of_shards_goes_on_from_the_same_blocks(
    pairs, llama_folder, tmp_path, lens, stop_at
):
    stop_at(4)
    with pytest.raises(StoppedError):
        lens(*embed(pairs, llama_folder, tmp_path))
    made = stop_at(99)
    for shard in range(2):
        lens(*embed(pairs, llama_folder, tmp_path, shard, 2))
    assert made == [8, 6]


ON_A_SMALL_DISK = """
import os, subprocess, sys
from lens.cli import main

disk, *command = sys.argv[1:]
for size, more in (("36k", ""), ("2m", "remount,")):
    mount = ["mount", "-t", "tmpfs", "-o", f"{more}size={size}", "tmpfs", disk]
    subprocess.run(mount, check=True)
    try:
        main(command)
    except SystemExit as stop:
        print(stop.code, file=sys.stderr)
        print(len(os.listdir(f"{disk}/shards/blocks")), "files of blocks")
sys.stdout.flush()
with open(f"{disk}/shards/0.safetensors", "rb") as file:
    sys.stdout.buffer.write(file.read())
"""


def test_a_full_disk_is_said_and_what_was_saved_is_used(pairs, llama_folder, tmp_path, lens):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: `unshare -rm` is refused")
    lens(*embed(pairs, llama_folder, tmp_path))
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [sys.executable, "-c", ON_A_SMALL_DISK, disk, *embed(pairs, llama_folder, disk)]
    run = subprocess.run(
        ["unshare", "-rm", *map(str, command)], capture_output=True, timeout=300, check=True
    )
    first, saved = run.stdout.split(b" files of blocks\n")
    assert int(first) >= 2
    said = run.stderr.decode()
    assert said.count("the disk is full. Free some space and run again") == 1
    assert "Traceback" not in said
    assert "already complete, not made again" in said
    assert saved == shard_file(tmp_path, 0).read_bytes()


def test_a_damaged_block_is_found_by_its_hash_and_made_anew(
    pairs, llama_folder, tmp_path, lens, stop_at, caplog
):
    lens(*embed(pairs, llama_folder, tmp_path / "whole"))
    folder = tmp_path / "damaged"
    stop_at(3)
    with pytest.raises(StoppedError):
        lens(*embed(pairs, llama_folder, folder))
    files = sorted(folder.glob("shards/blocks/*.safetensors"))
    damage(files[1])
    files[2].with_name(files[2].name.replace(".safetensors", ".json")).write_text("{")
    made = stop_at(99)
    lens(*embed(pairs, llama_folder, folder))
    assert made == [8, 8, 8, 8, 6]
    assert caplog.text.count("is damaged: this block is made again") == 2
    assert shard_file(folder, 0).read_bytes() == shard_file(tmp_path / "whole", 0).read_bytes()


@pytest.mark.slow
def test_shards_at_once_do_not_disturb_one_another(tmp_path):
    """Eight threads, each with a shard of its own, over and over in one folder."""
    payload = {"x": np.ones((1, 2), np.float32)}

    def one(shard):
        for _ in range(10):
            shards.run(
                shards.Share(shard, 8, 1),
                16,
                lambda first, stop: (payload, {"texts": 1}, {"tokens": 1}),
                lambda blocks: artifacts.write_arrays(tmp_path / f"{shard}.safetensors", blocks[0]),
                out=tmp_path / f"{shard}.safetensors",
                report=tmp_path / f"{shard}.json",
                settings={},
                inputs={},
                model={},
            )
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(8)))


def test_half_precision_takes_half_the_space_and_loses_nothing(pairs, llama_folder, tmp_path, lens):
    import torch
    from safetensors.torch import load_file

    sizes = {}
    for name in ("high", "fast"):
        lens(*embed(pairs, llama_folder, tmp_path / name, 0, 1, "--precision", name))
        sizes[name] = shard_file(tmp_path / name, 0).stat().st_size
    values = 2 * ROWS * 16
    assert sizes["high"] - sizes["fast"] == pytest.approx(2 * values, abs=64)
    saved = load_file(shard_file(tmp_path / "fast", 0))["texts"]
    assert saved.dtype == torch.bfloat16
    _, found = read_embedded(pairs, shard_file(tmp_path / "fast", 0))
    _, full = read_embedded(pairs, shard_file(tmp_path / "high", 0))
    full = full["chosen"][:]
    np.testing.assert_allclose(found["chosen"][:], full, atol=0.1)
    assert not np.array_equal(found["chosen"][:], full)
