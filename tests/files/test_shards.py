"""Work in shards: the same bytes however it is split, stopped, damaged and resumed."""

import json
import shlex
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.files import artifacts, shards
from lens.files.embeddings import check_same_model, read_embedded

ROWS = 23


def prompt(text):
    return json.dumps([{"role": "user", "content": text}])


@pytest.fixture
def pairs(tmp_path):
    artifacts.write_table(
        tmp_path / "pairs.parquet",
        pd.DataFrame(
            {
                "id": [f"row-{i}" for i in range(ROWS)],
                "prompt": [prompt(f"w{i} w{i + 1} w{i % 5}") for i in range(ROWS)],
                "chosen": [f"w{i} w3 w{i % 7}" for i in range(ROWS)],
                "rejected": [f"w{i} w4 w5" for i in range(ROWS)],
            }
        ),
    )
    return tmp_path / "pairs.parquet"


def shard_file(folder, number, suffix="safetensors"):
    return folder / f"shards/{number}.{suffix}"


def embed(pairs, model, folder, shard=0, of=1, *more, command="embed-pairs"):
    out = shard_file(folder, shard)
    return (
        *(
            f"{command} --pairs {pairs} --model {model} --device cpu --shard {shard} --shards "
            f"{of} --flush 4 --out {out} --metrics {out.with_suffix('.json')}"
        ).split(),
        *more,
    )


def gather(folder, of, command="gather-embeddings", out="embeddings.json", suffix="safetensors"):
    files = [shard_file(folder, number, suffix) for number in range(of)]
    return (
        command,
        "--shards",
        *files,
        *f"--out {folder / out} --metrics {folder}/metrics.json".split(),
    )


def whole(lens, pairs, model, folder, of):
    for shard in range(of):
        lens(*embed(pairs, model, folder, shard, of))
    lens(*gather(folder, of))
    _, found = read_embedded(pairs, folder / "embeddings.json")
    return {name: rows[:] for name, rows in found.items()}


def blocks(folder):
    return sorted(file.name for file in folder.glob("shards/blocks/*"))


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


class StoppedError(Exception):
    pass


@pytest.fixture
def stop_at(monkeypatch):
    """Lets so many blocks be embedded, then stops; returns the sizes of those embedded."""
    from lens.language.encoder import Encoder

    embed_tokens = Encoder.embed_tokens

    def at(count):
        seen = []

        def counted(self, token_ids, *args, **kwargs):
            if len(seen) == count:
                raise StoppedError
            seen.append(len(token_ids))
            return embed_tokens(self, token_ids, *args, **kwargs)

        monkeypatch.setattr(Encoder, "embed_tokens", counted)
        return seen

    return at


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


def damage(path, place=-3):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


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
    assert caplog.text.count("is damaged: this block is made anew") == 2
    assert shard_file(folder, 0).read_bytes() == shard_file(tmp_path / "whole", 0).read_bytes()


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
    assert "another model than this job has, which has changed in the middle of a run" in message
    assert "model/model.safetensors (" in message
    assert "Set `revision` to the first commit to go on, or remove the folder" in message
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
    assert made == [8, 8, 8, 8, 8, 6]


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
        ((0, 2), "2.safetensors begins at row 16, not 8"),
        ((0, 1), "1.safetensors ends at row 16 of 23"),
        ((1, 2), "1.safetensors begins at row 8, not 0"),
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


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_takes_half_the_space_and_loses_nothing(
    pairs, llama_folder, tmp_path, lens, dtype
):
    import torch
    from safetensors.torch import load_file

    sizes = {}
    for name in ("float32", dtype):
        lens(*embed(pairs, llama_folder, tmp_path / name, 0, 1, "--dtype", name))
        sizes[name] = shard_file(tmp_path / name, 0).stat().st_size
    values = 2 * ROWS * 16
    assert sizes["float32"] - sizes[dtype] == pytest.approx(2 * values, abs=64)
    saved = load_file(shard_file(tmp_path / dtype, 0))["chosen"]
    assert saved.dtype == getattr(torch, dtype)
    _, found = read_embedded(pairs, shard_file(tmp_path / dtype, 0))
    assert np.array_equal(found["chosen"][:], saved.float().numpy())
    full = load_file(shard_file(tmp_path / "float32", 0))["chosen"].numpy()
    np.testing.assert_allclose(found["chosen"][:], full, atol=0.1)
    assert not np.array_equal(found["chosen"][:], full)


def test_rows_come_across_files_by_place_mask_and_slice(tmp_path):
    rng = np.random.default_rng(0)
    array = rng.normal(size=(10, 3)).astype(np.float32)
    table = pd.DataFrame({"id": range(10)})
    artifacts.write_table(tmp_path / "t.parquet", table)
    parts = []
    for number, rows in enumerate((slice(0, 4), slice(4, 4), slice(4, 10))):
        path = tmp_path / f"{number}.safetensors"
        artifacts.write_embeddings(path, {"x": array[rows]}, "float32", {})
        parts.append({"file": path.name, "sha256": artifacts.sha256(path)})
    index = {"shards": parts, "rows_sha256": artifacts.sha256(tmp_path / "t.parquet")}
    artifacts.write_json(tmp_path / "e.json", index)
    _, found = read_embedded(tmp_path / "t.parquet", tmp_path / "e.json")
    for places in (
        slice(None),
        [9, 0, 4, 3, 3],
        np.array([], int),
        array[:, 0] > 0,
        slice(7, 2, -2),
    ):
        assert np.array_equal(found["x"][places], array[places])
    assert found["x"].shape == (10, 3)


