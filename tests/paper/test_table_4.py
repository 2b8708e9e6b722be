"""Table 4 and the spread over runs from results made up."""

import math

import numpy as np
import pytest

from lens.paper import table_4, textual_spread
from lens.paper.cells import Cell
from lens.report import paper_comparison

NAMES = {"d": "hh_rlhf", "m": "llama-3.1-8b", "other": "qwen-2.5-14b"}


def cell(method, scale, shift, model="m", dataset="d", sd=0.0):
    """`shift` on average; seeds lie -sd, 0 and +sd beside it."""
    base = np.random.default_rng(1).normal(size=(3, 30, 1))
    base -= base.mean(axis=(1, 2), keepdims=True)
    gold = base + shift + sd * np.array([-1.0, 0.0, 1.0]).reshape(3, 1, 1)
    gold = np.concatenate([np.zeros_like(gold), gold], axis=-1)
    facts = {"vae_variance_explained": 0.034} if method == "lens" else {}
    return Cell(dataset, model, method, scale, 300, [0, 1, 2], gold, gold, np.ones((3, 5)), facts)


CELLS = [
    cell("full_finetune", 1, 0.5),
    cell("full_finetune_repeat", 4, 0.75),
    cell("full_finetune", 4, 1.5),
    cell("original", 1, 0.0),
    cell("repeat", 4, 1.25),
    cell("lens", 4, 1.0),
    cell("mean_difference", 1, 0.25),
    cell("linear_probe", 1, 0.75),
    cell("original", 1, 0.0, "other"),
    cell("repeat", 4, 0.5, "other"),
    cell("lens", 4, 1.0, "other"),
    cell("lens", 8, 9.0),
    cell("lora", 4, 9.0),
]


def test_table_4_by_hand():
    table = table_4.table_4(CELLS, 4, NAMES, 300).set_index(["model", "method", "scale"])
    assert len(table) == 16  # eight rows a model, at 1x and 4x alone
    assert table.loc[("m", "full_finetune", 4), "difference_to_repeat"] == pytest.approx(0.75)
    assert table.loc[("m", "lens", 4), "difference_to_repeat"] == pytest.approx(-0.25)
    assert table.loc[("other", "lens", 4), "difference_to_repeat"] == pytest.approx(0.5)
    assert np.isnan(table.loc[("m", "full_finetune", 1), "difference_to_repeat"])
    assert table.loc[("m", "linear_probe", 1), "mean"] == pytest.approx(0.75)
    # Table 4's own number, not Table 1's 1.94; and the paper's where we have no cell
    assert table.loc[("m", "lens", 4), "reported"] == 1.96
    assert table.loc[("other", "full_finetune", 4), "reported"] == 1.74
    assert np.isnan(table.loc[("other", "full_finetune", 4), "mean"])
    assert table_4.table_4(CELLS, 4, NAMES)["reported"].isna().all()  # another N
    assert table_4.table_4(CELLS, 4, {"m": "llama-3.1-8b"}, 300)["reported"].isna().all()


def test_what_the_vae_explains_stands_beside_lens_alone():
    found = table_4.printed(table_4.table_4(CELLS, 4, NAMES, 300), {"m": 3, "other": 3})
    column = found.header.index("VAE explains %")
    for _, rows in found.blocks:
        assert {row[0] for row in rows if row[column] == "3.4"} == {"LENS"}
        assert {row[column] for row in rows} == {"3.4", "-"}
    assert "VAE explains %: the share" in found.note


def test_claims_of_table_4_hold_the_direction_that_was_made_up():
    rows = table_4.compared(CELLS, 4, NAMES, 300)
    found = paper_comparison.verdicts("table_4", rows, comparable=False).set_index("what")
    claims = found[found["kind"] == "claim"]
    assert claims["verdict"].to_dict() == {
        "m: LENS 4x above Original": "agrees",
        "m: LENS 4x above Full fine-tuning 4x": "differs",
        "m: Full fine-tuning 4x above Full fine-tuning 1x": "agrees",
        "other: LENS 4x above Original": "agrees",
    }
    own = found[found["kind"] == "own"]
    assert own["verdict"].to_dict() == {
        "m: LENS 4x above Repeat (control) 4x": "below",
        "m: Full fine-tuning 4x above Full fine-tuning, repeat (control) 4x": "above",
        "other: LENS 4x above Repeat (control) 4x": "above",
    }
    assert own["reported"].isna().all()  # the paper has no such control
    assert claims["reported"].iloc[0] == pytest.approx(1.96 - 1.43)
    assert claims["reported"].iloc[1] == pytest.approx(1.96 - 1.78)
    numbers = found[found["kind"] == "number"]
    assert numbers["ours"].notna().sum() == 4 + 2
    absent = numbers[numbers["ours"].isna()]
    assert len(absent) == 4 * 4  # the paper's other models
    assert absent.loc["mistral-7b: LENS 4x", "reported"] == 1.78
    assert set(numbers["verdict"]) == {"not comparable"}


