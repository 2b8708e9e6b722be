"""Judging reward models, and reading back what was judged."""

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.core.intervals import holm
from lens.evaluation import judge
from lens.paper import table_1
from lens.paper.cells import aggregate, observations, read_cells
from lens.report.render import escape_latex, escape_markdown, markdown_table, with_interval
from lens.report.reported import reported, table_1_value
from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser

UNIT = Standardiser(np.zeros(2, np.float32), np.ones(2, np.float32))


def candidates():
    return pd.DataFrame(
        {
            "prompt_id": ["a"] * 3 + ["b"] * 3,
            "candidate": [0, 1, 2] * 2,
            "response": ["x", "xx", "xxx", "xxx", "x", "xx"],
            "gold": [1.0, 2.0, 4.0, 0.0, 5.0, 1.0],
        }
    )


def linear(*weights):
    return RewardHead({"w": np.array(weights, np.float32)}, UNIT)


def test_judge_candidates_by_hand():
    features = np.array([[1, 0], [3, 0], [2, 0], [0, 1], [0, 5], [0, 9]], np.float32)
    table = judge.judge_candidates({7: linear(1.0, -1.0)(features)}, candidates())
    best = table[table["n"] == 3].set_index("prompt_id")["gold_reward"]
    assert best.to_dict() == {"a": 2.0, "b": 0.0}  # picks: a1 (proxy 3), b0 (proxy -1)
    mean = table[table["n"] == 1].set_index("prompt_id")["gold_reward"]
    assert mean.to_dict() == pytest.approx({"a": 7 / 3, "b": 2.0})
    assert set(table["seed"]) == {7}


def test_judge_candidates_beside_length():
    """Of two prompts, the longest has 4 and 0, the middle 2 and 1, the shortest 1 and 5: beside the
    prompts' means 7/3 and 2, ranks are worth -1/6, -2/3 and 5/6 on average."""
    by_length = candidates()["response"].str.len().to_numpy().astype(float)
    for pick in (by_length, -by_length):
        best = judge.judge_candidates({0: pick}, candidates()).query("n == 3")
        assert best["length_matched_gold"].mean() == pytest.approx(13 / 6)
    gold = candidates()["gold"].to_numpy()
    best = judge.judge_candidates({0: gold}, candidates()).query("n == 3")
    assert list(best["length_matched_gold"]) == pytest.approx([4 + 1 / 6, 5 - 5 / 6])


def test_judge_pairs_uses_the_test_split_alone():
    pairs = pd.DataFrame({"id": ["p", "q", "r"], "split": ["train", "test", "test"]})
    embeddings = {
        "chosen": np.array([[9, 0], [1, 0], [0, 0]], np.float32),
        "rejected": np.array([[0, 0], [0, 0], [1, 0]], np.float32),
    }
    held_out = judge.held_out_pairs(pairs)
    sides = [embeddings[side][held_out.index] for side in ("chosen", "rejected")]
    table = judge.judge_pairs({0: tuple(map(linear(1.0, 0.0), sides))}, held_out)
    assert dict(zip(table["id"], table["correct"], strict=True)) == {"q": 1.0, "r": 0.0}


def test_summary_names_what_needs_no_training():
    features = np.zeros((6, 2), np.float32)
    tied = {0: linear(1.0, 0.0)(features)}
    prompts = judge.judge_candidates(tied, candidates())
    pairs = pd.DataFrame({"seed": [0], "id": ["p"], "correct": [1.0]})
    found = judge.summary(prompts, pairs, candidates(), tied)
    assert found["mean_gold"] == pytest.approx(13 / 6)
    features[:, 0] = candidates()["gold"]  # a perfect judge picks the best of all three
    rewards = {0: linear(1.0, 0.0)(features)}
    perfect = judge.judge_candidates(rewards, candidates())
    best = judge.summary(perfect, pairs, candidates(), rewards)
    assert best["gold_reward"] == {"0": 4.5}
    assert found["oracle_gold"] == 4.5
    assert found["longest_answer_gold"] == 2.0
    assert found["gold_reward"] == {"0": pytest.approx(13 / 6)}  # all ties: a random pick


def test_gold_must_cover_every_candidate():
    table = candidates().drop(columns="gold")
    gold = candidates()[["prompt_id", "candidate", "gold"]]
    shuffled = gold.sample(frac=1, random_state=0)
    assert list(judge.with_gold(table, shuffled, "g")["gold"]) == list(gold["gold"])
    with pytest.raises(LensError, match="g: the gold score of candidate 0 of prompt a"):
        judge.with_gold(table, gold.iloc[1:], "g")


def test_aggregates_pair_each_method_with_its_control(cell_folders):
    folders, base = cell_folders
    table = aggregate(read_cells(folders), "gold").set_index("method")
    assert table["mean"].to_dict() == pytest.approx(
        {
            "original": base.mean(),
            "repeat": base.mean() + 1,
            "lens": base.mean() + 3,
            "linear_probe": base.mean() + 2,
        }
    )
    differences = table["difference_to_repeat"]
    assert np.isnan(differences["original"])
    assert differences["lens"] == pytest.approx(2.0)  # to repeat at 4x
    assert differences["linear_probe"] == pytest.approx(2.0)  # to original at 1x
    assert np.isnan(differences["repeat"])
    assert table.loc["lens", "difference_low"] == pytest.approx(2.0)  # a constant gap is certain
    np.testing.assert_allclose(table["corrected_p_value"], holm(table["p_value"]))
    unsure = aggregate(read_cells(folders), "correct")
    np.testing.assert_allclose(unsure["corrected_p_value"], holm(unsure["p_value"]))