def test_rows_are_read_alone(tmp_path):
    """64 MB of embeddings, of which a hundred rows are asked for."""
    count, width = 20_000, 1600
    artifacts.write_table(tmp_path / "t.parquet", pd.DataFrame({"id": np.arange(count)}))
    about = {"rows_sha256": artifacts.sha256(tmp_path / "t.parquet")}
    array = np.ones((count, width), np.float32)
    artifacts.write_embeddings(tmp_path / "e.safetensors", {"x": array}, "float16", about)
    del array
    tracemalloc.start()
    _, found = read_embedded(tmp_path / "t.parquet", tmp_path / "e.safetensors")
    some = found["x"][np.arange(0, count, 200)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert some.shape == (100, width)
    assert peak < 8e6


def candidates(folder, count=5, each=3):
    artifacts.write_table(
        folder / "prompts.parquet",
        pd.DataFrame(
            {
                "prompt_id": [f"p{i}" for i in range(count)],
                "prompt": [prompt(f"w{i} w{i + 2}") for i in range(count)],
                "group": [str(i) for i in range(count)],
            }
        ),
    )
    return (
        f"generate-candidates --prompts {folder}/prompts.parquet --candidates {each} "
        "--max-new-tokens 5 --flush 2"
    ).split()


def in_shards(lens, command, folder, of, more, gathered):
    for shard in range(of):
        out = shard_file(folder, shard, "parquet")
        lens(
            *command,
            *(
                f"--shard {shard} --shards {of} --out {out} --metrics "
                f"{out.with_suffix('.json')} --device cpu"
            ).split(),
            *more,
        )
    lens(*gather(folder, of, "gather-candidates", gathered, "parquet"))
    return folder / gathered, artifacts.read_json(folder / "metrics.json")["metrics"]


def test_candidates_and_their_gold_scores_are_the_same_in_any_number_of_shards(
    tmp_path, llama_folder, gold_folder, lens
):
    command = candidates(tmp_path)
    tables, scores = [], []
    for count in (1, 2, 4):
        folder = tmp_path / f"generate_{count}"
        model = ("--model", llama_folder)
        tables.append(in_shards(lens, command, folder, count, model, "candidates.parquet"))
        score = ("score-candidates", "--candidates", tables[-1][0], "--flush", 4)
        model = ("--model", gold_folder)
        folder = tmp_path / f"score_{count}"
        scores.append(in_shards(lens, score, folder, count, model, "gold.parquet"))
    for made in (tables, scores):
        assert len({path.read_bytes() for path, _ in made}) == 1
        assert made[0][1] == made[1][1] == made[2][1]
    table = pd.read_parquet(tables[0][0])
    assert list(table["prompt_id"]) == [f"p{i}" for i in range(5) for _ in range(3)]
    assert list(table["candidate"]) == [0, 1, 2] * 5
    assert tables[0][1]["candidates"] == 15
    gold = pd.read_parquet(scores[0][0])
    assert scores[0][1]["mean_gold"] == pytest.approx(gold["gold"].mean(), rel=1e-5)


def test_sampling_goes_on_where_it_was_stopped(tmp_path, llama_folder, lens, monkeypatch):
    import lens.language.generation as generation

    command = candidates(tmp_path)
    model = ("--model", llama_folder)
    path, _ = in_shards(lens, command, tmp_path / "whole", 1, model, "candidates.parquet")
    generate, calls = generation.generate, []

    def stopped(model, tokenizer, token_ids, names, **settings):
        if len(calls) == 1:
            raise StoppedError
        calls.append(names)
        return generate(model, tokenizer, token_ids, names, **settings)

    monkeypatch.setattr(generation, "generate", stopped)
    folder = tmp_path / "stopped"
    with pytest.raises(StoppedError):
        in_shards(lens, command, folder, 1, model, "candidates.parquet")
    calls.append("from here on")
    again, _ = in_shards(lens, command, folder, 1, model, "candidates.parquet")
    assert calls == [["p0", "p1"], "from here on", ["p2", "p3"], ["p4"]]
    assert again.read_bytes() == path.read_bytes()


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    artifacts.write_table(path, pd.DataFrame({"x": np.arange(1000) % 17}))
    whole = path.read_bytes()
    for place in (40, -6):  # a page, the length of the footer
        damage(path, place)
        with pytest.raises(LensError, match=r"t.parquet is damaged .*Remove it and run again"):
            artifacts.read_table(path)
        path.write_bytes(whole)
    for length in (0, 3, 500, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(LensError, match=r"t.parquet is damaged"):
            artifacts.read_table(path)


ON_A_SMALL_DISK = """
mount -t tmpfs -o size=36k tmpfs {disk} || exit 99
{command}; echo "first: $?"
ls {disk}/shards/blocks | wc -l
mount -o remount,size=2m {disk}
{command}; echo "second: $?"
cp {disk}/shards/0.safetensors {kept}
"""


def test_a_full_disk_is_said_and_what_was_saved_is_used(pairs, llama_folder, tmp_path, lens):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: `unshare -rm` is refused")
    lens(*embed(pairs, llama_folder, tmp_path))
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [sys.executable, "-m", "lens", *map(str, embed(pairs, llama_folder, disk))]
    kept = tmp_path / "kept.safetensors"
    script = ON_A_SMALL_DISK.format(disk=disk, command=shlex.join(command), kept=kept)
    run = subprocess.run(
        ["unshare", "-rm", "bash", "-c", script], capture_output=True, text=True, timeout=300
    )
    assert run.stdout.split()[:2] == ["first:", "1"]
    assert int(run.stdout.split()[2]) >= 2
    assert "the disk is full. Free some space and run again" in run.stderr
    assert "Traceback" not in run.stderr
    assert "found whole, not made again" in run.stderr
    assert run.stdout.split()[-1] == "0"
    assert kept.read_bytes() == shard_file(tmp_path, 0).read_bytes()
