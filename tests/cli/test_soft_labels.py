"""Graded preferences through all stages of the latent route, with hard and with soft labels."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from lens.files import artifacts
from tests.helpers import tiny_stages

pytestmark = pytest.mark.slow


def route(labels, folder, monkeypatch):
    """(pair table, Table 1, the linear probe's weights) after a run in this folder."""
    (folder / "results").mkdir(parents=True)
    monkeypatch.chdir(folder)
    tiny_stages.write_raw()
    pairs = map(json.loads, Path("pairs.jsonl").read_text().splitlines())
    graded = [
        {
            "prompt": pair["prompt"],
            "response1": pair["rejected"],
            "response2": pair["chosen"],
            "overall_preference": number % 5 - 1,
        }
        for number, pair in enumerate(pairs)
    ]
    artifacts.write_jsonl("pairs.jsonl", graded)
    tiny_stages.prepare(f"--labels {labels}")
    tiny_stages.train_and_judge()
    weights = load_file("results/train_reward/linear_probe/seed_0.safetensors")
    return (
        artifacts.read_table("results/pairs.parquet"),
        artifacts.read_table("results/paper/table_1.csv"),
        weights,
    )


def test_soft_labels_keep_ties_and_train_other_reward_models(tmp_path, monkeypatch):
    hard, _, of_hard = route("hard", tmp_path / "hard", monkeypatch)
    soft, table, of_soft = route("soft", tmp_path / "soft", monkeypatch)
    assert "label" not in hard or set(hard["label"]) == {1.0}
    assert set(soft["label"].round(6)) > {0.5}
    assert (soft["label"] >= 0.5).all()
    ties = (soft["label"] == 0.5).sum()
    assert len(soft) == len(hard) + ties
    assert ties > 0
    assert list(table["method"]) == [method for method, _ in tiny_stages.METHODS]
    assert any(not np.array_equal(of_hard[name], of_soft[name]) for name in of_hard)
