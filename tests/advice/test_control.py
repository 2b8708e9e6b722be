"""Advice that leaves length out: what is recommended, what that costs, and that `fit` agrees."""

import json

import numpy as np
import pytest

from lens.advice.advise import advise, conclude, recipes_for
from lens.advice.crossval import correct, make_round, round_margins, winners_bonus
from lens.advice.fit import fit
from lens.advice.report import as_json
from lens.advice.result import about_control, as_text, by_part
from lens.core.errors import LensError
from lens.core.intervals import interval_by_prompt
from lens.reward.recipes import CONTROLLED, Recipe, train
from tests.helpers.length_world import by_length
from tests.helpers.word_pairs import jsonl, some_rows

CONTROL = Recipe("evidence_probe", covariate="length")


def test_linear_recipes_are_tried_with_and_without_the_control():
    recipes = recipes_for([2], soft=True, control="length")
    controlled = [recipe for recipe in recipes if recipe.covariate]
    assert [(r.method, r.labels) for r in controlled] == [
        (method, labels) for labels in ("hard", "soft") for method in CONTROLLED
    ]
    assert [recipe for recipe in recipes if not recipe.covariate] == recipes_for([2], soft=True)


@pytest.mark.slow
def test_margins_of_both_are_those_of_a_round_of_each():
    pairs = by_length(count=80)
    found = dict(round_margins(pairs, [Recipe("evidence_probe"), CONTROL], 0))
    for recipe, margins in found.items():
        cut = make_round(pairs, 0, covariate=recipe.covariate)
        np.testing.assert_array_equal(margins, cut.margins(pairs, train(recipe, cut.data)))
    assert not np.allclose(*found.values())


def test_the_best_recipe_without_length_is_recommended_and_says_what_that_costs():
    """Right on the first pairs: 70 % without control, 64 % and 60 % with it; LENS beats all."""
    pairs = by_length(count=200)
    shares = {
        Recipe("original"): 0.6,
        Recipe("evidence_probe"): 0.7,
        Recipe("linear_probe"): 0.66,
        CONTROL: 0.64,
        Recipe("linear_probe", covariate="length"): 0.6,
        Recipe("repeat", 2): 0.6,
        Recipe("lens", 2): 0.95,
    }
    places = np.arange(200) / 200
    margins = {r: np.tile(np.where(places < s, 1.0, -1.0), (3, 1)) for r, s in shares.items()}
    advice = conclude(pairs, margins)
    assert advice.recommended == CONTROL
    assert not any(c.control.covariate or c.recipe.covariate for c in advice.comparisons)
    costs = advice.without_control.costs
    right = [correct(margins[Recipe("evidence_probe")]), correct(margins[CONTROL])]
    assert costs.mean == pytest.approx(0.06)
    assert costs == interval_by_prompt(right[0] - right[1], pairs.groups, least=-1)
    assert "length out costs +6.0 points" in about_control(advice)
    assert "no detectable cost" not in about_control(advice)
    tried = np.stack([correct(values) for r, values in margins.items() if r.covariate])
    bonus = winners_bonus(tried, pairs.groups)  # the choice was among these
    assert advice.expected.mean == pytest.approx(0.64 - bonus)
    without = {r: m for r, m in margins.items() if not r.covariate}
    assert conclude(pairs, without).recommended == Recipe("lens", 2)
    assert conclude(pairs, without).without_control is None


def test_only_a_reward_that_goes_by_length_is_told_of_the_control():
    pairs = by_length(count=120)
    gap = np.tile(pairs.lengths[:, 0] - pairs.lengths[:, 1], (3, 1))
    margins = {Recipe("original"): -gap, Recipe("evidence_probe"): gap}
    assert "It follows length: `--control length`" in by_part(conclude(pairs, margins))[0]
    same = conclude(pairs, margins | {CONTROL: gap})
    assert "costs +0.0 points [+0.0, +0.0] of held-out accuracy: no detectable" in about_control(
        same
    )
    controlled = by_part(same)
    assert "It follows length" not in "".join(controlled)
    assert controlled[1].startswith("without control, evidence probe is right in")


@pytest.mark.slow
def test_advice_and_fit_agree_on_a_world_where_length_decides():
    pairs = by_length(count=240)
    advice = advise(pairs, scales=[2], rounds=1, control="length")
    assert advice.recommended.covariate == "length"
    assert advice.curve.recipe == advice.recommended
    found, text = as_json(advice), as_text(advice)
    held = fit(pairs, advice.recommended).card["held_out"]
    for of in (held, found):
        assert of["without_control"]["costs"]["low"] > 0.02
    costs = found["without_control"]["costs"]["mean"]
    assert costs == pytest.approx(held["without_control"]["costs"]["mean"], abs=0.04)
    assert f"Leaving length out costs {100 * costs:+.1f} points" in text
    assert "--control length;" in text
    with_length = {part["wins"]: part["mean"] for part in found["without_control"]["parts"]}
    parts = {part["wins"]: part["mean"] for part in found["parts"]}
    assert parts["longer answer"] < with_length["longer answer"] - 0.1
    assert f"without control, {Recipe(advice.recommended.method)} is right in" in text
    at_full = advice.curve.measured[-1].mean
    assert at_full == pytest.approx(advice.accuracy[advice.recommended].mean, abs=0.03)


@pytest.mark.slow
def test_the_command_hands_the_control_to_fit(tmp_path, lens, capsys):
    source, advised = jsonl(tmp_path / "pairs.jsonl", some_rows(60)), tmp_path / "advice"
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 2, 5)))
    how = ("--embeddings", tmp_path / "x.npy", "--rounds", "1", "--control", "length")
    lens("advise", source, *how, "--out", advised)
    printed = capsys.readouterr().out
    assert f"Next: lens fit --advice {advised} --control length --out REWARD_MODEL" in printed
    lens("fit", "--advice", advised, "--control", "length", "--out", tmp_path / "reward")
    card = json.loads((tmp_path / "reward/config.json").read_text())
    assert card["recipe"] == json.loads((advised / "advice.json").read_text())["recommended"]
    assert card["recipe"]["covariate"] == "length"
    assert "points of accuracy that the control costs" in capsys.readouterr().out


def test_equal_lengths_leave_nothing_to_control():
    pairs = by_length(count=40)
    pairs.table["chosen"] = pairs.table["rejected"]
    with pytest.raises(LensError, match="nothing to control for"):
        advise(pairs, scales=[2], rounds=1, control="length")
