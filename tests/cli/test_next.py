"""`lens next` and `lens fit --continue`, as a user goes from a batch to the next one."""

import json

import numpy as np
import pytest

from lens.advice.extend import saved_pairs
from lens.data.sources import read_rows
from lens.serving.reward_model import RewardModel
from tests.helpers.word_pairs import jsonl, some_rows

MISTAKES = [
    ("next {pool} --out {tmp}/b", "give --model"),
    ("next {pool} --model m --embeddings e.npy --out {tmp}/b", "--embeddings takes 1 .npy here"),
    ("next {pool} --have {pairs} --embeddings e.npy --out {tmp}/b", "takes 2 .npy here"),
    ("next {pool} --have {tmp} --out {tmp}/b", "holds no embedded pairs"),
    ("next {pairs} --have {pairs} --model {model} --out {tmp}/b", "no pair of 60 rows is left"),
    ("next {pool} --have {fitted} --count 999 --out {tmp}/b", "999 pairs asked for"),
    ("suspects {pairs} --out {tmp}/b", "give either --model"),
    ("suspects {fitted} --embeddings e.npy --out {tmp}/b", "the folder has its own"),
    ("fit {pairs} --advice {fitted} --continue {fitted} --out {tmp}/m", "not both"),
    ("fit {pairs} --continue {tmp} --out {tmp}/m", "holds no embedded pairs"),
]


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    rows = [
        {
            "id": f"n{i}",
            "prompt": row["prompt"],
            "candidates": [row["chosen"], row["rejected"], "w1 w2"],
        }
        for i, row in enumerate(some_rows(30, seed=9))
    ]
    return jsonl(tmp_path_factory.mktemp("pool") / "pool.jsonl", rows)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "message"), MISTAKES)
def test_mistakes(command, message, workplace, pool, fail, llama_folder, tmp_path):
    names = {"pool": pool, "pairs": workplace / "pairs.jsonl", "tmp": tmp_path}
    names |= {"model": llama_folder, "fitted": workplace / "model"}
    assert message in fail(*command.format(**names).split())


@pytest.mark.slow
def test_batch_after_batch(workplace, pool, lens, tmp_path, capsys):
    """A batch is labelled, added to what was there, and not asked for again."""
    model, asked = workplace / "model", set()
    for number in (1, 2):
        batch, fitted = tmp_path / f"batch_{number}.jsonl", tmp_path / f"model_{number}"
        lens("next", pool, "--have", model, "--count", 8, "--out", batch)
        said = capsys.readouterr().out
        assert "cannot be tested on" in said
        assert "8 pairs chosen" in said
        rows = [json.loads(line) for line in batch.read_text().splitlines()]
        prompts = [row["id"].split("-")[0] for row in rows]
        assert len(set(prompts)) == 8
        new = {row["id"] for row in rows}
        assert len(new) == 8
        assert not new & asked
        asked |= new
        jsonl(batch, [row | {"winner": "a"} for row in rows])
        lens("fit", batch, "--continue", model, "--device", "cpu", "--out", fitted)
        model = fitted
    assert RewardModel.load(model).card["data"]["pairs"] == 76
    assert asked <= set(saved_pairs(model).table["id"])


@pytest.mark.slow
def test_embeddings_in_place_of_a_model(workplace, pool, lens, llama_folder, tmp_path):
    """With arrays of `lens embed` the same pairs are chosen as by the model itself."""
    pairs = workplace / "pairs.jsonl"
    lens("embed", pool, "--candidates", "--model", llama_folder, "--out", tmp_path / "pool.npy")
    lens("embed", pairs, "--model", llama_folder, "--out", tmp_path / "pairs.npy")
    arrays = ["--embeddings", tmp_path / "pool.npy", tmp_path / "pairs.npy"]
    for name, how in (("a", ["--model", llama_folder]), ("b", arrays)):
        lens("next", pool, "--have", pairs, *how, "--count", 5, "--out", tmp_path / name)
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()
    assert np.load(tmp_path / "pool.npy").shape == (30, 3, 16)


@pytest.mark.slow
def test_without_labels(pool, lens, llama_folder, tmp_path, capsys):
    lens("next", pool, "--model", llama_folder, "--format", "csv", "--out", tmp_path / "b.csv")
    assert "No labels yet" in capsys.readouterr().out
    rows = read_rows(tmp_path / "b.csv")
    assert len(rows) == 20
    assert set(rows[0][1]) == {"id", "prompt", "response_a", "response_b", "winner"}
