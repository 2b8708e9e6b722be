"""Every accuracy from cross-validation has an interval that is as wide as cross-validation asks."""

import numpy as np
import pandas as pd
import pytest

from lens.advice import advise, baseline, encoders
from lens.advice.crossval import correct
from lens.advice.fit import held_out
from lens.advice.learning_curve import _wider
from lens.core.intervals import WIDER, interval_by_prompt, p_value_by_prompt
from lens.evaluation.parts import judged_parts, without_control
from lens.reward.recipes import Recipe
from tests.helpers.embedded_pairs import embedded

RECIPES = advise.recipes_for([2])
PAIRS = embedded(120)
GROUPS = PAIRS.groups
MARGINS = np.random.default_rng(0).normal(0.3, 1, size=(len(RECIPES), 3, 120))
RIGHT = correct(MARGINS)


def wide(values, least=0.0):
    return interval_by_prompt(values, GROUPS, least=least, cross_validated=True)


def test_of_the_recipes_of_an_advice_but_not_their_differences():
    advice = advise.conclude(PAIRS, dict(zip(RECIPES, MARGINS, strict=True)))
    assert advice.accuracy == {r: wide(v) for r, v in zip(RECIPES, RIGHT, strict=True)}
    lens, repeat = (RIGHT[RECIPES.index(Recipe(name, 2))] for name in ("lens", "repeat"))
    found = next(c for c in advice.comparisons if (c.recipe.method, c.control.scale) == ("lens", 2))
    assert found.difference == interval_by_prompt(lens - repeat, GROUPS, least=-1)


def test_of_encoders_and_their_differences_since_each_has_embeddings_of_its_own():
    found = encoders.conclude(["a", "b"], RIGHT[:2], GROUPS, [4, 4], [1.0, 1.0], "p")
    assert {c.name: c.accuracy for c in found.candidates} == {
        name: wide(values) for name, values in zip("ab", RIGHT, strict=False)
    }
    (difference,) = found.differences
    of = {"a": RIGHT[0], "b": RIGHT[1]}
    gap = of[difference.first] - of[difference.second]
    assert difference.difference == wide(gap, least=-1.0)
    plain = p_value_by_prompt(gap, GROUPS)
    assert plain < difference.p_value == p_value_by_prompt(gap, GROUPS, cross_validated=True)


def test_of_a_fit_and_of_its_parts():
    folds = np.tile(np.arange(120) % 5, (3, 1))
    assert held_out(MARGINS[0], folds, GROUPS)["accuracy"] == vars(wide(RIGHT[0]))
    table = pd.DataFrame({"group": GROUPS, "chosen": "longer", "rejected": "short"})
    (part,) = judged_parts(table, RIGHT[0])
    assert part.accuracy == wide(RIGHT[0])
    assert without_control(table, RIGHT[0], RIGHT[1]).accuracy == wide(RIGHT[1])


def test_of_what_is_compared_with_a_baseline_but_not_of_the_baseline(tmp_path, monkeypatch):
    gaps = np.random.default_rng(1).normal(0.2, 1, size=120)
    rows = [{"id": str(i), "chosen": gap, "rejected": 0.0} for i, gap in enumerate(gaps)]
    source, asked = tmp_path / "scores.jsonl", []

    def interval(values, groups, **how):
        asked.append((values, how))
        return interval_by_prompt(values, groups, **how)

    monkeypatch.setattr(baseline, "interval_by_prompt", interval)
    pd.DataFrame(rows).to_json(source, orient="records", lines=True)
    found = baseline.compare_baseline(PAIRS, MARGINS[0], "probe", str(source))
    (alone, how), (combined, _), _ = asked
    np.testing.assert_array_equal(alone, np.tile(correct(gaps), (3, 1)))
    assert how == {}
    assert found.combined == wide(combined)
    assert found.gain == wide(combined - alone, least=-1)


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_a_learning_curve_is_wider_by_what_a_share_of_the_pairs_leaves(share):
    """In a simulation: labels are chance, and each fold's model trains on a share of the rest."""
    rng = np.random.default_rng(0)
    draws, count, folds = 4000, 80, 5
    x = rng.normal(size=(draws, count, 8))
    fold = np.arange(count) % folds
    trained = np.stack(
        [(rng.permutation(count) < share * count) & (fold != f) for f in fold[:folds]]
    )
    margins = np.einsum("bid,bjd,ij->bi", x, x, trained[fold], optimize=True)
    spread = (margins > 0).mean(axis=1).std() / np.sqrt(0.25 / count)
    assert spread == pytest.approx(_wider(np.array([share, 1.0]))[0], rel=0.05)
    assert _wider(np.array([share, 1.0]))[1] == WIDER
