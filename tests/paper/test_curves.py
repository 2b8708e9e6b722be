"""Curves, their tables and the world's card."""

import json

import numpy as np
import pandas as pd
import pytest

from lens.evaluation.best_of_n import kl_bound
from lens.paper import curves, world_card
from lens.paper.cells import read_cells
from lens.report import figures
from lens.world.texts import true_reward


@pytest.mark.slow
def test_best_of_n_curve_has_a_row_for_every_n(cell_folders, tmp_path):
    folders, base = cell_folders
    table = curves.best_of_n_table(read_cells(folders))
    assert list(table["n"]) == [1, 2] * 4
    assert list(table["kl_bound"][:2]) == [0.0, kl_bound(2)]
    lens = table[(table["method"] == "lens") & (table["n"] == 2)]
    assert lens["mean"].item() == pytest.approx(base.mean() + 3)
    assert lens["length_matched"].item() == pytest.approx((base.mean() + 3) / 2)
    figures.save(curves.draw_best_of_n(table), tmp_path, "curve")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "curve.pdf").read_bytes().startswith(b"%PDF")


def test_the_largest_scale_of_each_method_is_drawn(cell_folders):
    cells = read_cells(cell_folders[0])
    smaller = [type(cell)(**{**vars(cell), "scale": 2}) for cell in cells if cell.scale == 4]
    kept = {(cell.method, cell.scale) for cell in curves.largest_scales([*cells, *smaller])}
    assert kept == {("original", 1), ("repeat", 4), ("lens", 4), ("linear_probe", 1)}


@pytest.mark.slow
def test_figures_have_the_same_bytes_twice(cell_folders, tmp_path):
    table = curves.learning_table(read_cells(cell_folders[0])[:1])
    for name in ("one", "two"):
        figures.save(curves.draw_learning_curve(table), tmp_path, name)
    for suffix in ("png", "pdf"):
        one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_gold_is_compared_with_the_true_reward_prompt_by_prompt():
    prompt = "we have a cat and a hat . which animals ?"
    answers = ["you have cats .", "you have dogs .", "who cares ."]
    truth = np.array([true_reward("dialogue", prompt, answer) for answer in answers])
    scored = pd.DataFrame(
        {
            "prompt_id": ["a"] * 3 + ["b"] * 3,
            "prompt": json.dumps([{"role": "user", "content": prompt}]),
            "response": answers * 2,
            "gold": [*(truth + 7), *-truth],  # right on the first prompt, upside down on the second
        }
    )
    found = world_card.gold_against_truth("dialogue", scored)
    assert len(set(truth)) == 3
    assert found["pairs_compared"] == 6
    assert found["order_agreement"] == 0.5
    assert found["best_true_reward"] == truth.max()