def test_table_4_prints_dashes_where_no_text_was_trained_on():
    table = table_4.table_4(CELLS, 4, NAMES, 300)
    _, second = table_4.printed(table, {"m": 3, "other": 3}).blocks
    assert "other" in second[0]
    rows = {(row[0], row[1]): row[2:] for row in second[1]}
    assert rows["Full fine-tuning", "4x"] == ["-", "-", "1.74", "-", "-"]
    assert rows["LENS", "4x"][1].startswith("+0.500")
    assert "nan" not in table_4.printed(table, {"m": 3, "other": 3}).markdown().lower()


def test_the_spread_and_its_interval_by_hand():
    found = textual_spread.spread([1.0, 2.0, 3.0])
    assert found.mean == pytest.approx(1)
    # chi-square with 2 degrees of freedom is exponential: its quantile q is -2 ln(1 - q)
    assert found.low == pytest.approx(math.sqrt(2 / (-2 * math.log(0.025))))
    assert found.high == pytest.approx(math.sqrt(2 / (-2 * math.log(0.975))))


@pytest.mark.slow
def test_the_interval_of_a_spread_covers_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(scale=2.0, size=(2000, 3))
    found = [textual_spread.spread(row) for row in draws]
    assert np.mean([one.low <= 2 <= one.high for one in found]) == pytest.approx(0.95, abs=0.02)


SPREAD = [
    cell("lens", 2, 1.0, sd=0.05),
    cell("full_finetune", 2, 2.0, sd=0.5),
    cell("original", 1, 0.0, sd=0.25),
    cell("lora", 2, 0.0, sd=1.0),
    cell("lens", 4, 1.0, sd=0.5),
    cell("full_finetune", 4, 1.0, sd=0.0),
    cell("full_finetune", 2, 1.0, dataset="e", sd=0.1),
]


def test_spreads_stand_beside_the_reruns_of_the_reviews():
    table = textual_spread.textual_spread(SPREAD, NAMES, 300)
    assert table["method"].tolist()[:2] == ["full_finetune", "full_finetune"]
    assert "lora" not in set(table["method"])
    found = table.set_index(["dataset", "method", "scale"])
    assert found.loc[("d", "full_finetune", 2), "sd"] == pytest.approx(0.5)
    assert found.loc[("d", "full_finetune", 2), "reported_mean"] == 1.53
    assert found.loc[("d", "full_finetune", 4), "reported_sd"] == 0.12
    assert found.loc[("d", "lens", 2), "reported_sd"] == 0.04
    assert np.isnan(found.loc[("d", "original", 1), "reported_sd"])
    assert np.isnan(found.loc[("e", "full_finetune", 2), "reported_sd"])  # stands for none
    assert textual_spread.paper_spread("tldr", "llama-3.1-8b", "lens", 8) == (1.48, 0.07)
    assert textual_spread.paper_spread("tldr", "gemma-2b", "lens", 8) is None
    assert "nan" not in textual_spread.printed(table).markdown().lower()


def test_spreads_are_compared_by_their_f_distribution():
    """F(2, 2) of 100 has a two-sided p-value of 2 / 101."""
    table = textual_spread.textual_spread(SPREAD, NAMES, 300)
    rows = textual_spread.compared(table)
    (claim,) = [row for row in rows if row["kind"] == "claim"]  # no claim about a spread of 0
    assert claim["ours"] == pytest.approx(math.log(10))
    assert claim["p_value"] == pytest.approx(2 / 101)
    assert claim["low"] > 0  # as the p-value says
    assert claim["reported"] == pytest.approx(math.log(0.09 / 0.04))
    swapped = textual_spread.textual_spread(
        [cell("lens", 2, 1.0, sd=0.5), cell("full_finetune", 2, 2.0, sd=0.05)], NAMES, 300
    )
    (claim,) = [row for row in textual_spread.compared(swapped) if row["kind"] == "claim"]
    assert claim["ours"] == pytest.approx(-math.log(10))
    assert claim["high"] < 0