def test_a_star_needs_the_corrected_p_value(cell_folders):
    cells = read_cells(cell_folders[0])
    gold, accuracy = aggregate(cells, "gold"), aggregate(cells, "correct")
    gold[["reported", "length_matched"]], held = np.nan, gold["p_value"].notna()
    for corrected, stars in ((0.2, 0), (0.01, 2)):
        gold.loc[held, ["p_value", "corrected_p_value"]] = (0.01, corrected)
        text = table_1.printed(gold, accuracy, cells).markdown()
        assert text.count("+2.000 [+2.000, +2.000]*") == stars


def test_table_1_has_the_promised_columns(cell_folders, tmp_path):
    cells = read_cells(cell_folders[0])
    table = table_1.table_1(cells, {"d": "hh_rlhf", "m": "llama-3.1-8b"})
    assert list(table.drop(columns=["p_value", "corrected_p_value"])) == [
        "dataset",
        "model",
        "method",
        "scale",
        "n_pairs",
        "mean",
        "low",
        "high",
        "difference_to_repeat",
        "difference_low",
        "difference_high",
        "reported",
        "vae_variance_explained",
        "length_matched",
        "length_matched_low",
        "length_matched_high",
    ]
    assert dict(zip(table["method"], table["reported"], strict=True))["lens"] == 1.94
    assert list(observations(cells)) == [
        "dataset",
        "model",
        "method",
        "scale",
        "n_pairs",
        "seed",
        "gold_reward",
        "pair_accuracy",
    ]
    assert len(observations(cells)) == 4 * 3
    seen = observations(cells)
    lens = seen[seen["method"] == "lens"].set_index("seed")["gold_reward"]
    np.testing.assert_allclose(lens[[0, 1, 2]], cell_folders[1].mean(axis=1) + 3)
    text = table_1.printed(table, aggregate(cells, "correct"), cells).markdown()
    assert "LENS" in text
    assert "+2.000 [+2.000, +2.000]*" in text
    compared = table_1.comparisons(gold=table, matched=aggregate(cells, "matched"))
    assert len(compared[compared["measure"] == "gold"]) == 2  # lens, linear_probe
    assert set(compared[compared["measure"] == "gold"]["difference"].round(6)) == {2.0}
    assert set(compared[compared["measure"] == "matched"]["difference"].round(6)) == {1.0}
    shown = table.set_index("method").loc["lens"]
    assert shown["length_matched"] == pytest.approx((cell_folders[1].mean() + 3) / 2)
    assert table_1.HEADER[4] == "length-matched"
    [(_, rows)] = table_1.printed(table, aggregate(cells, "correct"), cells).blocks
    assert next(row for row in rows if row[0] == "LENS")[4] == f"{shown['length_matched']:.3f}"


def test_what_the_vae_explains_stands_beside_lens_alone(cell_folders):
    cells = read_cells(cell_folders[0])
    gold, accuracy = table_1.table_1(cells, {}), aggregate(cells, "correct")
    assert "VAE explains" not in table_1.printed(gold, accuracy, cells).markdown()
    lens = next(cell for cell in cells if cell.method == "lens")
    lens.summary["vae_variance_explained"] = 0.04
    table = table_1.table_1(cells, {})
    [(_, rows)] = table_1.printed(table, accuracy, cells).blocks
    assert [row[-1] for row in rows] == ["4.0" if row[0] == "LENS" else "-" for row in rows]
    compared = table_1.comparisons(gold=table)
    assert set(compared.loc[compared["method"] == "lens", "vae_variance_explained"]) == {0.04}


def test_the_paper_s_numbers_are_found():
    assert table_1_value("hh_rlhf", "llama-3.1-8b", "lens", 8, 1000) == 2.20
    assert table_1_value("tldr", "llama-3.1-8b", "gaussian_sampling", 2, 1000) == 0.64
    assert table_1_value("hh_rlhf", "llama-3.1-8b", "original", 1, 1000) == 1.43
    assert table_1_value("hh_rlhf", "gemma-2b", "lens", 4, 1000) == 0.64
    assert table_1_value("hh_rlhf", "gemma-2b", "original", 1, 1000) == 0.29
    for absent in (
        ("tldr", "gemma-2b", "lens", 4, 1000),
        ("hh_rlhf", "gemma-2b", "lens", 8, 1000),
        ("hh_rlhf", "llama-3.1-8b", "repeat", 8, 1000),
        ("hh_rlhf", "llama-3.1-8b", "lens", 8, 300),
        ("hh_rlhf", "llama-3.1-8b", "lens", 16, 1000),
        (None, None, "lens", 8, 1000),
    ):
        assert table_1_value(*absent) is None


def test_reported_numbers_agree_with_each_other():
    rows = reported()["table1"]["rows"]
    assert len(rows) == 9
    for row in rows.values():
        assert len(row["hh_rlhf"]) == len(row["tldr"]) == 4
    assert reported()["theory"]["N0"] == 65.59


def test_text_is_escaped_and_numbers_are_aligned():
    assert escape_latex("a_b & 50%") == r"a\_b \& 50\%"
    assert escape_markdown("<b>|x") == r"\<b\>\|x"
    assert with_interval(1.234, 1.0, 1.5, 2, sign=True) == "+1.23 [+1.00, +1.50]"
    assert with_interval(float("nan"), 0, 0, 2) == "-"
    lines = markdown_table(["a", "b"], [["x", "1.0"], ["yyyy", "10.0"]]).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_reported_numbers_are_the_source_s(shared):
    import json

    source = json.loads((shared / "paper/reported.json").read_text(encoding="utf-8"))
    ours = dict(reported())
    assert {**source, "source": ""} == {**ours, "source": ""}
