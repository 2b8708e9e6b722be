"""What no shard goes on from: other weights, pairs, settings; damage; shards that do not fit."""

from pathlib import Path

import numpy as np
import pytest

from lens.core.errors import LensError
from lens.files import artifacts
from lens.files.embeddings import check_same_model, read_embedded
from tests.helpers.sharded import (
    StoppedError,
    blocks,
    damage,
    embed,
    gather,
    shard_file,
    whole,
)


@pytest.fixture
def other_weights(llama_folder, tmp_path):
    """A folder with the model, and a function that changes its weights."""
    import shutil

    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(llama_folder, folder)

    def change():
        weights = load_file(folder / "model.safetensors")
        name = "model.norm.weight"
        weights[name] = weights[name] + np.float32(0.5)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    return folder, change


def test_a_model_that_changes_in_the_middle_of_a_shard_is_refused_and_nothing_is_lost(
    pairs, other_weights, tmp_path, lens, fail, stop_at
):
    model, change = other_weights
    stop_at(2)
    with pytest.raises(StoppedError):
        lens(*embed(pairs, model, tmp_path))
    before = blocks(tmp_path)
    change()
    stop_at(99)
    message = fail(*embed(pairs, model, tmp_path))
    assert "another model than this job uses; the model changed during the run" in message
    assert "model/model.safetensors (" in message
    assert "Set `revision` to the first commit to resume, or remove the folder" in message
    assert blocks(tmp_path) == before


def test_a_model_that_changes_between_shards_is_refused(pairs, other_weights, tmp_path, lens, fail):
    model, change = other_weights
    lens(*embed(pairs, model, tmp_path, 0, 2))
    change()
    lens(*embed(pairs, model, tmp_path, 1, 2))
    message = fail(*gather(tmp_path, 2))
    assert "1.safetensors was made with another model" in message
    assert "Remove" in message
    assert not (tmp_path / "embeddings.json").exists()


def test_pairs_and_candidates_of_different_weights_are_told_apart(tmp_path):
    for name, model in (("a", "1"), ("b", "2"), ("c", "1")):
        artifacts.write_json(tmp_path / f"{name}.json", {"model": {"commit": model}})
    check_same_model(tmp_path / "a.json", tmp_path / "c.json")
    with pytest.raises(LensError, match=r"b.json was made with another model .*commit \(2 and 1\)"):
        check_same_model(tmp_path / "a.json", tmp_path / "b.json")


def test_a_pinned_revision_goes_on_with_what_was_saved_of_that_commit(
    pairs, llama_folder, tmp_path, lens, fail, stop_at, monkeypatch
):
    """`main` has moved; its first commit is pinned, as the message says."""
    from lens.language import loading

    commits = {"main": "a" * 40, "a" * 40: "a" * 40}
    monkeypatch.setattr(
        loading, "identity", lambda path, revision, *_: {"commit": commits[revision]}
    )
    stop_at(2)
    with pytest.raises(StoppedError):
        lens(*embed(pairs, llama_folder, tmp_path, 0, 1, "--revision", "main"))
    commits["main"] = "b" * 40
    stop_at(99)
    message = fail(*embed(pairs, llama_folder, tmp_path, 0, 1, "--revision", "main"))
    assert f"commit ({'a' * 40} and {'b' * 40})" in message
    made = stop_at(99)
    lens(*embed(pairs, llama_folder, tmp_path, 0, 1, "--revision", "a" * 40))
    assert made == [8, 8, 8, 6]


def test_other_pairs_take_no_old_block(pairs, llama_folder, tmp_path, lens, stop_at):
    stop_at(2)
    with pytest.raises(StoppedError):
        lens(*embed(pairs, llama_folder, tmp_path))
    table = artifacts.read_table(pairs)
    artifacts.write_table(pairs, table.assign(chosen=table["rejected"]))
    made = stop_at(99)
    lens(*embed(pairs, llama_folder, tmp_path))
    assert made == [8, 8, 7]  # both sides have the same 23 texts now


def test_a_damaged_shard_is_said_and_marked(pairs, llama_folder, tmp_path, lens, fail):
    whole(lens, pairs, llama_folder, tmp_path, 3)
    bad = shard_file(tmp_path, 1)
    damage(bad)
    for _ in range(2):  # a job may be tried again
        with pytest.raises(LensError, match=r"1\.safetensors is damaged: .* run Snakemake again"):
            read_embedded(pairs, tmp_path / "embeddings.json")
        assert bad.exists()
    assert Path(f"{bad}.damaged").exists()
    lens(*embed(pairs, llama_folder, tmp_path, 1, 3))
    read_embedded(pairs, tmp_path / "embeddings.json")
    damage(bad)
    assert "1.safetensors is damaged" in fail(*gather(tmp_path, 3))
    index = tmp_path / "embeddings.json"
    index.write_text(index.read_text()[:-9])
    with pytest.raises(LensError, match=r"embeddings\.json is damaged"):
        read_embedded(pairs, index)


def test_shards_of_different_tables_are_named(pairs, llama_folder, tmp_path, lens, fail):
    lens(*embed(pairs, llama_folder, tmp_path, 0, 2))
    artifacts.write_table(pairs, artifacts.read_table(pairs).iloc[::-1])
    lens(*embed(pairs, llama_folder, tmp_path, 1, 2))
    assert "differ in inputs: rows (" in fail(*gather(tmp_path, 2))


def test_a_stage_without_rows_is_said(pairs, llama_folder, tmp_path, lens, fail):
    artifacts.write_table(pairs, artifacts.read_table(pairs).iloc[:0])
    lens(*embed(pairs, llama_folder, tmp_path))
    assert "the stage has no rows" in fail(*gather(tmp_path, 1))


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ((0, 2), "2.safetensors begins at row 32, not 16"),
        ((0, 1), "1.safetensors ends at row 32 of 46"),
        ((1, 2), "1.safetensors begins at row 16, not 0"),
    ],
)
def test_shards_that_are_not_all_of_it(pairs, llama_folder, tmp_path, lens, fail, keep, message):
    for shard in range(3):
        lens(*embed(pairs, llama_folder, tmp_path, shard, 3))
    files = [shard_file(tmp_path, shard) for shard in keep]
    got = fail(
        "gather-embeddings",
        "--shards",
        *files,
        *f"--out {tmp_path}/e.json --metrics {tmp_path}/metrics.json".split(),
    )
    assert message in got


def test_shards_of_different_settings_are_named(pairs, llama_folder, tmp_path, lens, fail):
    lens(*embed(pairs, llama_folder, tmp_path, 0, 2))
    lens(*embed(pairs, llama_folder, tmp_path, 1, 2, "--layer", 1))
    assert "differ in settings: layer (1 and -1)" in fail(*gather(tmp_path, 2))


def test_other_settings_take_no_old_block_and_leave_none(
    pairs, llama_folder, tmp_path, lens, stop_at
):
    stop_at(2)
    with pytest.raises(StoppedError):
        lens(*embed(pairs, llama_folder, tmp_path))
    made = stop_at(99)
    lens(*embed(pairs, llama_folder, tmp_path, 0, 1, "--layer", 0))
    assert made == [8, 8, 8, 8, 8, 6]
    assert not blocks(tmp_path)
