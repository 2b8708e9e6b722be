"""A reward model of `lens fit` as the gold model that judges candidates."""

import json

import numpy as np
import pandas as pd
import pytest

from lens.files.artifacts import read_json, write_table

WORDS = ["w1 w2", "w3", "w4 w5 w6", "w1 w2"]


@pytest.fixture
def candidates(tmp_path):
    table = pd.DataFrame(
        {
            "prompt_id": ["a", "a", "b", "b"],
            "prompt": [
                json.dumps([{"role": "user", "content": text}]) for text in ["w7", "w7", "w8", "w8"]
            ],
            "group": list("aabb"),
            "candidate": [0, 1, 0, 1],
            "response": WORDS,
        }
    )
    write_table(tmp_path / "candidates.parquet", table)
    return tmp_path / "candidates.parquet"


def score(candidates, model):
    out = f"--out {candidates.parent}/gold.parquet --metrics {candidates.parent}/gold.json"
    return f"score-candidates --candidates {candidates} --model {model} --device cpu {out}".split()


def test_a_fitted_reward_model_judges_as_it_scores(candidates, model, saved, lens):
    lens(*score(candidates, saved))
    table = pd.read_parquet(candidates.parent / "gold.parquet")
    assert list(table) == ["prompt_id", "candidate", "gold"]
    expected = model.score(["w7", "w7", "w8", "w8"], WORDS)
    np.testing.assert_allclose(table["gold"], expected, atol=1e-5)
    assert len(set(table["gold"])) == 4  # the same words answer two prompts
    assert read_json(candidates.parent / "gold.json")["metrics"]["texts_shortened"] == 0


def test_a_fitted_reward_model_without_an_encoder_cannot_judge(candidates, saved, tmp_path, fail):
    folder = tmp_path / "imported"
    folder.mkdir()
    for name in ("reward.safetensors", "config.json"):
        (folder / name).write_bytes((saved / name).read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"encoder": None}))
    assert "knows no encoder for texts" in fail(*score(candidates, folder))


@pytest.mark.parametrize("config", ["[]", "version https://git-lfs.github.com/spec/v1"])
def test_a_classifier_whose_config_is_damaged_is_told_as_such(candidates, tmp_path, config, fail):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(config)
    message = fail(*score(candidates, folder))
    assert f"{folder}" in message
    assert "Remove it and run again" not in message
