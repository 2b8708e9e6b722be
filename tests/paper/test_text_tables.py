"""Tables 3 and 6 from results made up."""

import numpy as np
import pandas as pd
import pytest

from lens.paper import table_1, table_3, table_6
from lens.paper.cells import Cell, aggregate
from lens.report.reported import table_1_value

RNG = np.random.default_rng(0)


def cell(method, scale, shift, n_pairs=500):
    base = np.random.default_rng(1).normal(size=(3, 20, 1))
    gold = np.concatenate([np.zeros_like(base), base + shift], axis=-1)
    facts = {"vae_variance_explained": 0.034} if method == "lens" else {}
    return Cell("d", "m", method, scale, n_pairs, [0, 1, 2], gold, gold, np.ones((3, 5)), facts)


def test_a_textual_method_is_held_against_repeats_trained_in_its_own_way():
    cells = [
        cell("original", 1, 0.0),
        cell("repeat", 4, 1.0),
        cell("full_finetune", 1, 0.5),
        cell("full_finetune_repeat", 4, 2.0),
        cell("lora_repeat", 4, 4.0),
        cell("full_finetune", 4, 2.5),
        cell("lora", 4, 4.25),
        cell("embedding_mlp", 4, 1.125),
        cell("self_evolved", 4, 1.0),
        cell("ipo", 4, 1.5),
        cell("self_rewarding", 4, 2.0),
    ]
    table = aggregate(cells, "gold").set_index(["method", "scale"])["difference_to_repeat"]
    assert table["full_finetune", 4] == pytest.approx(0.5)
    assert table["lora", 4] == pytest.approx(0.25)
    assert table["embedding_mlp", 4] == pytest.approx(0.125)
    assert table["self_evolved", 4] == pytest.approx(-1.0)
    assert table["ipo", 4] == pytest.approx(-0.5)
    assert table["self_rewarding", 4] == pytest.approx(0.0)
    assert table["full_finetune", 1] == pytest.approx(0.5)  # to the embedding MLP's original
    assert np.isnan([table["repeat", 4], table["full_finetune_repeat", 4]]).all()


def test_the_papers_textual_numbers_stand_beside_ours():
    names = {"d": "hh_rlhf", "m": "llama-3.1-8b"}
    cells = [cell("full_finetune", 4, 0.0), cell("lora", 1, 0.0), cell("lora", 4, 0.0, n_pairs=99)]
    found = table_1.table_1(cells, names, paper_n_pairs=500)["reported"]
    assert found[0] == 1.78
    assert found[1] == 1.28
    assert np.isnan(found[2])  # another N
    assert np.isnan(table_1.table_1(cells, names)["reported"]).all()  # 1,000 unless told
    assert table_1_value("hh_rlhf", "gemma-2b", "full_finetune", 4, 1000) == 0.55
    assert table_1_value("hh_rlhf", "gemma-2b", "full_finetune", 1, 1000) == 0.35


def rows_that_explain(page):
    """The rows beside which a VAE's share of held-out variance is shown."""
    column = page.header.index("VAE explains %")
    return [row for _, rows in page.blocks for row in rows if row[column] == "3.4"]


def verdicts(*preferred):
    rows = [(f"p{i // 2}", i % 2, which) for i, which in enumerate(preferred)]
    return pd.DataFrame(rows, columns=["prompt_id", "candidate", "preferred"])


def test_win_rates_keep_prompts_with_a_verdict_at_every_seed():
    found = table_3.win_rates(verdicts("a", "b", "tie", "a", "none", "a"))
    assert found.tolist() == [[1.0, 0.5], [0.0, 1.0]]
    assert table_3.win_rates(verdicts("none", "none")).size == 0
    assert table_3.win_rates(verdicts("a", "none", "a", "none")).shape == (2, 0)  # no seed is lost


ABOUT = {
    "latent": {"method": "lens", "scale": 4},
    "textual": {"method": "full_finetune", "scale": 4},
    "control": {"method": "repeat", "scale": 4},
    "textual_control": {"method": "full_finetune_repeat", "scale": 4},
}


def made_up(preferred=("a", "a", "a", "b"), about=ABOUT):
    base = RNG.normal(size=(2, 30))
    gold = {
        "latent": base + 1,
        "textual": base + 0.25,
        "control": base,
        "textual_control": base + 0.125,
    }
    untrained = np.full(30, -1.0)
    compared, explained = ("latent", "textual"), {"latent": 0.034, "control": None}
    return table_3.table_3(gold, untrained, about, compared, verdicts(*preferred), True, explained)


def test_table_3_by_hand():
    table = made_up().set_index("picked_by")
    assert table.loc["none", "mean"] == -1
    assert table.loc["latent", "difference_to_repeat"] == pytest.approx(1)
    assert table.loc["textual", "difference_to_repeat"] == pytest.approx(0.125)  # to its own
    assert np.isnan(table.loc["control", "difference_to_repeat"])
    assert table.loc["latent", "win_rate"] == pytest.approx(0.75)
    assert table.loc["textual", "win_rate"] == pytest.approx(0.25)
    assert np.isnan(table.loc["control", "win_rate"])
    assert table.loc["latent", "reported"] == 1.96
    assert table.loc["textual", "reported_win_rate"] == 0.39
    other = {name: {**what, "scale": 2} for name, what in ABOUT.items()}
    assert made_up(about=other)["reported"].isna().all()  # the paper has 4x alone


