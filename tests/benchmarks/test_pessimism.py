"""The draws of the benchmark of pessimism, and what its curves begin with."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from pessimism import PESSIMISM, curves, known_world, measure, of_cell

from lens.core.intervals import crossed_interval
from lens.files import artifacts


@pytest.mark.parametrize("kind", ["linear", "strange"])
def test_gold_is_centred_and_strange_answers_are_far_out_and_bad(kind):
    draw = known_world(kind, 200, 0)
    gold, pool = draw.gold, draw.candidates
    length = np.linalg.norm(pool, axis=2)
    far = length > 2 * np.median(length)
    assert abs(np.median(gold)) < 0.3
    assert draw.chosen.shape == draw.rejected.shape == (200, pool.shape[2])
    if kind == "strange":
        assert far.mean() == pytest.approx(0.1, abs=0.03)
        assert (gold[far] <= -2).mean() > 0.9
    else:
        assert far.mean() < 0.02


@pytest.mark.slow
def test_of_one_candidate_every_rule_picks_the_same():
    draw = known_world("linear", 60, 1)
    found = curves(draw).mean(axis=1)
    np.testing.assert_allclose(found[:, 0], draw.gold.mean())
    assert found[0, -1] > found[0, 0]  # by the reward, 64 are better than one
    assert len(found) == len(PESSIMISM) + 1


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """A folder of `best_of_n` in a run elsewhere, whose gold is feature 0: 60 pairs for training,
    20 test pairs with the labels turned round, and 30 prompts with 4 candidates."""
    rng, results = np.random.default_rng(0), tmp_path / "results/r"
    sides = rng.normal(size=(2, 80, 3)).astype(np.float32)
    sides[:, :60] = np.where((sides[0] > sides[1])[:60, :1], sides[:, :60], sides[::-1, :60])
    sides[:, 60:] = np.where((sides[0] < sides[1])[60:, :1], sides[:, 60:], sides[::-1, 60:])
    names = [f"p{i}" for i in range(80)]
    pairs = pd.DataFrame({"id": names, "group": names, "split": ["train"] * 60 + ["test"] * 20})
    answers = rng.normal(size=(120, 3)).astype(np.float32)
    pool = pd.DataFrame({"prompt_id": np.repeat([f"q{i}" for i in range(30)], 4)})
    pool["candidate"] = np.tile(range(4), 30)
    artifacts.write_table(results / "gold.parquet", pool.assign(gold=5 + 2 * answers[:, 0])[::-1])
    for name, table, arrays in (
        ("pairs", pairs, dict(zip(("chosen", "rejected"), sides, strict=True))),
        ("candidates", pool, {"candidates": answers}),
    ):
        artifacts.write_table(results / f"{name}.parquet", table)
        about = {"rows_sha256": artifacts.sha256(results / f"{name}.parquet")}
        artifacts.write_arrays(results / f"{name}.safetensors", arrays, about)
    folder = results / "best_of_n/d/m/n40/repeat/x4"
    files = {"gold": "gold.parquet", "pairs": "pairs.parquet", "candidates": "candidates.parquet"}
    files |= {"pair_embeddings": "pairs.safetensors"}
    files |= {"candidate_embeddings": "candidates.safetensors"}
    about = {name: f"results/r/{file}" for name, file in files.items()}
    about |= {"dataset": "d", "model": "m", "n_pairs": "40", "seeds": [0, 1, 2]}
    about |= {"out_prompts": "results/r/best_of_n/d/m/n40/repeat/x4/prompts.parquet"}
    artifacts.write_json(folder / "metrics.json", {"settings": about})
    monkeypatch.chdir(folder)
    return sides, answers


def test_a_run_s_pairs_train_and_its_candidates_judge(cell):
    sides, answers = cell
    name, n_pairs, seeds, draw = of_cell(".")
    assert (name, n_pairs, seeds) == ("r: d, m", 40, [0, 1, 2])
    first, other = draw(0), draw(1)
    assert len(first.chosen) == len(set(first.groups)) == 40
    assert set(map(tuple, first.chosen)) <= set(map(tuple, sides[0, :60]))
    assert set(first.groups) != set(other.groups)
    expected = answers[:, 0].reshape(30, 4)
    expected = (expected - expected.mean(axis=1, keepdims=True)) / expected.std(axis=1).mean()
    np.testing.assert_allclose(first.gold, expected, atol=1e-5)
    np.testing.assert_array_equal(first.candidates, answers.reshape(30, 4, 3))
    table = measure(name, draw, seeds, n_pairs, same=True).set_index(["rule", "n"])
    picked = table.loc["c = 0", 4]
    assert picked["low"] > 0.5  # learned from the training pairs: test pairs say the opposite
    assert picked["mean"] == pytest.approx(expected.max(axis=1).mean(), abs=0.2)
    assert table.loc[("c = 2", 1), "gain_mean"] == pytest.approx(0)


@pytest.mark.slow
def test_intervals_are_over_seeds_where_each_has_its_own_prompts():
    seeds = [0, 1, 2, 3]
    table = measure("linear", partial(known_world, "linear", 60), seeds, 60, same=False)
    means = [curves(known_world("linear", 60, seed))[0, :, -1].mean() for seed in seeds]
    found = table[(table["rule"] == "c = 0") & (table["n"] == table["n"].max())].iloc[0]
    expected = crossed_interval(np.array([means]))
    assert tuple(found[["mean", "low", "high"]]) == pytest.approx(tuple(vars(expected).values()))
