"""Advice and fits on soft labels: beside hard ones, on the same held-out pairs."""

from dataclasses import replace

import numpy as np
import pytest

from lens.advice.advise import advise, conclude, recipes_for
from lens.advice.crossval import make_round, pair_folds, round_margins
from lens.advice.fit import fit
from lens.advice.report import as_json
from lens.advice.result import as_text
from lens.reward import methods
from lens.reward.recipes import Recipe
from lens.serving.calibration import fit_temperature, log_loss
from tests.helpers.embedded_pairs import embedded

PROBE, SOFT = Recipe("evidence_probe"), Recipe("evidence_probe", labels="soft")


def labelled(pairs, labels):
    return replace(pairs, table=pairs.table.assign(label=np.asarray(labels, float)))


def graded(count=60, ties=12, seed=0, **options):
    """Pairs whose last ones are ties, some with a prompt of their own."""
    pairs = embedded(count + ties, seed=seed, **options)
    rng = np.random.default_rng(seed)
    labels = np.concatenate([rng.uniform(0.6, 1, count), np.full(ties, 0.5)])
    groups = [*pairs.table["group"][: count + ties // 2], *pairs.table["group"][: ties - ties // 2]]
    return labelled(replace(pairs, table=pairs.table.assign(group=groups)), labels)


def hard(pairs):
    """The same pairs without ties and labels."""
    kept = pairs.decided
    table = pairs.table[kept].drop(columns="label").reset_index(drop=True)
    return replace(pairs, table=table, chosen=pairs.chosen[kept], rejected=pairs.rejected[kept])


def test_recipes_on_soft_labels_have_a_name_and_a_control_of_their_own():
    assert str(SOFT) == "evidence probe, soft"
    assert str(Recipe("lens", 4, "soft")) == "LENS 4x, soft"
    assert Recipe("lens", 4, "soft").control == Recipe("repeat", 4, "soft")
    assert Recipe("lens", 4).as_dict() == {"method": "lens", "scale": 4}
    assert Recipe(**SOFT.as_dict()) == SOFT
    plain = ["original", *methods.PROBES]
    assert recipes_for([2], soft=True)[: 2 * len(plain)] == [
        Recipe(method, labels=labels) for labels in ("hard", "soft") for method in plain
    ]


@pytest.mark.slow
def test_hard_recipes_are_judged_as_if_there_were_no_ties():
    pairs = graded()
    recipes = [PROBE, Recipe("original"), SOFT]
    found = dict(round_margins(pairs, recipes, 3))
    for recipe, margins in round_margins(hard(pairs), recipes[:2], 3):
        np.testing.assert_array_equal(found[recipe], margins)
    assert found[SOFT].shape == (60,)
    assert (found[SOFT] != found[PROBE]).any()


def test_ties_train_on_soft_labels_alone_and_not_beside_their_prompt():
    pairs = graded()
    cut, soft = make_round(pairs, 1), make_round(pairs, 1, labels="soft")
    np.testing.assert_array_equal(cut.folds, soft.folds)
    for fold, (one, other) in enumerate(zip(cut.data.values(), soft.data.values(), strict=True)):
        rows, more = (np.concatenate([p.rows, p.validation_rows]) for p in (one, other))
        assert one.labels is None
        assert pairs.decided[rows].all()
        assert set(more) == set(np.flatnonzero(cut.folds != fold))
        assert not set(pairs.groups[more]) & set(pairs.groups[cut.folds == fold])
        np.testing.assert_allclose(other.all_labels(), pairs.labels[more], rtol=1e-6)
    alone = pair_folds(pairs, 1)[~pairs.decided]
    assert (alone == -1).sum() == 6


def test_labels_of_one_give_the_same_margins():
    pairs = embedded(50)
    ones = labelled(pairs, np.ones(50))
    found = dict(round_margins(ones, [PROBE, SOFT], 0))
    np.testing.assert_array_equal(found[PROBE], found[SOFT])
    assert not ones.graded


@pytest.mark.slow
def test_advice_compares_both_on_the_same_pairs():
    pairs = graded(40, 8)
    advice = advise(pairs, scales=[2], rounds=1)
    assert (advice.pairs, advice.prompts) == (40, 40)
    assert [each.recipe for each in advice.soft] == [
        Recipe(method, labels="soft") for method in ("original", *methods.PROBES)
    ]
    assert all(each.control == replace(each.recipe, labels="hard") for each in advice.soft)
    text, found = as_text(advice), as_json(advice)
    assert "Soft labels (votes, strengths and ties) change held-out accuracy of" in text
    assert "evidence probe, soft" in text
    assert found["soft_labels"][-1]["labels"] == "soft"
    assert found["soft_labels"][-1]["control"] == {"method": methods.PROBES[-1], "scale": 1}
    assert advice.curve.ahead[0] == 40


@pytest.mark.slow
def test_advice_without_grades_compares_nothing_more():
    pairs = embedded(40)
    margins = {r: np.stack([m]) for r, m in round_margins(pairs, recipes_for([])[1:], 0)}
    margins[Recipe("original")] = -margins[PROBE]
    advice = conclude(pairs, margins)
    assert advice.soft == []
    assert not [flag for flag in advice.flags if flag["flag"] != "all_pairs_tied"]


@pytest.mark.slow
def test_a_fit_by_name_takes_the_labels_that_there_are():
    pairs = graded()
    card = fit(pairs, "evidence_probe").card
    assert card["recipe"] == {"method": "evidence_probe", "scale": 1, "labels": "soft"}
    assert card["held_out"]["reliability"]
    assert fit(hard(pairs)).card["recipe"] == {"method": "evidence_probe", "scale": 1}
    one, other = fit(pairs, PROBE), fit(hard(pairs), PROBE)
    np.testing.assert_array_equal(one.head.weights["w"], other.head.weights["w"])
    assert one.card["held_out"] == other.card["held_out"]
    trained = [fit(pairs, recipe).card["data"] for recipe in (PROBE, SOFT)]
    assert [data["pairs"] for data in trained] == [60, 72]
    assert [data["ties_left_out"] for data in trained] == [12, 0]


def test_a_temperature_meets_soft_labels():
    """Margins of one size with labels of mean 0.7: sigmoid(margin / T) is about 0.7."""
    margins, labels = np.full(4000, 2.0), np.tile([0.9, 0.5], 2000)
    temperature = fit_temperature(margins, labels)
    assert 1 / (1 + np.exp(-2 / temperature)) == pytest.approx(0.7, abs=0.001)
    assert log_loss(margins / temperature, labels) == pytest.approx(
        -0.7 * np.log(0.7) - 0.3 * np.log(0.3), abs=1e-4
    )
