"""Accuracy by the length and the side of the better answer."""

import numpy as np
import pandas as pd
import pytest

from lens.advice.fit import fit
from lens.evaluation.parts import Part, depends_on_length, judged_parts
from lens.reward.recipes import Recipe
from lens.serving.model_card import model_card, results_text
from tests.helpers.length_world import by_length


def table(count, side=True):
    """The first three quarters are pairs whose longer answer wins; first and second in turn."""
    longer = np.arange(count) < 0.75 * count
    texts = {"chosen": np.where(longer, "long", "s"), "rejected": np.where(longer, "s", "long")}
    found = pd.DataFrame(texts | {"group": np.arange(count).astype(str)})
    found["side"] = np.where(np.arange(count) % 2, "second", "first")
    return found if side else found.drop(columns="side")


def test_a_reward_that_goes_by_length_is_found_out():
    right = np.repeat([[1.0] * 90 + [0.0] * 30], 3, axis=0)
    parts = judged_parts(table(120), right)
    found = {part.wins: (part.pairs, part.accuracy.mean) for part in parts}
    assert found["longer answer"] == (90, 1.0)
    assert found["shorter answer"] == (30, 0.0)
    assert found["first answer"] == (60, pytest.approx(0.75))
    assert depends_on_length(parts)
    assert [Part.from_dict(part.as_dict()) for part in parts] == parts


def test_parts_of_few_prompts_and_sides_that_nobody_knows_are_left_out():
    right = np.ones((3, 36))
    assert [part.wins for part in judged_parts(table(36, side=False), right)] == ["longer answer"]
    assert not depends_on_length(judged_parts(table(36), right))
    even = judged_parts(table(200), np.ones((3, 200)))
    assert not depends_on_length(even)
    assert len(even) == 4


@pytest.mark.slow
def test_fit_says_what_the_control_costs():
    pairs = by_length(count=240)
    model = fit(pairs, Recipe("evidence_probe", covariate="length"))
    held = model.card["held_out"]
    parts, without = (
        {part["wins"]: part["mean"] for part in of["parts"]}
        for of in (held, held["without_control"])
    )
    assert parts["longer answer"] < without["longer answer"] - 0.1
    assert parts["shorter answer"] > without["shorter answer"] + 0.02
    costs = held["without_control"]["costs"]
    accuracy = held["without_control"]["accuracy"]["mean"] - held["accuracy"]["mean"]
    assert costs["mean"] == pytest.approx(accuracy)
    assert costs["low"] > 0  # length does decide here
    for text in (results_text(model), model_card(model)):
        assert "points of accuracy that the control costs" in text
        assert "where the shorter answer wins" in text
    rewards = model.score_embeddings(np.array([[0, 2, 0, 0], [0, 5, 0, 0], [1, 2, 0, 0]]))
    assert abs(rewards[1] - rewards[0]) < 0.1 * (rewards[2] - rewards[0])
