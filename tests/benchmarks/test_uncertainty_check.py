"""The check of standard errors and flags on real answers: what it counts and what it reads."""

import ast
import json

import numpy as np
import pandas as pd
import pytest
from uncertainty_check import functions, labels_met, measure, probability, summarised

from lens.advice.own_pairs import EmbeddedPairs


def test_a_probability_is_the_mean_over_the_error():
    margin, error = np.array([1.0, 1.0, -2.0, 0.0]), np.array([0.0, 2.0, 1.0, 3.0])
    found = probability(margin, error)
    z = np.random.default_rng(0).normal(size=400_000)
    expected = [(1 / (1 + np.exp(-m - s * z))).mean() for m, s in zip(margin, error, strict=True)]
    np.testing.assert_allclose(found, expected, atol=3e-3)
    assert found[3] == pytest.approx(0.5)


def test_labels_meet_margins_of_a_known_error():
    """Estimates m of margins with error 1.5: labels by the margins are as often right as stated."""
    rng = np.random.default_rng(1)
    estimate, error = rng.normal(0, 2, size=200_000), np.full(200_000, 1.5)
    margin = estimate + error * rng.normal(size=estimate.shape)
    wins = rng.random(len(margin)) < 1 / (1 + np.exp(-margin))
    rows = labels_met(np.where(wins, estimate, -estimate), error)
    assert [row["margin / error"] for row in rows] == ["below 1", "1 to 2", "above 2"]
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    for row in rows:
        assert row["right"] == pytest.approx(row["stated"], abs=0.01)
    assert rows[0]["stated"] < 0.65 < 0.85 < rows[2]["stated"]
    wrong = labels_met(np.where(wins, -estimate, estimate), error)
    assert [row["right"] for row in wrong] == pytest.approx([1 - row["right"] for row in rows])


@pytest.mark.slow
def test_functions_are_code():
    prompts, answers = functions(20)
    assert len(answers) == len(set(answers)) == 20
    for prompt, answer in zip(prompts, answers, strict=True):
        name = ast.parse(answer).body[0].name
        assert f"`{name}`" in json.loads(prompt)[0]["content"]


@pytest.mark.slow
def test_other_texts_are_flagged_more_often_than_other_prompts():
    rng = np.random.default_rng(2)

    def texts(shift):
        sides = rng.normal(size=(2, 240, 12)).astype(np.float32) + shift
        table = pd.DataFrame({"id": range(240), "group": [str(i) for i in range(240)]})
        for name in ("prompt", "chosen", "rejected"):
            table[name] = [f"{name} {i}" for i in range(240)]
        return EmbeddedPairs(table, *sides, None, {})

    pairs = {"near": texts(0.0), "far": texts(np.float32(4.0))}
    code = rng.normal(size=(50, 12)).astype(np.float32) - 5
    flags, met = measure(pairs, code, 150, 0)
    found = summarised(flags, ["fitted on", "texts"]).set_index(["fitted on", "texts"])
    assert found.loc[("near", "other prompts of near"), "flagged"] == pytest.approx(5, abs=5)
    assert found.loc[("near", "far"), "flagged"] > 90
    assert found.loc[("far", "near"), "flagged"] > 90
    assert found.loc[("near", "code"), "flagged"] > 90
    assert {row["fitted on"] for row in met} == {"near", "far"}