JUDGE = {"pairs": 4, "preferred": {"a": 3, "b": 1, "tie": 0, "none": 0}, "position_bias": 0.25}


@pytest.mark.parametrize("bias", [0.25, None])
def test_table_3_is_printed_with_the_judges_bias_and_markup_escaped(bias):
    facts = {"sft_prompts": 9, "test_prompts": 30, "seeds": 2}
    labels = {"dataset": "<b>d</b>", "model": "a|b"}
    title = table_3.title(labels, facts, JUDGE | {"position_bias": bias})
    assert ("same position won both times in 25 %" in title) == (bias is not None)
    text = table_3.printed(title, made_up(("none",) * 4), 2).markdown()
    assert "<b>" not in text
    assert "| latent" in text
    assert "75.0" not in text  # no verdict, so no win rate
    assert "nan" not in text
    printed = table_3.printed(title, made_up(), 2)
    assert [row[0] for row in rows_that_explain(printed)] == ["latent"]
    assert r"\toprule" in printed.latex()
    assert "<b>" not in printed.html()
    assert "&lt;b&gt;d" in printed.html()


def test_table_6_by_hand():
    control, lens_control = cell("full_finetune_repeat", 4, 0.0), cell("repeat", 4, 0.0)
    hot, standard = cell("full_finetune", 4, -0.5), cell("full_finetune", 4, 0.5)
    table = table_6.table_6(
        {1.2: hot, 1.0: standard},
        control,
        cell("lens", 4, 0.25),
        lens_control,
        [cell("linear_probe", 1, 2.0)],
        True,
    )
    assert table["temperature"].tolist()[1:3] == [1.0, 1.2]
    assert table["difference_to_repeat"].tolist()[1:3] == pytest.approx([0.5, -0.5])
    assert table["difference_to_repeat"].iloc[-2] == pytest.approx(0.25)
    assert table["method"].iloc[-1] == "linear_probe"
    assert table["reported"].tolist()[1:3] == [1.78, 1.63]
    assert table["reported"].iloc[-2] == 1.94
    text = table_6.printed(table_6.title(hot), table).markdown()
    assert "nan" not in text.lower()
    assert [row[0] for row in rows_that_explain(table_6.printed("t", table))] == ["LENS"]
    assert "+0.500" in text
    assert "1.2" in text


def test_table_3_claims_that_picks_by_lens_are_worth_more():
    base = RNG.normal(size=(2, 30))
    gold = {"latent": base + 1 + 0.01 * RNG.normal(size=base.shape), "textual": base}
    about = {name: ABOUT[name] for name in gold}
    won = verdicts("b", "b", "b", "b")
    table = table_3.against_paper(gold, about, ("textual", "latent"), won, True, False)
    claims = table[table["kind"] == "claim"].set_index("what")
    assert claims["verdict"].tolist() == ["agrees", "agrees"]
    assert claims["reported"].tolist() == pytest.approx([1.96 - 1.62, 0.61 - 0.5])
    assert claims.loc["latent preferred by the judge", "ours"] == 0.5
    lost = table_3.against_paper(gold, about, ("latent", "textual"), won, True, False)
    assert lost["verdict"].tolist().count("differs") == 1
    other = {name: {**what, "scale": 2} for name, what in about.items()}
    assert table_3.against_paper(gold, other, ("latent", "textual"), won, True, False).empty


def test_table_6_claims():
    textual = {1.0: cell("full_finetune", 4, 0.5), 1.2: cell("full_finetune", 4, 0.25)}
    table = table_6.against_paper(textual, cell("lens", 4, 0.25), True, False)
    claims = table[table["kind"] == "claim"].set_index("what")
    assert claims["ours"].to_dict() == pytest.approx(
        {
            "LENS above temperature 1.0": -0.25,
            "LENS above temperature 1.2": 0.0,
            "temperature 1.0 above 1.2": 0.25,
        }
    )
    assert claims.loc["LENS above temperature 1.0", "verdict"] == "differs"
    assert claims.loc["temperature 1.0 above 1.2", "reported"] == pytest.approx(1.78 - 1.63)
    assert table_6.against_paper(textual, cell("lens", 4, 0.25), False, False).empty


def test_table_1_claims_follow_the_paper_s_order():
    cells = [
        cell("original", 1, 0.0),
        cell("lens", 2, 0.5),
        cell("lens", 4, 0.25),
        cell("gaussian_sampling", 4, 0.125),
        cell("full_finetune", 1, 0.0),
        cell("full_finetune", 4, 1.0),
        cell("repeat", 4, 3.0),
    ]
    names = {"d": "hh_rlhf", "m": "llama-3.1-8b"}
    table = table_1.against_paper(cells, names, 500, False)
    claims = table[table["kind"] == "claim"].set_index("what")["ours"]
    assert {what.removeprefix("d, m: "): ours for what, ours in claims.items()} == pytest.approx(
        {
            "LENS 2x above Original 1x": 0.5,
            "LENS 4x above Original 1x": 0.25,
            "LENS 4x above LENS 2x": -0.25,
            "LENS 4x above Full fine-tuning 4x": -0.75,
            "LENS 4x above Gaussian sampling 4x": 0.125,
            "Full fine-tuning 4x above Full fine-tuning 1x": 1.0,
            "Original 1x above Gaussian sampling 4x": -0.125,
        }
    )
    assert len(table[table["kind"] == "number"]) == 6  # the paper has no repeat control
    assert table_1.against_paper(cells, {}, 500, False).empty
    assert table_1.against_paper(cells, names, 1000, False).empty
