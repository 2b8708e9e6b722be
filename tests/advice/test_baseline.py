"""Scores that need no labels: read by id or prompt, and told from what labels add to them."""

import json

import numpy as np
import pytest

from lens.advice.advise import advise
from lens.advice.baseline import compare_baseline, score_gaps
from lens.advice.crossval import round_margins
from lens.advice.report import as_json
from lens.advice.result import as_text
from lens.core.errors import LensError
from lens.reward.recipes import Recipe
from tests.helpers.embedded_pairs import embedded
from tests.helpers.word_pairs import jsonl

PROBE = Recipe("mean_difference")


def scored(tmp_path, gaps):
    rows = [{"id": str(i), "chosen": float(gap), "rejected": 0} for i, gap in enumerate(gaps)]
    return str(jsonl(tmp_path / "scores.jsonl", rows))


def compared(pairs, source):
    margins = np.stack([next(round_margins(pairs, [PROBE], seed))[1] for seed in range(3)])
    return compare_baseline(pairs, margins, str(PROBE), source)


def test_scores_that_know_it_all_gain_nothing_by_labels(tmp_path):
    pairs = embedded(200)
    found = compared(pairs, scored(tmp_path, np.ones(200)))
    assert found.alone.mean == found.combined.mean == 1
    assert found.gain.mean == 0


def test_scores_of_a_coin_gain_what_the_labels_know(tmp_path):
    pairs = embedded(300, strength=3.0)
    coin = np.random.default_rng(0).normal(size=300)
    found = compared(pairs, scored(tmp_path, coin))
    assert found.alone.mean == pytest.approx((coin > 0).mean())
    assert found.combined.mean > 0.75
    assert found.gain.low > 0


def test_length_is_in_characters():
    pairs = embedded(20)
    pairs.table["chosen"] = ["abc"] * 10 + ["a"] * 10
    pairs.table["rejected"] = "ab"
    np.testing.assert_array_equal(score_gaps(pairs.table, "length"), [1] * 10 + [-1] * 10)


def test_rows_by_prompt(tmp_path):
    table = embedded(3).table
    prompts = [f"What is {i}?" for i in range(3)]
    table["prompt"] = [json.dumps([{"role": "user", "content": p}]) for p in prompts]
    rows = [{"prompt": p, "chosen": i, "rejected": 1} for i, p in enumerate(prompts)]
    source = jsonl(tmp_path / "scores.jsonl", rows[::-1])
    np.testing.assert_array_equal(score_gaps(table, str(source)), [-1, 0, 1])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"id": "0", "chosen": 1, "rejected": 0}],
            "no scores for 2 of 3 pairs, the first with id '1'",
        ),
        ([{"id": "0", "chosen": "good", "rejected": 0}], "row 1: needs `id` or `prompt`"),
        ([{"id": "0", "chosen": 1, "rejected": 0}] * 2, "the id '0' is used twice"),
    ],
)
def test_refused(rows, message, tmp_path):
    source = jsonl(tmp_path / "scores.jsonl", rows)
    with pytest.raises(LensError, match=message):
        score_gaps(embedded(3).table, str(source))


@pytest.mark.slow
def test_the_advice_has_rows_for_it(tmp_path):
    pairs = embedded(60)
    source = scored(tmp_path, np.random.default_rng(0).normal(size=60))
    advice = advise(pairs, scales=[2], rounds=1, baseline=source)
    text, found = as_text(advice), as_json(advice)
    assert "scores.jsonl, no labels" in text
    assert "your labels add" in text
    assert "cannot be tested on 60 pairs" in text
    assert found["baseline"]["alone"]["mean"] == advice.baseline.alone.mean
    assert found["choice"]["verdict"] == "too few"
