"""Tables 3 and 6 from results made up."""

import numpy as np
import pandas as pd
import pytest

from lens.paper import table_1, table_3, table_6
from lens.paper.cells import Cell, aggregate
from lens.paper.reported import table_1_value

RNG = np.random.default_rng(0)


def cell(method, scale, shift, n_pairs=500):
    base = np.random.default_rng(1).normal(size=(3, 20, 1))
    gold = np.concatenate([np.zeros_like(base), base + shift], axis=-1)
    return Cell("d", "m", method, scale, n_pairs, [0, 1, 2], gold, np.ones((3, 5)), {})


def test_a_textual_method_is_held_against_repeats_trained_in_its_own_way():
    cells = [
        cell("original", 1, 0.0), cell("repeat", 4, 1.0), cell("full_finetune", 1, 0.5),
        cell("full_finetune_repeat", 4, 2.0), cell("lora_repeat", 4, 4.0),
        cell("full_finetune", 4, 2.5), cell("lora", 4, 4.25), cell("embedding_mlp", 4, 1.125),
        cell("self_evolved", 4, 1.0), cell("ipo", 4, 1.5), cell("self_rewarding", 4, 2.0),
    ]  # fmt: skip
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
    gold = {"latent": base + 1, "textual": base + 0.25, "control": base,
            "textual_control": base + 0.125}  # fmt: skip
    untrained = np.full(30, -1.0)
    return table_3.table_3(
        gold, untrained, about, ("latent", "textual"), verdicts(*preferred), True
    )


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
    assert ("same place won both times in 25 %" in title) == (bias is not None)
    text = table_3.markdown(title, made_up(("none",) * 4))
    assert "<b>" not in text
    assert "| latent" in text
    assert "75.0" not in text  # no verdict, so no win rate
    assert "nan" not in text
    assert r"\toprule" in table_3.latex(title, made_up())


def test_table_6_by_hand():
    control, lens_control = cell("full_finetune_repeat", 4, 0.0), cell("repeat", 4, 0.0)
    hot, standard = cell("full_finetune", 4, -0.5), cell("full_finetune", 4, 0.5)
    table = table_6.table_6(
        {1.2: hot, 1.0: standard}, control, cell("lens", 4, 0.25), lens_control, True
    )
    assert table["temperature"].tolist()[1:3] == [1.0, 1.2]
    assert table["difference_to_repeat"].tolist()[1:3] == pytest.approx([0.5, -0.5])
    assert table["difference_to_repeat"].iloc[-1] == pytest.approx(0.25)
    assert table["reported"].tolist()[1:3] == [1.78, 1.63]
    assert table["reported"].iloc[-1] == 1.94
    text = table_6.markdown(table_6.title(hot), table)
    assert "nan" not in text.lower()
    assert "+0.500" in text
    assert "1.2" in text
